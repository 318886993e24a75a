-- Reading jobs.

create or replace function darkroom_job(p_task_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select to_jsonb(j) from darkroom_jobs j where task_id = p_task_id
$$;

create or replace function darkroom_jobs_of_session(p_session_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from darkroom_jobs j where session_id = p_session_id
$$;

-- The newest jobs, of one state where given.
create or replace function darkroom_list(p_state text, p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from (
    select * from darkroom_jobs where p_state is null or state = p_state order by seq desc limit p_limit) j
$$;

-- `{state: jobs}`, and how long the oldest waiting job waits, in seconds.
create or replace function darkroom_counts() returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_object_agg(state, n), '{}') || jsonb_build_object('oldest_waiting_s', coalesce(
           (select extract(epoch from now() - min(created_at)) from darkroom_jobs where state = 'waiting'), 0))
    from (select state, count(*) as n from darkroom_jobs group by state) c
$$;

-- What is known of tasks: `{task_id: {…}}`, without payloads. A task that was ordered and not taken in yet waits.
create or replace function darkroom_tasks(p_task_ids jsonb) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  with wanted as (select jsonb_array_elements_text(p_task_ids) as task_id), found as (
    select j.task_id, j.product, j.session_id, j.owner_id, j.user_id, j.state, j.run, j.token, j.outcome, j.failure,
           j.finished_at
      from darkroom_jobs j join wanted w on w.task_id = j.task_id
    union all
    select r.task_id, r.product, r.session_id, r.owner_id, r.user_id, case when r.ended then 'failed' else 'waiting' end,
           1, 0, null, case when r.ended then '{"code": "queue_unavailable"}'::jsonb end, null
      from darkroom_requests r join wanted w on w.task_id = r.task_id
     where not exists (select from darkroom_jobs j where j.task_id = r.task_id))
  select coalesce(jsonb_object_agg(task_id, to_jsonb(found)), '{}') from found
$$;

-- What is known of an image job whose row its caller has created; null without one.
create or replace function darkroom_images_job(p_job_id text) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job jsonb;
begin
  if darkroom_is_id('image_generation_jobs', p_job_id) then
    execute format(
      'select jsonb_build_object(''job_id'', id::text, ''workspace_id'', workspace_id::text, ''user_id'', user_id::text,'
      ' ''task_id'', task_id::text, ''style_id'', style_id::text) from image_generation_jobs where id = %L', p_job_id)
      into v_job;
  end if;
  return v_job;
end $$;

-- Answers when the database does.
create or replace function darkroom_ping() returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select true
$$;
