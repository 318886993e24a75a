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
create or replace function darkroom_recent_jobs(p_state text, p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from (
    select * from darkroom_jobs where p_state is null or state = p_state order by seq desc limit p_limit) j
$$;

-- `{state: jobs}`, and how long the oldest waiting job waits, in seconds.
create or replace function darkroom_job_counts() returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_object_agg(state, n), '{}') || jsonb_build_object('oldest_waiting_s', coalesce(
           (select extract(epoch from now() - min(created_at)) from darkroom_jobs where state = 'waiting'), 0))
    from (select state, count(*) as n from darkroom_jobs group by state) c
$$;

-- What is known of tasks: `{task_id: {…}}`, without payloads. A task that was ordered and not taken in yet waits, unless
-- its session ended meanwhile; a payload that could not be used has failed, and nobody is known to own it.
create or replace function darkroom_tasks(p_task_ids jsonb) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_ids text[] := array(select jsonb_array_elements_text(p_task_ids));
  v_tasks jsonb;
  v_order record;
begin
  select coalesce(jsonb_object_agg(task_id, to_jsonb(job)), '{}') into v_tasks from (
    select j.task_id, j.product, j.session_id, j.owner_id, j.user_id, j.state, j.run, j.token, j.outcome, j.failure,
           j.finished_at
      from darkroom_jobs j where j.task_id = any (v_ids)) job;

  for v_order in
    select r.*, t.table_name from darkroom_requests r
      left join darkroom_session_tables t on t.product = r.product and t.channel = r.channel
     where r.task_id = any (v_ids) and not v_tasks ? r.task_id
  loop
    v_tasks := v_tasks || jsonb_build_object(v_order.task_id, jsonb_build_object(
      'task_id', v_order.task_id, 'product', v_order.product, 'session_id', v_order.session_id,
      'owner_id', v_order.owner_id, 'user_id', v_order.user_id, 'run', 1, 'token', 0)
      || darkroom_order_state(v_order.table_name, v_order.session_id, v_order.ended));
  end loop;

  if exists (select from unnest(v_ids) id where not v_tasks ? id) then
    select v_tasks || coalesce(jsonb_object_agg(task_id, to_jsonb(letter)), '{}') into v_tasks from (
      select distinct on (task_id) task_id, null::text as product, coalesce(session_id, '') as session_id,
             null::text as owner_id, 'failed' as state, 1 as run, 0 as token, created_at as finished_at,
             jsonb_build_object('code', code, 'message', 'The task could not be processed because it is not valid.')
               as failure
        from darkroom_dead_letters where task_id = any (v_ids) and not v_tasks ? task_id
       order by task_id, id desc) letter;
  end if;
  return v_tasks;
end $$;

-- The `{state, failure}` of an order whose task has not arrived, from its session where it has one.
create or replace function darkroom_order_state(p_table text, p_session_id text, p_ended boolean) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_status text;
  v_message text;
begin
  if p_table is not null and darkroom_is_id(p_table, p_session_id) then
    execute format('select lower(status::text), error_message from %I where id = %L', p_table, p_session_id)
      into v_status, v_message;
  end if;
  if not p_ended and (v_status is null or v_status in ('queued', 'pending', 'processing')) then
    return '{"state": "waiting"}';
  end if;
  if v_message = 'Cancelled' then
    return jsonb_build_object('state', 'cancelled', 'failure', jsonb_build_object('code', 'cancelled', 'message', v_message));
  end if;
  return jsonb_build_object('state', 'failed', 'failure', jsonb_build_object(
    'code', case when p_ended then 'queue_unavailable' else 'session_ended' end,
    'message', coalesce(v_message, 'The task could not be queued. Please try again later.')));
end $$;

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
