-- Dead letters: payloads that could not be processed.
-- Locks: the dead letter, then its session, then the balance of its payer. A transaction ends one session at most.

-- Store dead letters; their sessions are not changed. A letter whose `letter_key` is stored already is skipped. Returns
-- the number stored. Called by `darkroom_refuse_task` and `Records.add_dead_letters`.
create or replace function darkroom_add_dead_letters(p_letters jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_stored integer;
begin
  insert into darkroom_dead_letters (list, code, reason, payload, encoding, complete, product, channel, task_id,
                                     session_id, owner_id, request_id, letter_key)
  select l.list, l.code, l.reason, l.payload, l.encoding, l.complete, l.product, l.channel, l.task_id, l.session_id,
         l.owner_id, l.request_id, l.letter_key
    from jsonb_populate_recordset(null::darkroom_dead_letters, p_letters) l
  on conflict (letter_key) do nothing;
  get diagnostics v_stored = row_count;
  return v_stored;
end $$;

-- Store a dead letter, and fail the session that it names together with its owner, unless the letter is stored
-- already. Returns the credits refunded. Called by `Records.add_dead_letters`.
create or replace function darkroom_refuse_task(p_letter jsonb, p_message text, p_max_refund integer) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  if darkroom_add_dead_letters(jsonb_build_array(p_letter)) = 0 then
    return 0;
  end if;
  return (darkroom_fail_session(
    p_letter ->> 'product', p_letter ->> 'channel', p_letter ->> 'session_id', p_message, p_letter ->> 'request_id',
    p_letter ->> 'owner_id', p_max_refund) ->> 'refunded')::integer;
end $$;

-- Returns dead letters, newest first, at most `p_limit`; only the one with `p_id` if it is not null. Called by
-- `Records.dead_letters`.
create or replace function darkroom_dead_letters_page(p_id bigint, p_limit integer) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
    select * from darkroom_dead_letters where p_id is null or id = p_id order by id desc limit p_limit) l
$$;

-- Returns the 20 newest dead letters that name a task or session with this id. Called by `Records.dead_letters_of`.
create or replace function darkroom_letters_of(p_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
    select * from darkroom_dead_letters where task_id = p_id or session_id = p_id order by id desc limit 20) l
$$;

-- Delete a dead letter. Returns whether it existed. Called by `Records.drop_dead_letter`.
create or replace function darkroom_drop_dead_letter(p_id bigint) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  delete from darkroom_dead_letters where id = p_id;
  return found;
end $$;

-- Returns those of the task ids that have or had a job. Called by `Records.known_tasks`.
create or replace function darkroom_known_tasks(p_task_ids jsonb) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(task_id), '[]') from darkroom_known_jobs
   where task_id = any (array(select jsonb_array_elements_text(p_task_ids)))
$$;

-- Prepare the session of a dead letter for another push: a failed session is queued again and charged what was
-- refunded, as a new run. Returns ready; ended (the session has completed, or a job ended it: that job can be
-- replayed); refund_owed (the refund of its last run was refused and must be retried first); or no_credits. Nothing is
-- changed unless it is ready. Called by `Records.reopen_letter`.
create or replace function darkroom_reopen_letter(p_id bigint) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_letter darkroom_dead_letters;
  v_session text;
  v_terms jsonb;
  v_run integer;
  v_refund darkroom_ledger;
begin
  select * into v_letter from darkroom_dead_letters where id = p_id for update;
  v_session := darkroom_canonical_id(
    (select table_name from darkroom_session_tables where product = v_letter.product and channel = v_letter.channel),
    v_letter.session_id);
  v_terms := darkroom_session_terms(v_letter.product, v_letter.channel, v_session);
  if v_terms is null or lower(v_terms ->> 'owner_id') is distinct from lower(v_letter.owner_id)
     or v_terms ->> 'status' in ('queued', 'pending', 'processing') then
    return 'ready';
  end if;
  if v_terms ->> 'status' <> 'failed'
     or exists (select from darkroom_known_jobs
                 where product = v_letter.product and channel = v_letter.channel and session_id = v_session) then
    return 'ended';
  end if;
  v_run := darkroom_charged_run(v_letter.product, v_letter.channel, v_session);
  -- Before the ledger is read: a retry of the refund deletes the dead letter and writes the ledger together.
  if exists (select from darkroom_dead_letters
              where list = 'darkroom:refunds'
                and letter_key = concat_ws(':', 'refund', v_letter.product, v_letter.channel, v_session, v_run)) then
    return 'refund_owed';
  end if;
  select * into v_refund from darkroom_ledger
   where product = v_letter.product and channel = v_letter.channel and session_id = v_session and run = v_run
     and kind = 'refund';
  if not darkroom_move_session(v_letter.product, v_letter.channel, v_session, array['failed'], 'queued',
                               jsonb_build_object('error_message', null, 'completed_at', null)) then
    return 'ended';
  end if;
  if not darkroom_charge(v_letter.product, v_letter.channel, v_session, v_letter.owner_id, null, v_letter.request_id,
                         v_run + 1, coalesce(v_refund.amount, 0), 'Replay', null, v_refund.payer) then
    raise sqlstate 'DR402';
  end if;
  return 'ready';
exception when sqlstate 'DR402' then  -- also rolls back the move of the session
  return 'no_credits';
end $$;

-- Delete the oldest dead letters of a list beyond the newest `p_keep`, at most 1000. Returns the number deleted. Called by
-- `Records.trim_dead_letters`.
create or replace function darkroom_trim_dead_letters(p_list text, p_keep integer) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_dropped integer;
begin
  delete from darkroom_dead_letters where id in (
    select id from darkroom_dead_letters where list = p_list order by id desc offset p_keep limit 1000);
  get diagnostics v_dropped = row_count;
  return v_dropped;
end $$;
