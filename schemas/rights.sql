-- Restricts Darkroom's functions, tables and sequences to the service role: revokes the default rights of PUBLIC, and those that a
-- database grants to the roles of public API keys. Applied last, at every migration, so that it covers new functions.
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
     where relnamespace = 'public'::regnamespace and relname like 'darkroom\_%' and relkind in ('r', 'v')
    union all
    select 'sequence ' || oid::regclass from pg_class
     where relnamespace = 'public'::regnamespace and relname like 'darkroom\_%' and relkind = 'S'
  loop
    for v_role in select 'public' union all select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
      execute format('revoke all on %s from %s', v_object, v_role);
    end loop;
    for v_role in select rolname from pg_roles where rolname = 'service_role' loop
      execute format('grant all on %s to %s', v_object, v_role);
    end loop;
  end loop;
end $$;
