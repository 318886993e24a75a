-- Findings of `manage.py check` about a database.
-- Locks: none; these functions read the catalog only.

-- Returns the constants of `p_values` that a CHECK constraint or enum of `p_table` refuses, as `table: column
-- 'value', …`; null if there are none. Constraints that also read other columns are not evaluated. Called by
-- `darkroom_check`.
create or replace function darkroom_refused_values(p_table text, p_values jsonb) returns text
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_constraint record;
  v_accepted boolean;
  v_refused text[] := '{}';
begin
  for v_constraint in
    select pg_get_expr(c.conbin, c.conrelid) as condition, n.names,
           (select string_agg(format('%L::%s as %I', p_values ->> name, darkroom_column_type(p_table, name), name), ', ')
              from unnest(n.names) name) as columns
      from pg_constraint c
      cross join lateral (select array_agg(a.attname::text order by a.attname) as names from pg_attribute a
                           where a.attrelid = c.conrelid and a.attnum = any (c.conkey)) n
     where c.conrelid = to_regclass(quote_ident(p_table)) and c.contype = 'c' and p_values ?& n.names
  loop
    execute format('select (%s) from (select %s) row', v_constraint.condition, v_constraint.columns) into v_accepted;
    if not v_accepted then
      v_refused := v_refused || v_constraint.names;
    end if;
  end loop;
  select v_refused || coalesce(array_agg(v.key), '{}') into v_refused
    from jsonb_each_text(p_values) v
    join pg_attribute a on a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = v.key
   where exists (select from pg_enum e where e.enumtypid = a.atttypid)
     and not exists (select from pg_enum e where e.enumtypid = a.atttypid and lower(e.enumlabel) = lower(v.value));
  return (select p_table || ': ' || string_agg(distinct format('%s %L', name, p_values ->> name), ', ')
            from unnest(v_refused) name);
end $$;

-- Returns the faults of this database by kind, with empty lists if there are none, the role of the caller, and the
-- products whose tables exist. Only tables of `p_products` are checked; null means the products whose tables exist.
-- Called by `manage.py check`.
create or replace function darkroom_check(p_functions jsonb, p_products jsonb default null) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  with checked as (
    select case when p_products is null then darkroom_installed_products()
                else array(select jsonb_array_elements_text(p_products)) end as products
  ), ours as (
    select p.oid, p.proname from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.proname like 'darkroom\_%'
  ), outsider as (
    select oid from pg_roles where rolname in ('anon', 'authenticated')
  ), credit(name, meanings) as (values
    ('deduct_credits', array['payer', 'amount']),
    ('refund_credits', array['payer', 'amount']),
    ('deduct_store_credits', array['payer', 'amount', 'reference']),
    ('refund_store_credits', array['payer', 'amount', 'reference']),
    ('deduct_store_shopper_credits', array['payer', 'email', 'amount', 'reference']),
    ('refund_store_shopper_credits', array['payer', 'email', 'amount', 'reference'])
  ), wanted as (
    select c.* from darkroom_columns() c
      join darkroom_table_products() t on t.table_name = c.table_name
      join checked on t.product = any (checked.products)
  ), inserted as (
    select table_name from wanted where table_name <> 'user_preferences' group by 1
  )
  select jsonb_build_object(
    -- The role of the API key; `none` for a direct connection.
    'role', coalesce(current_setting('role', true), 'none'),
    'products', to_jsonb(darkroom_installed_products()),
    'missing_functions', array(
      select name from jsonb_array_elements_text(p_functions) name
      except select proname from ours order by 1),
    'missing_columns', array(
      select w.table_name || '.' || w.column_name from wanted w
       where darkroom_column_type(w.table_name, w.column_name) is null order by 1),
    -- Columns that need a value and get none from Darkroom: every insert would be refused.
    'unfilled_columns', array(
      select i.table_name || '.' || n.name from inserted i, darkroom_needed_columns(i.table_name) n
       where not n.filled
         and n.name not in ('id', 'status', 'user_id', 'store_id', 'workspace_id')
         and not exists (select from wanted w where w.table_name = i.table_name and w.column_name = n.name)
       order by 1),
    'refused_values', array(
      select refused from inserted i, darkroom_refused_values(i.table_name, case i.table_name
        when 'audit_log' then '{"event_type": "photo_generated", "event_category": "image_generation",
                                "action": "generate", "resource_type": "photo", "result": "success"}'
        when 'messages' then '{"role": "assistant", "channel": "web"}' else '{}' end::jsonb) refused
       where refused is not null order by 1),
    'missing_credit_functions', array(
      select format('%s(%s)', credit.name, array_to_string(credit.meanings, ', ')) from credit
       where (credit.name not like '%shopper%' or darkroom_column_type('stores', 'billing_mode') is not null)
         and (credit.name not like '%store%' or (select 'tryon' = any (products) from checked))
         and not credit.meanings <@ array(select a.meaning from darkroom_credit_arguments(credit.name) a)
       order by 1),
    'open_functions', array(
      select distinct o.proname from ours o, outsider where has_function_privilege(outsider.oid, o.oid, 'execute') order by 1),
    'open_credit_functions', array(
      select distinct p.proname from credit join pg_proc p on p.proname = credit.name, outsider
       where p.pronamespace = 'public'::regnamespace and has_function_privilege(outsider.oid, p.oid, 'execute') order by 1),
    'open_tables', array(
      select relname from pg_class
       where relnamespace = 'public'::regnamespace and relname like 'darkroom\_%' and relkind = 'r' and not relrowsecurity
       order by 1))
$$;
