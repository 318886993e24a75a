-- Only the service role runs Darkroom's functions and nobody else reads its tables. What everybody may do by default is
-- taken back, also where a database grants it by name to roles that hold a public key. Applied last, at every
-- migrate, so that no new function stays open.
do $$
declare
  v_object text;
  v_role text;
begin
  for v_object in
    select 'function ' || oid::regprocedure from pg_proc
     where pronamespace = 'public'::regnamespace and proname like 'darkroom\_%'
    union all
    select 'table ' || oid::regclass from pg_class
     where relnamespace = 'public'::regnamespace and relname like 'darkroom\_%' and relkind = 'r'
  loop
    for v_role in select 'public' union all select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
      execute format('revoke all on %s from %s', v_object, v_role);
    end loop;
    for v_role in select rolname from pg_roles where rolname = 'service_role' loop
      execute format('grant all on %s to %s', v_object, v_role);
    end loop;
  end loop;
end $$;
