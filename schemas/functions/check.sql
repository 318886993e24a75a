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

-- Returns the indexes on product tables that lists and the sweep need and this database lacks: `label`, which names table
-- and columns; the name; whether an interrupted creation has left an invalid index of this name; and the statement that
-- creates it. Any valid index that begins with these columns will do. Called by `manage.py migrate` and
-- `darkroom_check`.
create or replace function darkroom_missing_indexes()
returns table (label text, index_name text, invalid boolean, statement text)
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  with wanted as (
    select t.product, t.table_name, array['status', 'created_at'] as columns from darkroom_session_tables t
    union all
    -- Only sessions of `tryon` are listed by owner.
    select t.product, t.table_name, array[t.owner_column, 'status', 'created_at'] from darkroom_session_tables t
     where t.product = 'tryon'
    union all values ('avatar', 'audit_log', array['created_at'])
  ), found as (
    select w.*, to_regclass(quote_ident(w.table_name)) as relation,
           left(format('darkroom_%s_%s', w.table_name, array_to_string(w.columns, '_')), 63) as name,
           (select array_agg(a.attnum order by array_position(w.columns, a.attname::text)) from pg_attribute a
             where a.attrelid = to_regclass(quote_ident(w.table_name)) and a.attname = any (w.columns)
               and not a.attisdropped) as numbers
      from wanted w where w.product = any (darkroom_installed_products())
  )
  select format('%s (%s)', f.table_name, array_to_string(f.columns, ', ')), f.name,
         exists (select from pg_index i join pg_class c on c.oid = i.indexrelid
                  where i.indrelid = f.relation and c.relname = f.name and not i.indisvalid),
         format('create index concurrently if not exists %I on %I (%s)', f.name, f.table_name,
                (select string_agg(quote_ident(name), ', ' order by n) from unnest(f.columns) with ordinality c(name, n)))
    from found f
   where cardinality(f.numbers) = cardinality(f.columns)
     and not exists (
       select from pg_index i
        where i.indrelid = f.relation and i.indisvalid and i.indpred is null
          and (i.indkey::int2[])[0:cardinality(f.columns) - 1] = f.numbers)
$$;

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
    'missing_indexes', array(select label from darkroom_missing_indexes() order by 1),
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
