-- Writes of a worker while it runs a job. Each takes the fencing token; with an outdated token nothing changes.
-- Locks: the job, its row in `darkroom_dispatched`, then its session.

-- Write `p_value` into the journal of a running job. Returns false if another worker owns the job or it has ended.
-- The amount spent counts once per path: writing the same path again replaces it. Called by `Records.journal`.
create or replace function darkroom_journal(
  p_task_id text, p_token bigint, p_path jsonb, p_value jsonb, p_provider_job_id text, p_spent_usd float8
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_path text[] := array(select jsonb_array_elements_text(p_path));
  v_spent_at text[] := array['spent', array_to_string(v_path, '/')];
  v_journal jsonb;
  v_spent_usd numeric := 0;
begin
  select journal into v_journal from darkroom_jobs
   where task_id = p_task_id and state = 'running' for update;
  if not found or not darkroom_owns(p_task_id, p_token) then
    return false;
  end if;
  if cardinality(v_path) > 1 and not v_journal ? v_path[1] then
    v_journal := jsonb_set(v_journal, v_path[1:1], '{}');
  end if;
  v_journal := jsonb_set(v_journal, v_path, p_value);
  if p_spent_usd > 0 then
    v_spent_usd := p_spent_usd - coalesce((v_journal #>> v_spent_at)::numeric, 0);
    v_journal := jsonb_set(jsonb_build_object('spent', '{}'::jsonb) || v_journal, v_spent_at, to_jsonb(p_spent_usd));
  end if;
  update darkroom_jobs
     set journal = v_journal, provider_job_id = coalesce(p_provider_job_id, provider_job_id),
         spent_usd = spent_usd + v_spent_usd
   where task_id = p_task_id;
  return true;
end $$;

-- Set the session of a running job back to queued with `p_message` while it waits for a rate limit; or to
-- processing, if the message is null. Returns whether the session was moved. Called by `Records.mark_rate_limited`.
create or replace function darkroom_mark_rate_limited(p_task_id text, p_token bigint, p_message text) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and state = 'running' for update;
  return found and darkroom_owns(p_task_id, p_token) and darkroom_move_session(
    v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
    case when p_message is null then 'processing' else 'queued' end, jsonb_build_object('error_message', p_message));
end $$;

-- Set a running job back to waiting for `p_delay_s` seconds; its journal is kept. Until then it has no turn. Returns false if another worker
-- owns the job. Called by `Records.postpone`.
create or replace function darkroom_postpone(
  p_task_id text, p_token bigint, p_delay_s float8, p_message text
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and state = 'running' for update;
  if not found or not darkroom_owns(p_task_id, p_token) then
    return false;
  end if;
  perform darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
                                'queued', jsonb_build_object('error_message', p_message));
  update darkroom_jobs
     set state = 'waiting', not_before = now() + make_interval(secs => p_delay_s), token = p_token
   where task_id = p_task_id;
  delete from darkroom_dispatched where task_id = p_task_id;
  return true;
end $$;
