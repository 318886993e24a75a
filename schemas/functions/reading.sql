-- Reads of jobs, tasks and orders.
-- Locks: none.

-- Returns the job of a task with its current token and worker; null if there is none. Called by `Records.job`.
create or replace function darkroom_job(p_task_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select to_jsonb(j) || coalesce((select jsonb_build_object('token', d.token, 'worker_id', d.worker_id)
                                    from darkroom_dispatched d where d.task_id = j.task_id), '{}')
    from darkroom_jobs j where j.task_id = p_task_id
$$;

-- Returns the jobs with this session id: products may use the same one. Called by `Records.jobs_of_session`.
create or replace function darkroom_jobs_of_session(p_session_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from darkroom_jobs j where session_id = p_session_id
$$;

-- Returns the newest jobs, at most `p_limit`; only those in `p_state` if it is not null. Completed ones are looked for among
-- the 10,000 newest jobs, failed and cancelled ones among the 10,000 newest that did not complete. Called by
-- `Records.recent`.
create or replace function darkroom_recent_jobs(p_state text, p_limit integer) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_jobs jsonb;
begin
  execute format(
    'select coalesce(jsonb_agg(to_jsonb(j) order by j.created_at desc, j.seq desc), ''[]'') from ('
    ' select * from (select * from darkroom_jobs where %s order by created_at desc, seq desc limit %s) newest'
    '  where %L::text is null or state = %3$L order by created_at desc, seq desc limit %4$s) j',
    case when p_state = 'waiting' then '(turn is not null or not_before is not null)'
         when p_state = 'running' then 'task_id in (select task_id from darkroom_dispatched)'
         when p_state in ('failed', 'cancelled') then 'failure is not null' else 'true' end,
    greatest(p_limit, 10000), p_state, p_limit) into v_jobs;
  return v_jobs;
end $$;

-- Returns `{state: number of jobs}`, and the age of the oldest waiting job in seconds as `oldest_waiting_s`. If there are
-- more than 10,000 jobs, those that have ended are the planner's estimates. Called by `Records.job_counts`.
create or replace function darkroom_job_counts() returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_counts jsonb;
  v_estimate bigint;
  v_state text;
begin
  if (select count(*) from (select from darkroom_jobs order by created_at limit 10001) oldest) <= 10000 then
    select coalesce(jsonb_object_agg(state, n), '{}') into v_counts
      from (select state, count(*) as n from darkroom_jobs group by state) counted;
  else
    select coalesce(jsonb_object_agg(state, n), '{}') into v_counts from (
      select state, count(*) as n from darkroom_jobs where turn is not null or not_before is not null group by state
      union all
      select state, count(*) from darkroom_dispatched join darkroom_jobs using (task_id)
       where state = 'running' group by state) counted;
    foreach v_state in array array['completed', 'failed', 'cancelled'] loop
      v_estimate := darkroom_estimated_count(format('darkroom_jobs where state = %L', v_state));
      if v_estimate > 1 then
        v_counts := v_counts || jsonb_build_object(v_state, v_estimate);
      end if;
    end loop;
  end if;
  return v_counts || jsonb_build_object('oldest_waiting_s', coalesce(
    (select extract(epoch from now() - min(created_at)) from darkroom_jobs
      where turn is not null or not_before is not null), 0));
end $$;

-- Returns the planner's estimate of the number of rows of `select from` `p_from`, at least 1. PostgreSQL allows `explain`
-- in volatile functions only. Called by `darkroom_job_counts` and `darkroom_session_stats`.
create or replace function darkroom_estimated_count(p_from text) returns bigint
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_plan json;
begin
  execute 'explain (format json) select from ' || p_from into v_plan;
  return (v_plan #>> '{0,Plan,Plan Rows}')::numeric::bigint;
end $$;

-- Returns `{task_id: {…}}` for the tasks that are known, without payloads. An order without a job is waiting, unless
-- its session has ended. A payload that could not be processed has failed, and its owner is unknown. Called by
-- `Orders.tasks`.
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

-- Returns `{state, failure}` of an order without a job, from its session if it has one. Called by `darkroom_tasks`.
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

-- Returns the ids and the style of an image job whose row its caller has created; null if there is none. Called by
-- `Outbox.images_job`.
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

-- Returns true: the database answers. Called by `Orders.ping`.
create or replace function darkroom_ping() returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select true
$$;
