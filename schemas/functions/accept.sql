-- From a producer's list into `darkroom_jobs`, and from there into the queue of the first stage. A job has a `turn` while it
-- can be dispatched; a postponed job gets one when it is due.
-- Locks: jobs in queue order, skipping locked rows; then the session rows of these jobs.

-- Insert a waiting job for each task of `p_tasks`. Returns `{task_id: verdict}`: accepted; duplicate (the task has or
-- had a job); unknown_session (the owner has no session of this id); ended (the session has ended); product_off (the
-- database lacks the tables of the product). Price and payer are fixed here: where the ledger has no charge, the
-- `credits_used` of the session can be refunded up to `p_max_refund`. Called by `Records.accept`.
create or replace function darkroom_accept(p_tasks jsonb, p_max_refund integer default 1) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table record;
  v_terms text;
  v_sessions jsonb := '{}';
  v_found jsonb;
  v_verdicts jsonb;
  v_turn bigint;
  v_missing text[] := darkroom_missing_products();
begin
  for v_table in
    select t, array_agg(j.session_id) as ids
      from jsonb_to_recordset(p_tasks) as j(product text, channel text, session_id text)
      join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
     where darkroom_is_id(t.table_name, j.session_id)
     group by 1
  loop
    v_terms := darkroom_terms_of(v_table.t);
    execute format(
      'select coalesce(jsonb_object_agg(%L || s.id::text, %s), ''{}'') from %I s where s.id = any (%L::%s[])',
      (v_table.t).product || ':' || (v_table.t).channel || ':', v_terms, (v_table.t).table_name, v_table.ids,
      darkroom_column_type((v_table.t).table_name, 'id')) into v_found;
    v_sessions := v_sessions || v_found;
  end loop;

  select min(turn) into v_turn from darkroom_jobs where turn is not null;
  v_turn := coalesce(v_turn, 0) - 1;

  with task as (
    select j.*, t.table_name, darkroom_canonical_id(t.table_name, j.session_id) as canonical_id,
           coalesce(v_sessions -> (j.product || ':' || j.channel || ':' || j.session_id),
                    v_sessions -> (j.product || ':' || j.channel || ':' || lower(j.session_id))) as session
      from rows from (jsonb_to_recordset(p_tasks) as (
             task_id text, product text, session_id text, owner_id text, user_id text, channel text, request_id text,
             payload jsonb)) with ordinality as j(
             task_id, product, session_id, owner_id, user_id, channel, request_id, payload, ord)
      left join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
  ), judged as (
    select task.*,
           case when product = any (v_missing) then 'product_off'
                when table_name is null then 'accepted'
                when session is null then 'unknown_session'
                when session ->> 'owner_id' is distinct from owner_id
                     and lower(session ->> 'owner_id') is distinct from lower(owner_id) then 'unknown_session'
                when session ->> 'status' in ('queued', 'pending', 'processing') then 'accepted'
                else 'ended' end as verdict
      from task
  ), last_turn as (
    select o.owner_id, greatest(v_turn, (select max(w.turn) from darkroom_jobs w
                                          where w.owner_id = o.owner_id and w.turn is not null)) as turn
      from (select distinct owner_id from judged) o
  ), taken as (
    insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, run, price,
                               payer, turn)
    select judged.task_id, judged.product, judged.canonical_id, judged.owner_id, user_id, channel, request_id, judged.payload,
           coalesce(charge.run, 1),
           -- A replay charges this amount again.
           coalesce(charge.amount, darkroom_refundable(
             channel, judged.owner_id, (session ->> 'price')::integer, array[request_id, session ->> 'request_id'],
             p_max_refund)),
           coalesce(charge.payer, darkroom_payer(channel, judged.owner_id, user_id, session ->> 'email')),
           last_turn.turn + row_number() over (partition by judged.owner_id order by ord)
      from judged join last_turn on last_turn.owner_id = judged.owner_id
      left join lateral (
        select l.run, l.amount, l.payer from darkroom_ledger l
         where l.product = judged.product and l.channel = judged.channel and l.kind = 'charge'
           and l.session_id = judged.canonical_id
         order by l.run desc limit 1) charge on true
     where verdict = 'accepted'
       -- `on conflict` sees neither pruned jobs nor those that are pruned while this statement runs.
       and not exists (select from darkroom_known_jobs k where k.task_id = judged.task_id)
       and not exists (select from darkroom_known_jobs k
                        where k.product = judged.product and k.channel = judged.channel
                          and k.session_id = judged.canonical_id)
     order by ord
    on conflict do nothing
    returning task_id
  )
  select coalesce(jsonb_object_agg(judged.task_id,
           case when verdict = 'accepted' and taken.task_id is null then 'duplicate' else verdict end), '{}')
    into v_verdicts
    from judged left join taken on taken.task_id = judged.task_id;

  -- A task that has a job is a duplicate, whatever the status of its session.
  select v_verdicts || coalesce(jsonb_object_agg(j.task_id, 'duplicate'), '{}') into v_verdicts
    from darkroom_known_jobs j
   where v_verdicts ->> j.task_id = 'ended'
     and j.task_id = any (array(select jsonb_object_keys(v_verdicts)));
  return v_verdicts;
end $$;

-- Start waiting jobs in fair order, at most `p_limit`, while fewer than `p_max_in_flight` are dispatched; only jobs of
-- `p_products` if it is not null. Job and session move together; the message of each job must be claimed within
-- `p_lease_s` seconds. Returns the started jobs. A job whose session ended meanwhile is cancelled without a
-- refund: the transaction that ended the session has settled the credits. Called by `Records.dispatch`.
create or replace function darkroom_dispatch(
  p_limit integer, p_max_in_flight integer, p_lease_s float8, p_products jsonb default null
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_free integer;
  v_ids text[];
  v_table record;
  v_alive text[];
  v_gone text[] := '{}';
  v_jobs jsonb;
begin
  -- One dispatcher at a time, so that all workers together respect `p_max_in_flight`.
  perform pg_advisory_xact_lock(hashtext('darkroom_dispatch'));
  v_free := least(p_limit, p_max_in_flight - (select count(*) from darkroom_dispatched)::integer);
  if v_free <= 0 then
    return '[]';
  end if;
  -- Postponed jobs that are due are the next to start.
  update darkroom_jobs
     set turn = coalesce((select min(turn) from darkroom_jobs where turn is not null), 0), not_before = null
   where task_id in (select task_id from darkroom_jobs where not_before <= now() for update skip locked);
  select array_agg(task_id) into v_ids from (
    select task_id from darkroom_jobs
     where turn is not null and (p_products is null or p_products ? product)
     order by turn, seq limit v_free for update skip locked) picked;
  if v_ids is null then
    return '[]';
  end if;

  for v_table in
    select t.table_name, array_agg(j.session_id) as sessions, array_agg(j.task_id) as tasks
      from darkroom_jobs j join darkroom_session_tables t on t.product = j.product and t.channel = j.channel
     where j.task_id = any (v_ids) group by 1
  loop
    v_alive := '{}';
    if darkroom_column_type(v_table.table_name, 'id') is not null then
      execute format(
        'with moved as (update %1$I set status = %2$L, error_message = null%5$s'
        '  where id = any (%3$L::%4$s[]) and lower(status::text) in (''queued'', ''pending'', ''processing'')'
        '  returning id::text)'
        ' select coalesce(array_agg(id), ''{}'') from moved',
        v_table.table_name, darkroom_enum_label(v_table.table_name, 'status', 'processing'), v_table.sessions,
        darkroom_column_type(v_table.table_name, 'id'),
        case when v_table.table_name = 'image_generation_jobs' then ', started_at = now()' else '' end
          || darkroom_touch(v_table.table_name)) into v_alive;
    end if;
    select v_gone || coalesce(array_agg(j.task_id), '{}') into v_gone
      from darkroom_jobs j
     where j.task_id = any (v_table.tasks) and not (lower(j.session_id) = any (select lower(a) from unnest(v_alive) a));
  end loop;

  with started as (
    update darkroom_jobs
       set state = case when task_id = any (v_gone) then 'cancelled' else 'running' end, turn = null,
           token = token + 1, recoveries = 0,
           dispatched_at = case when task_id = any (v_gone) then dispatched_at else now() end,
           finished_at = case when task_id = any (v_gone) then now() end,
           failure = case when task_id = any (v_gone) then jsonb_build_object(
             'code', 'session_ended', 'message', 'The session ended before the task started.') end
     where task_id = any (v_ids)
     returning *
  ), dispatched as (
    insert into darkroom_dispatched (task_id, token, claim_by)
    -- A cancelled job is lost at once, so that the next recovery publishes its outcome.
    select task_id, token, case state when 'running' then now() + make_interval(secs => p_lease_s) else now() end
      from started
    -- A waiting job has no row here. One bad row must not stop the dispatch of the others.
    on conflict (task_id) do update set token = excluded.token, worker_id = null, claim_by = excluded.claim_by)
  select coalesce(jsonb_agg(to_jsonb(started) order by array_position(v_ids, task_id)), '[]') into v_jobs
    from started where state = 'running';
  return v_jobs;
end $$;
