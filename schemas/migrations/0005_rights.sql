-- Only the service role runs Darkroom's functions; what everybody may call by default is taken back.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select oid::regprocedure from pg_proc
     where pronamespace = 'public'::regnamespace and proname like 'darkroom\_%'
  loop
    execute format('revoke all on function %s from public', v_function);
    if exists (select from pg_roles where rolname = 'anon') then
      execute format('revoke all on function %s from anon, authenticated', v_function);
    end if;
    if exists (select from pg_roles where rolname = 'service_role') then
      execute format('grant execute on function %s to service_role', v_function);
    end if;
  end loop;
end $$;
