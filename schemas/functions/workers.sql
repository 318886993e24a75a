-- Workers, their claims of jobs, and the recovery of jobs that no live worker owns.
-- Locks: `darkroom_recover`, `darkroom_owns` and `darkroom_release` the job, then its row in `darkroom_dispatched`; the
-- others only that row.

-- Renew the lease of a worker; `p_worker` is `{host, version, queues, slots}`. `p_jobs` is `{task_id: token}` of all
-- jobs that the worker has; the token is null while it claims the job. Returns `{task_id: verdict}` of those that the
-- worker has to stop: lost (another worker has it, or will) or ended (it was cancelled or has failed elsewhere). A job
-- that the worker owns and did not name is given up, a lease after its claim: no code of the worker runs it. A lost
-- commit does no harm: the next heartbeat repeats it. Called by `Workers.heartbeat`.
create or replace function darkroom_heartbeat(p_worker_id text, p_worker jsonb, p_jobs jsonb, p_lease_s float8)
returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_stopped jsonb;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into darkroom_workers (worker_id, lease_until, host, version, queues, slots)
  values (p_worker_id, now() + make_interval(secs => p_lease_s), p_worker ->> 'host',
          (p_worker ->> 'version')::integer, p_worker -> 'queues', (p_worker ->> 'slots')::integer)
  on conflict (worker_id) do update set lease_until = excluded.lease_until;

  update darkroom_dispatched set worker_id = null, claim_by = now()
   where task_id in (
     select task_id from darkroom_dispatched
      where worker_id = p_worker_id and not p_jobs ? task_id and claimed_at < now() - make_interval(secs => p_lease_s)
      order by task_id for update skip locked);

  select coalesce(jsonb_object_agg(l.key, case
           when (select state from darkroom_jobs j where j.task_id = l.key) in ('completed', 'failed', 'cancelled')
           then 'ended' else 'lost' end), '{}')
    into v_stopped
    from jsonb_each_text(p_jobs) l left join darkroom_dispatched d on d.task_id = l.key
   where l.value is not null and d.token is distinct from l.value::bigint;
  return v_stopped;
end $$;

-- Claim a job for a worker: its message names the token of the dispatch, recovery or hand-over. Returns the new token;
-- null if the message is outdated or was claimed before, by another `p_claim_id`. Called by `Workers.claim`.
create or replace function darkroom_claim(p_task_id text, p_token bigint, p_worker_id text, p_claim_id text)
returns bigint
language sql security definer set search_path = public, extensions, pg_temp as $$
  update darkroom_dispatched
     set token = p_token + 1, worker_id = p_worker_id, claim_by = null, claim_id = p_claim_id, claimed_at = now()
   where task_id = p_task_id and (token = p_token or (token = p_token + 1 and claim_id = p_claim_id))
  returning token
$$;

-- Record that a message with this token is in a queue, to be claimed by any worker within `p_within_s` seconds: the
-- worker that owned the job has handed it over, or the message still waits. Returns false if the job was claimed or
-- recovered since. Called by `Workers.expect_claim`.
create or replace function darkroom_expect_claim(p_task_id text, p_token bigint, p_within_s float8) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  update darkroom_dispatched set worker_id = null, claim_by = now() + make_interval(secs => p_within_s)
   where task_id = p_task_id and token = p_token;
  return found;
end $$;

-- Returns the rows of jobs that no live worker owns: claimed more than a lease ago by a worker whose lease has expired,
-- or not claimed in time. Called by `darkroom_lost_jobs` and `darkroom_recover`.
create or replace function darkroom_lost(p_lease_s float8) returns setof darkroom_dispatched
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select d.* from darkroom_dispatched d left join darkroom_workers w on w.worker_id = d.worker_id
   where case when d.worker_id is null then d.claim_by < now()
              -- A worker that has just started may claim a job before its first heartbeat.
              else d.claimed_at < now() - make_interval(secs => p_lease_s)
                   and coalesce(w.lease_until, '-infinity') < now() end
$$;

-- Returns jobs that no live worker owns, at most `p_limit`; only jobs of `p_products` if it is not null, so that a
-- worker leaves jobs of products that it does not know to other workers. `worker_id` is that of the last owner; null if
-- the job was not claimed in time. Called by `Workers.lost_jobs`.
create or replace function darkroom_lost_jobs(p_limit integer, p_lease_s float8, p_products jsonb default null)
returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j) || jsonb_build_object('token', l.token, 'worker_id', l.worker_id)), '[]')
    from (select * from darkroom_lost(p_lease_s) order by coalesce(claim_by, claimed_at)) l
    join darkroom_jobs j on j.task_id = l.task_id
   where p_products is null or p_products ? j.product
   limit p_limit
$$;

-- Recover a job that no live worker owns: increment its token and its recoveries; its message must be claimed within a
-- lease. Returns the job; null if another worker recovered it or its worker has renewed its lease. A job whose
-- recoveries are used up is returned with its old token, for the caller to fail it. Called by `Workers.recover`.
create or replace function darkroom_recover(
  p_task_id text, p_token bigint, p_max_recoveries integer, p_lease_s float8
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  perform from darkroom_jobs where task_id = p_task_id for update;
  update darkroom_dispatched d
     set token = case when j.recoveries < p_max_recoveries then d.token + 1 else d.token end,
         worker_id = null, claim_by = now() + make_interval(secs => p_lease_s)
    from darkroom_jobs j
   where d.task_id = p_task_id and d.token = p_token and j.task_id = p_task_id
     and exists (select from darkroom_lost(p_lease_s) l where l.task_id = p_task_id);
  if not found then
    return null;
  end if;
  update darkroom_jobs j set token = d.token, recoveries = recoveries + 1
    from darkroom_dispatched d where j.task_id = p_task_id and d.task_id = p_task_id
  returning j.* into v_job;
  return to_jsonb(v_job);
end $$;

-- Returns whether `p_token` is the current token of a dispatched job, and locks the row: a claim or recovery waits for
-- the end of the transaction. Called by all functions that take the token of a worker.
create or replace function darkroom_owns(p_task_id text, p_token bigint) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  perform from darkroom_dispatched where task_id = p_task_id and token = p_token for update;
  return found;
end $$;

-- Release jobs, `{task_id: token}`, whose outcome was published and whose deliveries are in the outbox. A lost commit
-- does no harm: the outcome is published again. Returns the number released. Called by `Workers.release`.
create or replace function darkroom_release(p_jobs jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_released integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  -- The next run of the job continues from this token.
  update darkroom_jobs j set token = d.token
    from darkroom_dispatched d join jsonb_each_text(p_jobs) l on d.task_id = l.key and d.token = l.value::bigint
   where j.task_id = d.task_id and j.token < d.token;
  delete from darkroom_dispatched d using jsonb_each_text(p_jobs) l, darkroom_jobs j
   where d.task_id = l.key and d.token = l.value::bigint and j.task_id = d.task_id
     and j.state in ('completed', 'failed', 'cancelled');
  get diagnostics v_released = row_count;
  return v_released;
end $$;

-- Delete workers whose lease expired more than `p_older_s` seconds ago. Returns the number deleted. Called by
-- `Workers.forget`.
create or replace function darkroom_forget_workers(p_older_s float8) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_deleted integer;
begin
  delete from darkroom_workers where worker_id in (
    select worker_id from darkroom_workers where lease_until < now() - make_interval(secs => p_older_s)
     order by worker_id for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_deleted;
end $$;
