-- Leases of running jobs, and recovery when they expire.

-- Extends the leases of `{task_id: token}`; returns `{task_id: state}` of those that still hold. Who is missing lost the
-- job to another worker; who is no longer running ended meanwhile.
create or replace function darkroom_renew_leases(p_leases jsonb, p_lease_s float8) returns jsonb
language sql security definer set search_path = public, extensions, pg_temp as $$
  with held as (
    update darkroom_jobs j set lease_until = now() + make_interval(secs => p_lease_s)
      from jsonb_each_text(p_leases) l
     where j.task_id = l.key and j.token = l.value::bigint and j.lease_until is not null
     returning j.task_id, j.state)
  select coalesce(jsonb_object_agg(task_id, state), '{}') from held
$$;

-- Jobs whose lease has expired, of `p_products` where given: a worker leaves jobs of products that it does not know to
-- those that do.
create or replace function darkroom_expired_leases(p_limit integer, p_products jsonb default null) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from (
    select * from darkroom_jobs
     where lease_until < now() and (p_products is null or p_products ? product)
     order by lease_until limit p_limit) j
$$;

-- Takes an expired job over: a new token, one recovery more. Null if another was faster or it was renewed. A job that
-- has used up its recoveries is returned with its old token for the caller to end it.
create or replace function darkroom_recover(
  p_task_id text, p_token bigint, p_max_recoveries integer, p_lease_s float8
) returns jsonb
language sql security definer set search_path = public, extensions, pg_temp as $$
  with taken as (
    update darkroom_jobs
       set token = case when recoveries < p_max_recoveries then token + 1 else token end,
           recoveries = recoveries + 1, lease_until = now() + make_interval(secs => p_lease_s)
     where task_id = p_task_id and token = p_token and lease_until < now()
     returning *)
  select to_jsonb(taken) from taken
$$;
