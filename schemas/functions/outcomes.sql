-- The end of a job. Each function moves the job and its session and settles the credits in one transaction, and does
-- nothing when it is called again.
-- Locks: the job, its row in `darkroom_dispatched`, then its session, then the balance of its payer.

-- Complete a job: result, session, picture rows, state and deliveries together. Returns `{completion, deliveries}`:
-- completed, also when it is called again with the same token, and the number of deliveries enqueued; fenced (another
-- worker owns the job, or it has ended); or ended, also when it is called again (the session ended elsewhere: nothing
-- is stored or refunded). `processing_time_ms` is counted from the dispatch of this run, if the session has that
-- column: both times are the database's. Called by `Records.complete`.
create or replace function darkroom_complete(
  p_task_id text, p_token bigint, p_outcome jsonb, p_session jsonb, p_images jsonb, p_deliveries jsonb
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_image jsonb;
  v_session jsonb := p_session || jsonb_build_object('completed_at', now(), 'error_message', null);
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state = 'completed' and v_job.token = p_token then
    return '{"completion": "completed"}';
  end if;
  if v_job.state = 'cancelled' and v_job.token = p_token and v_job.failure ->> 'code' = 'session_ended' then
    return '{"completion": "ended"}';
  end if;
  if v_job.state is distinct from 'running' or not darkroom_owns(p_task_id, p_token) then
    return '{"completion": "fenced"}';
  end if;
  if exists (select from darkroom_session_tables
              where product = v_job.product and channel = v_job.channel
                and darkroom_column_type(table_name, 'processing_time_ms') is not null) then
    v_session := v_session || jsonb_build_object(
      'processing_time_ms', round(extract(epoch from now() - v_job.dispatched_at) * 1000));
  end if;
  if not darkroom_move_session(v_job.product, v_job.channel, v_job.session_id,
                               array['queued', 'pending', 'processing'], 'completed', v_session) then
    update darkroom_jobs
       set state = 'cancelled', finished_at = now(), token = p_token,
           failure = jsonb_build_object('code', 'session_ended', 'message', 'Cancelled')
     where task_id = p_task_id;
    return '{"completion": "ended"}';
  end if;
  for v_image in select * from jsonb_array_elements(coalesce(p_images, '[]')) loop
    perform darkroom_insert('images', v_image);
  end loop;
  update darkroom_jobs
     set state = 'completed', outcome = p_outcome, failure = null, finished_at = now(), token = p_token
   where task_id = p_task_id;
  return jsonb_build_object('completion', 'completed',
                            'deliveries', darkroom_insert_deliveries(v_job, p_deliveries));
end $$;

-- End a waiting or running job and its session with `p_state`, and refund the charge. With a token, only the owner
-- of the job succeeds; without one any caller does (sweep, cancellation), and its worker loses the job. The caller
-- enqueues `notify`, to be claimed within `p_lease_s` seconds. Returns `{moved, refunded}`; only the call that
-- moved the job refunds. A session that ended elsewhere is not refunded again. Called by `Records.fail`.
create or replace function darkroom_fail(
  p_task_id text, p_token bigint, p_state text, p_message text, p_failure jsonb, p_lease_s float8
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_token bigint := p_token;
  v_refunded integer := 0;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state is null or v_job.state not in ('waiting', 'running')
     or (p_token is not null and not darkroom_owns(p_task_id, p_token)) then
    return jsonb_build_object('moved', false, 'refunded', 0);
  end if;
  insert into darkroom_dispatched as d (task_id, token, claim_by)
  values (p_task_id, v_job.token + 1, now() + make_interval(secs => p_lease_s))
  on conflict (task_id) do update
    set token = coalesce(p_token, d.token + 1), claim_by = excluded.claim_by,
        worker_id = case when p_token is not null then d.worker_id end
  returning token into v_token;
  if darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['queued', 'pending', 'processing'],
                           'failed', jsonb_build_object('error_message', p_message, 'completed_at', now())) then
    v_refunded := darkroom_refund(v_job.product, v_job.channel, v_job.session_id, v_job.owner_id, v_job.user_id,
                                  v_job.request_id, v_job.run, p_message, v_job.price, v_job.payer);
  end if;
  update darkroom_jobs
     set state = p_state, failure = p_failure, finished_at = now(), token = v_token, turn = null, not_before = null
   where task_id = p_task_id;
  return jsonb_build_object('moved', true, 'refunded', v_refunded);
end $$;

-- Fail a session that has no job: its payload could not be processed, or its task never arrived. With `p_owner_id`,
-- only a session of that owner. Where the ledger has no charge, at most `p_max_refund` credits are refunded. Returns
-- `{moved, refunded}`. Called by `darkroom_refuse_task` and `Records.fail_session`.
create or replace function darkroom_fail_session(
  p_product text, p_channel text, p_session_id text, p_message text, p_request_id text,
  p_owner_id text default null, p_max_refund integer default 1
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text;
  v_id text;
  v_terms jsonb;
  v_owner text;
begin
  select table_name into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  v_id := darkroom_canonical_id(v_table, p_session_id);
  v_terms := darkroom_session_terms(p_product, p_channel, v_id);
  v_owner := v_terms ->> 'owner_id';
  if v_owner is null or lower(v_owner) is distinct from lower(coalesce(p_owner_id, v_owner))
     or exists (select from darkroom_known_jobs
                 where product = p_product and channel = p_channel and session_id = v_id)
     or not darkroom_move_session(p_product, p_channel, v_id, array['queued', 'pending', 'processing'], 'failed',
                                  jsonb_build_object('error_message', p_message, 'completed_at', now())) then
    return jsonb_build_object('moved', false, 'refunded', 0);
  end if;
  return jsonb_build_object('moved', true, 'refunded', darkroom_refund(
    p_product, p_channel, v_id, v_owner, null, p_request_id, darkroom_charged_run(p_product, p_channel, v_id), p_message,
    darkroom_refundable(p_channel, v_owner, (v_terms ->> 'price')::integer,
                        array[p_request_id, v_terms ->> 'request_id'], p_max_refund)));
end $$;

-- Run a failed or cancelled job again: a new run, charged again. Returns replayed; not_ended (the job or its session
-- is not failed: it completed elsewhere or is active again); or no_credits. Called by `Records.replay`.
create or replace function darkroom_replay(p_task_id text) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
  v_token bigint;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id for update;
  if v_job.state is null or v_job.state not in ('failed', 'cancelled') then
    return 'not_ended';
  end if;
  begin
    if not darkroom_move_session(v_job.product, v_job.channel, v_job.session_id, array['failed'], 'queued',
                                 jsonb_build_object('error_message', null, 'completed_at', null)) then
      return 'not_ended';
    end if;
    if not darkroom_charge(v_job.product, v_job.channel, v_job.session_id, v_job.owner_id, v_job.user_id,
                           v_job.request_id, v_job.run + 1, v_job.price, 'Replay', null, v_job.payer) then
      raise sqlstate 'DR402';
    end if;
  exception when sqlstate 'DR402' then  -- also rolls back the move of the session
    return 'no_credits';
  end;
  delete from darkroom_dispatched where task_id = p_task_id returning token into v_token;
  update darkroom_jobs
     set state = 'waiting', run = run + 1, token = greatest(token, v_token) + 1, recoveries = 0, not_before = null,
         journal = '{}', provider_job_id = null, outcome = null, failure = null, finished_at = null,
         turn = coalesce((select min(turn) from darkroom_jobs where turn is not null), 0)
   where task_id = p_task_id;
  return 'replayed';
end $$;
