-- What was asked for over HTTP, so that a call can be repeated, a task can be read before it reached the waiting room,
-- and a charge whose task never arrived is given back. Rows are forgotten after a day.
create table if not exists darkroom_requests (
  task_id text primary key,
  client text not null,
  idempotency_key text,
  fingerprint text not null,
  product text not null,
  channel text not null,
  session_id text not null,
  owner_id text not null,
  user_id text,
  request_id text not null,
  -- The task, for products whose job row is the only state there is.
  payload jsonb,
  answer jsonb not null,
  -- Whether it was ended here because its task could not be pushed.
  ended boolean not null default false,
  created_at timestamptz not null default now(),
  unique (client, idempotency_key)
);

create index if not exists darkroom_requests_created on darkroom_requests (created_at);
alter table darkroom_requests enable row level security;

-- Whether a column can hold a value at all: a uuid column refuses other words with an error.
create or replace function darkroom_fits(p_table text, p_column text, p_value text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select darkroom_column_type(p_table, p_column) is distinct from 'uuid'
      or p_value ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
$$;

-- What the one who pays has left; 0 for somebody unknown.
create or replace function darkroom_balance(p_channel text, p_payer_id text) returns integer
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text := case when p_channel = 'b2b' then 'store_credits' else 'user_credits' end;
  v_column text := case when p_channel = 'b2b' then 'store_id' else 'user_id' end;
  v_balance integer;
begin
  if darkroom_fits(v_table, v_column, p_payer_id) then
    execute format('select balance from %I where %I = %L', v_table, v_column, p_payer_id) into v_balance;
  end if;
  return coalesce(v_balance, 0);
end $$;

-- Takes an order: remembers it, charges it and creates its session, or none of these. Returns `{outcome}`: created,
-- replayed and conflict (the idempotency key was used, for the same or for something else) with the first `answer`,
-- no_credits with the `balance`, unknown_id where an id names nothing in this database.
create or replace function darkroom_produce(p_request jsonb, p_session jsonb, p_price integer) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_new darkroom_requests;
  v_old darkroom_requests;
  v_table darkroom_session_tables;
begin
  v_new := jsonb_populate_record(null::darkroom_requests, p_request || '{"ended": false}');
  v_new.created_at := now();
  loop
    insert into darkroom_requests select v_new.* on conflict (client, idempotency_key) do nothing;
    exit when found;
    select * into v_old from darkroom_requests
     where client = v_new.client and idempotency_key = v_new.idempotency_key;
    if found then
      return jsonb_build_object('answer', v_old.answer, 'outcome',
        case when v_old.fingerprint = v_new.fingerprint then 'replayed' else 'conflict' end);
    end if;
  end loop;

  if not darkroom_charge(v_new.product, v_new.channel, v_new.session_id, v_new.owner_id, v_new.user_id,
                         v_new.request_id, 1, p_price, 'Generation') then
    delete from darkroom_requests where task_id = v_new.task_id;
    return jsonb_build_object('outcome', 'no_credits', 'balance', darkroom_balance(
      v_new.channel, case when v_new.channel = 'b2b' then v_new.owner_id
                          else coalesce(v_new.user_id, v_new.owner_id) end));
  end if;

  select * into v_table from darkroom_session_tables where product = v_new.product and channel = v_new.channel;
  if v_table.table_name is not null then
    perform darkroom_insert(v_table.table_name, p_session || jsonb_build_object(
      'id', v_new.session_id, v_table.owner_column, v_new.owner_id,
      'status', darkroom_label(v_table.table_name, 'status', 'queued')));
  end if;

  if random() < 0.01 then
    delete from darkroom_requests where task_id in (
      select r.task_id from darkroom_requests r
       where r.created_at < now() - interval '1 day'
         and (r.ended or exists (select from darkroom_jobs j where j.task_id = r.task_id))
       order by r.created_at limit 1000 for update skip locked);
  end if;
  return jsonb_build_object('outcome', 'created');
exception
  when invalid_text_representation or foreign_key_violation then
    return jsonb_build_object('outcome', 'unknown_id');
end $$;

-- Undoes an order whose task could not be pushed: the session fails and the charge is given back. Returns ended, or
-- accepted if the task arrived after all and runs. Its idempotency key is free again.
create or replace function darkroom_unproduce(p_task_id text, p_message text) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_request darkroom_requests;
  v_moved boolean;
begin
  select * into v_request from darkroom_requests where task_id = p_task_id for update;
  if v_request.ended then
    return 'ended';
  end if;
  if v_request.task_id is null or exists (select from darkroom_jobs where task_id = p_task_id) then
    return 'accepted';
  end if;
  if exists (select from darkroom_session_tables
              where product = v_request.product and channel = v_request.channel) then
    v_moved := darkroom_move_session(
      v_request.product, v_request.channel, v_request.session_id, array['queued', 'pending'], 'failed',
      jsonb_build_object('error_message', p_message, 'completed_at', now()));
  else
    -- The job row is the only state: with it in place, a push that arrives late is known already and not run.
    insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, state,
                               failure, finished_at, notified_at)
    values (p_task_id, v_request.product, v_request.session_id, v_request.owner_id, v_request.user_id,
            v_request.channel, v_request.request_id, v_request.payload, 'failed',
            jsonb_build_object('code', 'queue_unavailable', 'message', p_message), now(), now())
    on conflict do nothing;
    v_moved := found;
    if not v_moved then
      return 'accepted';
    end if;
  end if;
  update darkroom_requests set ended = true, idempotency_key = null where task_id = p_task_id;
  if v_moved then
    perform darkroom_refund(v_request.product, v_request.channel, v_request.session_id, v_request.owner_id,
                            v_request.user_id, v_request.request_id, 1, p_message);
  end if;
  return 'ended';
end $$;

-- Undoes orders older than `p_older_s` whose task never arrived: their process died before it pushed. Returns how many.
create or replace function darkroom_unproduce_lost(p_older_s float8, p_message text) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_task_id text;
  v_ended integer := 0;
begin
  for v_task_id in
    select task_id from darkroom_requests r
     where created_at < now() - make_interval(secs => p_older_s) and not ended
       and not exists (select from darkroom_jobs j where j.task_id = r.task_id)
     order by created_at limit 500 for update skip locked
  loop
    if darkroom_unproduce(v_task_id, p_message) = 'ended' then
      v_ended := v_ended + 1;
    end if;
  end loop;
  return v_ended;
end $$;

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

-- The condition that selects sessions of one table, from `{owner, session_id, status}`; null if none can match.
create or replace function darkroom_session_filter(p_table darkroom_session_tables, p_query jsonb) returns text
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_filter text := 'true';
begin
  if p_query ->> 'owner_id' is not null then
    if not darkroom_fits(p_table.table_name, p_table.owner_column, p_query ->> 'owner_id') then
      return null;
    end if;
    v_filter := v_filter || format(' and %I = %L', p_table.owner_column, p_query ->> 'owner_id');
  end if;
  if p_query ->> 'session_id' is not null then
    if not darkroom_is_id(p_table.table_name, p_query ->> 'session_id') then
      return null;
    end if;
    v_filter := v_filter || format(' and id = %L', p_query ->> 'session_id');
  end if;
  if p_query ->> 'status' is not null then
    v_filter := v_filter || format(' and lower(status::text) = any (%L::text[])',
      case when p_query ->> 'status' = 'queued' then array['queued', 'pending'] else array[p_query ->> 'status'] end);
  end if;
  return v_filter;
end $$;

-- Try-on sessions, newest first: those of `{channel, owner_id, session_id, status}`, after `{after_at, after_id}`, at
-- most `limit`. The order is stable: two sessions of one moment are ordered by id.
create or replace function darkroom_sessions(p_query jsonb) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_filter text;
  v_at text;
  v_found jsonb;
  v_all jsonb := '[]';
begin
  for v_table in
    select * from darkroom_session_tables
     where product = 'tryon' and channel = coalesce(p_query ->> 'channel', channel)
  loop
    v_filter := darkroom_session_filter(v_table, p_query);
    continue when v_filter is null;
    v_at := case when darkroom_column_type(v_table.table_name, 'created_at') is null
                 then '''epoch''::timestamptz' else 'created_at' end;
    if p_query ->> 'after_id' is not null then
      v_filter := v_filter || format(' and (%s, id::text) < (%L::timestamptz, %L)', v_at, p_query ->> 'after_at',
                                     p_query ->> 'after_id');
    end if;
    execute format(
      'select coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object(''channel'', %L, ''at'', %s)), ''[]'')'
      ' from (select * from %I where %s order by %s desc, id::text desc limit %L) s',
      v_table.channel, v_at, v_table.table_name, v_filter, v_at, coalesce((p_query ->> 'limit')::integer, 1))
      into v_found;
    v_all := v_all || v_found;
  end loop;
  return (select coalesce(jsonb_agg(row order by (row ->> 'at')::timestamptz desc, row ->> 'id' desc), '[]')
            from (select row from jsonb_array_elements(v_all) row
                   order by (row ->> 'at')::timestamptz desc, row ->> 'id' desc
                   limit coalesce((p_query ->> 'limit')::integer, 1)) page);
end $$;

-- How many try-on sessions of `{channel, owner_id}` there are, by what became of them.
create or replace function darkroom_session_stats(p_query jsonb) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_filter text;
  v_count record;
  v_total bigint := 0;
  v_completed bigint := 0;
  v_failed bigint := 0;
begin
  for v_table in
    select * from darkroom_session_tables
     where product = 'tryon' and channel = coalesce(p_query ->> 'channel', channel)
  loop
    v_filter := darkroom_session_filter(v_table, p_query);
    continue when v_filter is null;
    execute format(
      'select count(*) as total, count(*) filter (where lower(status::text) = ''completed'') as completed,'
      ' count(*) filter (where lower(status::text) = ''failed'') as failed from %I where %s',
      v_table.table_name, v_filter) into v_count;
    v_total := v_total + v_count.total;
    v_completed := v_completed + v_count.completed;
    v_failed := v_failed + v_count.failed;
  end loop;
  return jsonb_build_object('total', v_total, 'completed', v_completed, 'failed', v_failed,
                            'active', v_total - v_completed - v_failed);
end $$;

-- Answers when the database does.
create or replace function darkroom_ping() returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select true
$$;
