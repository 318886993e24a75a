-- Leases of jobs, and their recovery after expiry.
-- Locks: jobs only.

-- Extend the leases of `{task_id: token}`. Returns `{task_id: state}` of the leases that are still held. A missing
-- job is owned by another worker; a job that is not running has ended. Called by `Records.renew_leases`.
create or replace function darkroom_renew_leases(p_leases jsonb, p_lease_s float8) returns jsonb
language sql security definer set search_path = public, extensions, pg_temp as $$
  with held as (
    update darkroom_jobs j set lease_until = now() + make_interval(secs => p_lease_s)
      from jsonb_each_text(p_leases) l
     where j.task_id = l.key and j.token = l.value::bigint and j.lease_until is not null
     returning j.task_id, j.state)
  select coalesce(jsonb_object_agg(task_id, state), '{}') from held
$$;

-- Returns jobs whose lease has expired, longest expired first, at most `p_limit`; only jobs of `p_products` if it is
-- not null, so that a worker leaves jobs of products that it does not know to other workers. Called by
-- `Records.expired_leases`.
create or replace function darkroom_expired_leases(p_limit integer, p_products jsonb default null) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from (
    select * from darkroom_jobs
     where lease_until < now() and (p_products is null or p_products ? product)
     order by lease_until limit p_limit) j
$$;

-- Take over a job whose lease has expired: increment its token and its recoveries. Returns the job; null if another
-- worker recovered it or its lease was renewed. A job whose recoveries are used up is returned with its old token,
-- for the caller to fail it. Called by `Records.recover`.
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
