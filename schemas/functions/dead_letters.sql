-- Payloads that could not be used.

-- Keeps payloads that could not be used, with the reason, and ends the sessions that they name together with their
-- owner. A letter whose `letter_key` is known already is left alone. Returns credits refunded.
create or replace function darkroom_bury(p_letters jsonb, p_max_refund integer default 1) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_letter record;
  v_refunded integer := 0;
begin
  for v_letter in
    select l.* from jsonb_to_recordset(p_letters) as l(
      list text, code text, reason text, payload text, encoding text, complete boolean, product text, channel text,
      task_id text, session_id text, owner_id text, request_id text, message text, letter_key text)
      left join darkroom_ledger c on c.product = l.product and c.session_id = l.session_id and c.run = 1
                                 and c.kind = 'charge'
     -- Always in the same order: each refund locks its payer's balance.
     order by coalesce(c.owner_id, l.owner_id), l.session_id
  loop
    insert into darkroom_dead_letters (list, code, reason, payload, encoding, complete, product, channel, task_id,
                                       session_id, owner_id, request_id, letter_key)
    values (v_letter.list, v_letter.code, v_letter.reason, v_letter.payload, v_letter.encoding, v_letter.complete,
            v_letter.product, v_letter.channel, v_letter.task_id, v_letter.session_id, v_letter.owner_id,
            v_letter.request_id, v_letter.letter_key)
    on conflict (letter_key) do nothing;
    -- Without a message the session is left alone.
    if found and v_letter.session_id is not null and v_letter.owner_id is not null and v_letter.message is not null then
      v_refunded := v_refunded + (darkroom_fail_session(
        v_letter.product, v_letter.channel, v_letter.session_id, v_letter.message, v_letter.request_id,
        v_letter.owner_id, p_max_refund) ->> 'refunded')::integer;
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

-- The newest dead letters that name a task or session of that id.
create or replace function darkroom_letters_of(p_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(l)), '[]') from (
    select * from darkroom_dead_letters where task_id = p_id or session_id = p_id order by id desc limit 20) l
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
