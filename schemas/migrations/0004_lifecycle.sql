-- The life of a job. Each function is one transaction: it moves the job and its session together and settles the
-- credits with them, and does nothing the second time. A caller passes the fencing token it was given; who lost the
-- lease meanwhile has an old token and changes nothing.

-- Takes many tasks into the waiting room. Returns `{task_id: verdict}`: accepted, duplicate (known already),
-- unknown_session (no such session of this owner), ended (the session is over already).
create or replace function darkroom_accept(p_tasks jsonb) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table record;
  v_sessions jsonb := '{}';
  v_found jsonb;
  v_verdicts jsonb;
  v_turn bigint;
begin
  for v_table in
    select t.product, t.channel, t.table_name, t.owner_column, array_agg(j.session_id) as ids
      from jsonb_to_recordset(p_tasks) as j(product text, channel text, session_id text)
      join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
     where darkroom_is_id(t.table_name, j.session_id)
     group by 1, 2, 3, 4
  loop
    execute format(
      'select coalesce(jsonb_object_agg(%L || s.id::text, jsonb_build_array(s.%I::text, lower(s.status::text))), ''{}'')'
      ' from %I s where s.id = any (%L::%s[])',
      v_table.product || ':' || v_table.channel || ':', v_table.owner_column, v_table.table_name, v_table.ids,
      darkroom_column_type(v_table.table_name, 'id')) into v_found;
    v_sessions := v_sessions || v_found;
  end loop;

  select min(turn) into v_turn from darkroom_jobs where state = 'waiting';
  v_turn := coalesce(v_turn, 0) - 1;

  with task as (
    select j.*, t.table_name,
           v_sessions -> (j.product || ':' || j.channel || ':' || lower(j.session_id)) as lowered,
           v_sessions -> (j.product || ':' || j.channel || ':' || j.session_id) as session
      from rows from (jsonb_to_recordset(p_tasks) as (
             task_id text, product text, session_id text, owner_id text, user_id text, channel text, request_id text,
             payload jsonb)) with ordinality as j(
             task_id, product, session_id, owner_id, user_id, channel, request_id, payload, ord)
      left join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
  ), judged as (
    select task.*,
           case when table_name is null then 'accepted'
                when coalesce(session, lowered) is null then 'unknown_session'
                when coalesce(session, lowered) ->> 0 is distinct from owner_id
                     and lower(coalesce(session, lowered) ->> 0) is distinct from lower(owner_id) then 'unknown_session'
                when coalesce(session, lowered) ->> 1 in ('queued', 'pending', 'processing') then 'accepted'
                else 'ended' end as verdict
      from task
  ), last_turn as (
    select o.owner_id, greatest(v_turn, (select max(w.turn) from darkroom_jobs w
                                          where w.owner_id = o.owner_id and w.state = 'waiting')) as turn
      from (select distinct owner_id from judged) o
  ), taken as (
    insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, price, turn)
    select judged.task_id, product, darkroom_canonical_id(table_name, session_id), judged.owner_id, user_id, channel,
           request_id, payload,
           -- What a producer of ours charged; a replay charges it again.
           coalesce((select l.amount from darkroom_ledger l
                      where l.product = judged.product and l.run = 1 and l.kind = 'charge'
                        and l.session_id = darkroom_canonical_id(table_name, judged.session_id)), 0),
           last_turn.turn + row_number() over (partition by judged.owner_id order by ord)
      from judged join last_turn on last_turn.owner_id = judged.owner_id
     where verdict = 'accepted'
     order by ord
    on conflict do nothing
    returning task_id
  )
  select coalesce(jsonb_object_agg(judged.task_id,
           case when verdict = 'accepted' and taken.task_id is null then 'duplicate' else verdict end), '{}')
    into v_verdicts
    from judged left join taken on taken.task_id = judged.task_id;

  -- A task that is known already is a duplicate whatever became of its session.
  select v_verdicts || coalesce(jsonb_object_agg(j.task_id, 'duplicate'), '{}') into v_verdicts
    from darkroom_jobs j
   where v_verdicts ->> j.task_id = 'ended'
     and j.task_id = any (array(select jsonb_object_keys(v_verdicts)));
  return v_verdicts;
end $$;

-- Picks waiting jobs in turn, as many as may still be in flight, and starts them: job and session move together.
-- Returns the started jobs. A job whose session was ended elsewhere meanwhile is closed without a refund: whoever
-- ended the session settled it.
create or replace function darkroom_dispatch(p_limit integer, p_max_in_flight integer, p_lease_s float8) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_free integer;
  v_ids text[];
  v_table record;
  v_alive text[];
  v_gone text[];
  v_jobs jsonb;
begin
  -- One dispatcher at a time, so that the bound holds across workers.
  perform pg_advisory_xact_lock(hashtext('darkroom_dispatch'));
  v_free := least(p_limit, p_max_in_flight - (select count(*) from darkroom_jobs where state = 'running')::integer);
  if v_free <= 0 then
    return '[]';
  end if;
  select array_agg(task_id) into v_ids from (
    select task_id from darkroom_jobs
     where state = 'waiting' and (not_before is null or not_before <= now())
     order by turn, seq limit v_free for update skip locked) picked;
  if v_ids is null then
    return '[]';
  end if;

  for v_table in
    select t.table_name, array_agg(j.session_id) as sessions, array_agg(j.task_id) as tasks
      from darkroom_jobs j join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
     where j.task_id = any (v_ids) group by 1
  loop
    execute format(
      'with moved as (update %1$I set status = %2$L, error_message = null%5$s'
      '  where id = any (%3$L::%4$s[]) and lower(status::text) in (''queued'', ''pending'', ''processing'')'
      '  returning id::text)'
      ' select coalesce(array_agg(id), ''{}'') from moved',
      v_table.table_name, darkroom_label(v_table.table_name, 'status', 'processing'), v_table.sessions,
      darkroom_column_type(v_table.table_name, 'id'),
      case when v_table.table_name = 'image_generation_jobs' then ', started_at = now()' else '' end) into v_alive;
    select v_gone || coalesce(array_agg(j.task_id), '{}') into v_gone
      from darkroom_jobs j
     where j.task_id = any (v_table.tasks) and not (lower(j.session_id) = any (select lower(a) from unnest(v_alive) a));
  end loop;

  update darkroom_jobs
     set state = 'cancelled', finished_at = now(), notified_at = now(), lease_until = null,
         failure = jsonb_build_object('code', 'session_ended', 'message', 'The session ended before the task started.')
   where task_id = any (v_gone);
  with started as (
    update darkroom_jobs
       set state = 'running', token = token + 1, recoveries = 0, dispatched_at = now(),
           lease_until = now() + make_interval(secs => p_lease_s)
     where task_id = any (v_ids) and not (task_id = any (coalesce(v_gone, '{}')))
     returning *)
  select coalesce(jsonb_agg(to_jsonb(started) order by turn, seq), '[]') into v_jobs from started;
  return v_jobs;
end $$;

-- Extends the leases of `{task_id: token}`; returns `{task_id: state}` of those that still hold. Who is missing lost the
-- job to another worker; who is no longer running ended meanwhile.
create or replace function darkroom_renew(p_leases jsonb, p_lease_s float8) returns jsonb
language sql security definer set search_path = public, extensions, pg_temp as $$
  with held as (
    update darkroom_jobs j set lease_until = now() + make_interval(secs => p_lease_s)
      from jsonb_each_text(p_leases) l
     where j.task_id = l.key and j.token = l.value::bigint and j.lease_until is not null
     returning j.task_id, j.state)
  select coalesce(jsonb_object_agg(task_id, state), '{}') from held
$$;

-- Jobs that somebody owes work and nobody has renewed.
create or replace function darkroom_expired(p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(j)), '[]') from (
    select * from darkroom_jobs where lease_until < now() order by lease_until limit p_limit) j
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

-- Writes into the journal under the token; false if another worker owns the job or it ended.
create or replace function darkroom_journal(
  p_task_id text, p_token bigint, p_path jsonb, p_value jsonb, p_provider_job_id text, p_spent_usd float8
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_path text[] := array(select jsonb_array_elements_text(p_path));
begin
  update darkroom_jobs
     set journal = jsonb_set(
           case when cardinality(v_path) > 1 and not journal ? v_path[1]
                then jsonb_set(journal, v_path[1:1], '{}') else journal end, v_path, p_value),
         provider_job_id = coalesce(p_provider_job_id, provider_job_id),
         spent_usd = spent_usd + coalesce(p_spent_usd, 0)
   where task_id = p_task_id and token = p_token and state = 'running';
  return found;
end $$;

-- Tells the session that its job waits for a rate limit (`p_message`), or that it goes on (null).
create or replace function darkroom_hold(p_task_id text, p_token bigint, p_message text) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and token = p_token and state = 'running' for update;
  return found and darkroom_move_session(
    v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
    case when p_message is null then 'processing' else 'queued' end, jsonb_build_object('error_message', p_message));
end $$;

-- Puts a running job back into the waiting room for `p_delay_s` seconds, its journal kept. False if it is not ours.
create or replace function darkroom_postpone(
  p_task_id text, p_token bigint, p_delay_s float8, p_message text
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and token = p_token and state = 'running' for update;
  if not found then
    return false;
  end if;
  perform darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
                                'queued', jsonb_build_object('error_message', p_message));
  update darkroom_jobs
     set state = 'waiting', not_before = now() + make_interval(secs => p_delay_s), lease_until = null
   where task_id = p_task_id;
  return true;
end $$;

-- Shows how far a batch is, for products whose session has a `progress` column.
create or replace function darkroom_session_progress(p_task_id text, p_token bigint, p_progress integer) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and token = p_token and state = 'running' for update;
  return found and darkroom_move_session(
    v_job.product, v_job.channel, v_job.session_id, array['processing'], 'processing',
    jsonb_build_object('progress', p_progress));
end $$;

-- Completes a job: result, session row, picture rows and state change together. Returns completed, fenced (another
-- worker owns it or it ended) or ended (the session was ended elsewhere: nothing is stored, nothing refunded).
-- Completing again with the same token is completed.
create or replace function darkroom_complete(
  p_task_id text, p_token bigint, p_outcome jsonb, p_session jsonb, p_images jsonb, p_lease_s float8
) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_image jsonb;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state = 'completed' and v_job.token = p_token then
    return 'completed';
  end if;
  if v_job.state is distinct from 'running' or v_job.token <> p_token then
    return 'fenced';
  end if;
  if not darkroom_move_session(v_job.product, v_job.channel, v_job.session_id,
                               array['queued', 'pending', 'processing'], 'completed',
                               p_session || jsonb_build_object('completed_at', now(), 'error_message', null)) then
    update darkroom_jobs
       set state = 'cancelled', finished_at = now(), lease_until = now() + make_interval(secs => p_lease_s),
           failure = jsonb_build_object('code', 'session_ended', 'message', 'Cancelled')
     where task_id = p_task_id;
    return 'ended';
  end if;
  for v_image in select * from jsonb_array_elements(coalesce(p_images, '[]')) loop
    perform darkroom_insert('images', v_image);
  end loop;
  update darkroom_jobs
     set state = 'completed', outcome = p_outcome, failure = null, finished_at = now(), recoveries = 0,
         lease_until = now() + make_interval(secs => p_lease_s)
   where task_id = p_task_id;
  return 'completed';
end $$;

-- Inserts a row given as an object into a table of others, in its columns' own types and an enum's own case.
create or replace function darkroom_insert(p_table text, p_row jsonb) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_columns text;
  v_values text;
begin
  select string_agg(format('%I', r.key), ', ' order by r.key),
         string_agg(format('%L', coalesce(e.enumlabel::text, r.value)), ', ' order by r.key)
    into v_columns, v_values
    from jsonb_each_text(p_row) r
    left join pg_attribute a on a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = r.key
    left join pg_enum e on e.enumtypid = a.atttypid and lower(e.enumlabel) = lower(r.value);
  execute format('insert into %I (%s) values (%s)', p_table, v_columns, v_values);
end $$;

-- Ends a job that is waiting or running, its session with it, and refunds what was charged. With a token only its owner
-- can; without one anybody may (the sweep, a cancellation). Returns `{moved, refunded}`; only the call that moved it
-- refunds. A session that was ended elsewhere is not refunded again.
create or replace function darkroom_fail(
  p_task_id text, p_token bigint, p_state text, p_message text, p_failure jsonb, p_lease_s float8
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_refunded integer := 0;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state is null or v_job.state not in ('waiting', 'running') or v_job.token <> coalesce(p_token, v_job.token) then
    return jsonb_build_object('moved', false, 'refunded', 0);
  end if;
  if darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
                           'failed', jsonb_build_object('error_message', p_message, 'completed_at', now())) then
    v_refunded := darkroom_refund(v_job.product, v_job.channel, v_job.session_id, v_job.owner_id, v_job.user_id,
                                  v_job.request_id, v_job.run, p_message);
  end if;
  update darkroom_jobs
     set state = p_state, failure = p_failure, finished_at = now(), recoveries = 0,
         lease_until = now() + make_interval(secs => p_lease_s)
   where task_id = p_task_id;
  return jsonb_build_object('moved', true, 'refunded', v_refunded);
end $$;

-- Ends a session that no job of ours works on: a payload that could not be used, a task that never arrived.
create or replace function darkroom_fail_session(
  p_product text, p_channel text, p_session_id text, p_message text, p_request_id text
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_owner text;
begin
  select * into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if v_table.table_name is null or not darkroom_is_id(v_table.table_name, p_session_id)
     or exists (select from darkroom_jobs where product = p_product
                   and session_id = darkroom_canonical_id(v_table.table_name, p_session_id)) then
    return jsonb_build_object('moved', false, 'refunded', 0);
  end if;
  execute format('select %I::text from %I where id = %L for update', v_table.owner_column, v_table.table_name,
                 p_session_id) into v_owner;
  if v_owner is null
     or not darkroom_move_session(p_product, p_channel, p_session_id, array['queued', 'pending', 'processing'], 'failed',
                                  jsonb_build_object('error_message', p_message, 'completed_at', now())) then
    return jsonb_build_object('moved', false, 'refunded', 0);
  end if;
  return jsonb_build_object('moved', true, 'refunded',
    darkroom_refund(p_product, p_channel, p_session_id, v_owner, null, p_request_id, 1, p_message));
end $$;

-- Sessions that have been alive for longer than `p_older_s` although no job of ours knows them.
create or replace function darkroom_orphans(p_older_s float8, p_limit integer) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_found jsonb;
  v_all jsonb := '[]';
begin
  for v_table in select * from darkroom_session_tables loop
    continue when darkroom_column_type(v_table.table_name, 'created_at') is null;
    execute format(
      'select coalesce(jsonb_agg(jsonb_build_object(''product'', %L, ''channel'', %L, ''session_id'', s.id::text)), ''[]'')'
      ' from (select id from %I where lower(status::text) in (''queued'', ''pending'', ''processing'')'
      '         and created_at < now() - make_interval(secs => %L)'
      '         and not exists (select from darkroom_jobs j where j.product = %L and j.session_id = id::text)'
      '        order by created_at limit %L) s',
      v_table.product, v_table.channel, v_table.table_name, p_older_s, v_table.product, p_limit) into v_found;
    v_all := v_all || v_found;
  end loop;
  return v_all;
end $$;

-- Runs a failed or cancelled job again: a new run, charged again. Returns replayed, not_ended (the session is not failed:
-- it completed elsewhere, or lives again) or no_credits.
create or replace function darkroom_replay(p_task_id text) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_price integer;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state is null or v_job.state not in ('failed', 'cancelled') then
    return 'not_ended';
  end if;
  v_price := greatest(v_job.price, darkroom_session_price(v_job.product, v_job.channel, v_job.session_id));
  begin
    if not darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['failed'], 'queued',
                                 jsonb_build_object('error_message', null, 'completed_at', null)) then
      return 'not_ended';
    end if;
    if not darkroom_charge(v_job.product, v_job.channel, v_job.session_id, v_job.owner_id, v_job.user_id,
                           v_job.request_id, v_job.run + 1, v_price, 'Replay') then
      raise sqlstate 'DR402';
    end if;
  exception when sqlstate 'DR402' then  -- takes the move back with it
    return 'no_credits';
  end;
  update darkroom_jobs
     set state = 'waiting', run = run + 1, token = token + 1, recoveries = 0, lease_until = null, journal = '{}',
         provider_job_id = null, outcome = null, failure = null, notified_at = null, finished_at = null,
         turn = coalesce((select min(turn) from darkroom_jobs where state = 'waiting'), 0)
   where task_id = p_task_id;
  return 'replayed';
end $$;

-- Keeps payloads that could not be used, with the reason, and ends the sessions they still name. Returns credits refunded.
create or replace function darkroom_bury(p_letters jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_letter record;
  v_refunded integer := 0;
begin
  for v_letter in
    select * from jsonb_to_recordset(p_letters) as l(
      list text, code text, reason text, payload text, encoding text, complete boolean, product text, channel text,
      task_id text, session_id text, request_id text, message text)
  loop
    insert into darkroom_dead_letters (list, code, reason, payload, encoding, complete, task_id, session_id)
    values (v_letter.list, v_letter.code, v_letter.reason, v_letter.payload, v_letter.encoding, v_letter.complete,
            v_letter.task_id, v_letter.session_id);
    if v_letter.session_id is not null then
      v_refunded := v_refunded + (darkroom_fail_session(
        v_letter.product, v_letter.channel, v_letter.session_id, v_letter.message, v_letter.request_id)
        ->> 'refunded')::integer;
    end if;
  end loop;
  return v_refunded;
end $$;

-- Dead letters, newest first; one of them where an id is given.
create or replace function darkroom_letters(p_id bigint, p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
    select * from darkroom_dead_letters where p_id is null or id = p_id order by id desc limit p_limit) l
$$;

create or replace function darkroom_drop_letter(p_id bigint) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  delete from darkroom_dead_letters where id = p_id;
  return found;
end $$;

-- Forgets dead letters older than `p_older_s`; returns how many.
create or replace function darkroom_purge_letters(p_older_s float8) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_dropped integer;
begin
  delete from darkroom_dead_letters where created_at < now() - make_interval(secs => p_older_s);
  get diagnostics v_dropped = row_count;
  return v_dropped;
end $$;

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
