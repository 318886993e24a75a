-- What is wrong with this database, for `manage.py check`: empty lists when all is well.
create or replace function darkroom_check(p_functions jsonb) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  with ours as (
    select p.oid, p.proname from pg_proc p
     where p.pronamespace = 'public'::regnamespace and p.proname like 'darkroom\_%'
  ), outsider as (
    select oid from pg_roles where rolname in ('anon', 'authenticated')
  ), credit(name, arguments) as (values
    ('deduct_credits', array['p_user_id', 'p_amount', 'p_description']),
    ('refund_credits', array['p_user_id', 'p_amount', 'p_description']),
    ('deduct_store_credits', array['p_store_id', 'p_amount', 'p_request_id', 'p_description']),
    ('refund_store_credits', array['p_store_id', 'p_amount', 'p_request_id', 'p_description'])
  )
  select jsonb_build_object(
    -- Who called: the role that the key stands for, `none` where no role was set.
    'role', coalesce(current_setting('role', true), 'none'),
    'missing_functions', array(
      select name from jsonb_array_elements_text(p_functions) name
      except select proname from ours order by 1),
    'missing_columns', array(
      select c.table_name || '.' || c.column_name from darkroom_columns() c
       where darkroom_column_type(c.table_name, c.column_name) is null order by 1),
    'missing_credit_functions', array(
      select format('%s(%s)', credit.name, array_to_string(credit.arguments, ', ')) from credit
       where not exists (select from pg_proc p
                          where p.pronamespace = 'public'::regnamespace and p.proname = credit.name
                            and credit.arguments <@ p.proargnames)
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
