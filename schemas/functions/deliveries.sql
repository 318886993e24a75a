-- The outbox: messages about finished jobs, claimed and settled by dispatchers, and the webhooks of owners.
-- Locks: the job, its row in `darkroom_dispatched`, then its deliveries. Claims take turns and skip deliveries that are
-- locked.

-- Insert the deliveries of a job, a list of `{kind, channel, message}`; one for a webhook is dropped if the owner has none.
-- Returns the number inserted: 0 for those that the run of the job has already. Called by `darkroom_complete` and
-- `darkroom_enqueue_deliveries`.
create or replace function darkroom_insert_deliveries(p_job darkroom_jobs, p_deliveries jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_inserted integer;
begin
  insert into darkroom_deliveries (task_id, run, kind, channel, owner_id, request_id, message)
  select p_job.task_id, p_job.run, d.kind, d.channel, p_job.owner_id, p_job.request_id, d.message
    from jsonb_to_recordset(p_deliveries) as d(kind text, channel text, message jsonb)
   where d.channel <> 'webhook'
      or exists (select from darkroom_webhooks w where w.owner_id = p_job.owner_id and w.disabled_at is null)
  on conflict do nothing;
  get diagnostics v_inserted = row_count;
  return v_inserted;
end $$;

-- Enqueue the deliveries of an ended job and release it, in one transaction. Returns the number enqueued: 0 if they
-- were enqueued before, or another worker owns the job. Called by `Outbox.enqueue`.
create or replace function darkroom_enqueue_deliveries(p_task_id text, p_token bigint, p_deliveries jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs
   where task_id = p_task_id and state in ('completed', 'failed', 'cancelled') for update;
  if not found or not darkroom_owns(p_task_id, p_token) then
    return 0;
  end if;
  update darkroom_jobs set token = p_token where task_id = p_task_id and token < p_token;
  delete from darkroom_dispatched where task_id = p_task_id;
  return darkroom_insert_deliveries(v_job, p_deliveries);
end $$;

-- Claim due deliveries, of one task if `p_task_id` is not null, for `p_lease_s` seconds each: the oldest, at most
-- `p_limit`, of each channel at most its number in `p_channels`, and of each owner and channel as many as leave at most
-- `p_share` claimed. Returns them. `interrupted` is true if the previous claim expired while the delivery was being
-- sent, so that it may have been received. Called by `Outbox.claim`.
create or replace function darkroom_claim_deliveries(
  p_task_id text, p_limit integer, p_lease_s float8, p_share integer default 16, p_channels jsonb default '{}'
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_claimed jsonb;
begin
  -- One claim at a time, so that each sees what the others have claimed.
  perform pg_advisory_xact_lock(hashtext('darkroom_claim_deliveries'));
  -- The owners with deliveries, found by one index probe each: one owner's thousand deliveries are not read.
  with recursive pairs as (
    (select channel, owner_id from darkroom_deliveries where state in ('due', 'claimed', 'sending')
      order by channel, owner_id limit 1)
    union all
    select n.channel, n.owner_id from pairs p cross join lateral (
      select channel, owner_id from darkroom_deliveries
       where state in ('due', 'claimed', 'sending') and (channel, owner_id) > (p.channel, p.owner_id)
       order by channel, owner_id limit 1) n
  ), candidates as (
    select d.id, d.next_at, row_number() over (partition by p.channel order by d.next_at) as place,
           coalesce((p_channels ->> p.channel)::integer, p_limit) as places
      from pairs p cross join lateral (
        select id, next_at from darkroom_deliveries
         where channel = p.channel and owner_id = p.owner_id and state in ('due', 'claimed', 'sending')
           and next_at <= now() and (p_task_id is null or task_id = p_task_id)
         order by next_at
         limit greatest(0, p_share - (
           select count(*) from darkroom_deliveries
            where channel = p.channel and owner_id = p.owner_id and state in ('claimed', 'sending')
              and next_at > now()))) d
  ), due as (
    select id, state from darkroom_deliveries
     where id in (select id from candidates where place <= places order by next_at limit p_limit)
     for update skip locked
  ), claimed as (
    update darkroom_deliveries d
       set state = 'claimed', claim = d.claim + 1, next_at = now() + make_interval(secs => p_lease_s)
      from due where due.id = d.id
     returning d.*, due.state = 'sending' as interrupted, extract(epoch from now() - d.armed_at) as age_s)
  select coalesce(jsonb_agg(to_jsonb(claimed) || jsonb_build_object('session_id', j.session_id)
                            order by claimed.id), '[]')
    into v_claimed
    from claimed left join darkroom_known_jobs j using (task_id);
  return v_claimed;
end $$;

-- Record that a claimed delivery is about to be sent. Returns false if another claim holds it. Called by
-- `Outbox.mark_sending`.
create or replace function darkroom_mark_delivery_sending(p_id bigint, p_claim integer) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  update darkroom_deliveries set state = 'sending' where id = p_id and claim = p_claim and state = 'claimed';
  return found;
end $$;

-- End an attempt with `p_state`: sent; due again in `p_delay_s` seconds; or dead, which also stores a dead letter.
-- Returns false if another claim holds the delivery. Called by `Outbox._settle`.
create or replace function darkroom_settle_delivery(
  p_id bigint, p_claim integer, p_state text, p_code text, p_reason text, p_delay_s float8
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_delivery darkroom_deliveries;
begin
  update darkroom_deliveries
     set state = p_state, code = p_code, attempts = attempts + 1,
         next_at = now() + make_interval(secs => coalesce(p_delay_s, 0)),
         sent_at = case when p_state = 'sent' then now() end
   where id = p_id and claim = p_claim and state in ('claimed', 'sending')
  returning * into v_delivery;
  if not found then
    return false;
  end if;
  if p_state = 'dead' then
    insert into darkroom_dead_letters (list, code, reason, payload, encoding, task_id)
    values ('darkroom:deliveries', coalesce(p_code, 'unknown'), p_reason,
            jsonb_build_object('delivery', v_delivery.id, 'task_id', v_delivery.task_id, 'run', v_delivery.run,
                               'kind', v_delivery.kind, 'channel', v_delivery.channel)::text,
            'utf-8', v_delivery.task_id);
  end if;
  return true;
end $$;

-- Deliver by inserting a row into a table of this database. The row and the state `sent` are written together, so
-- that repeated attempts insert it once. Returns false if another claim holds the delivery. Called by
-- `Outbox.write_row`.
create or replace function darkroom_deliver_row(p_id bigint, p_claim integer, p_table text, p_row jsonb) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  if p_table not in ('messages', 'audit_log') then
    raise exception 'nothing is delivered into %', p_table;
  end if;
  update darkroom_deliveries set state = 'sent', code = null, attempts = attempts + 1, sent_at = now()
   where id = p_id and claim = p_claim and state = 'claimed';
  if not found then
    return false;
  end if;
  begin
    perform darkroom_insert(p_table, p_row);
  exception when foreign_key_violation or invalid_text_representation then
    -- The avatar was deleted or never existed in this database; the photo is delivered without it.
    if p_row ->> 'avatar_id' is null then
      raise;
    end if;
    perform darkroom_insert(p_table, p_row || '{"avatar_id": null}');
  end;
  return true;
end $$;

-- Start a new series of attempts for a dead delivery. Returns false if it is not dead. Called by
-- `Outbox.retry_dead`.
create or replace function darkroom_retry_dead_delivery(p_id bigint) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  update darkroom_deliveries set state = 'due', attempts = 0, next_at = now(), armed_at = now(), code = null
   where id = p_id and state = 'dead';
  return found;
end $$;

-- Returns the deliveries of a task, oldest first. Called by `Outbox.for_task`.
create or replace function darkroom_deliveries_of(p_task_id text) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(d) order by d.id), '[]') from darkroom_deliveries d where d.task_id = p_task_id
$$;

-- Returns the WhatsApp phone number of a user; null if there is none. Called by `Outbox.whatsapp_phone`.
create or replace function darkroom_whatsapp_phone(p_user_id text) returns text
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_phone text;
begin
  if darkroom_accepts_value('user_preferences', 'user_id', p_user_id) then
    execute format('select whatsapp_phone::text from user_preferences where user_id = %L limit 1', p_user_id) into v_phone;
  end if;
  return v_phone;
end $$;

-- Change the webhook of an owner: `set` its address, `rotate` its secret, `disable` it until it is set again, or
-- `drop` it; null changes nothing. Returns the row after the change; null if there is none. Called by
-- `Outbox.webhook`.
create or replace function darkroom_webhook(p_owner_id text, p_change text, p_url text) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_webhook darkroom_webhooks;
begin
  if p_change = 'set' then
    insert into darkroom_webhooks (owner_id, url) values (p_owner_id, p_url)
    on conflict (owner_id) do update set url = excluded.url, disabled_at = null;
  elsif p_change = 'rotate' then
    update darkroom_webhooks set version = version + 1, rotated_at = now() where owner_id = p_owner_id;
  elsif p_change = 'disable' then
    update darkroom_webhooks set disabled_at = coalesce(disabled_at, now()) where owner_id = p_owner_id;
  elsif p_change = 'drop' then
    delete from darkroom_webhooks where owner_id = p_owner_id;
  end if;
  select * into v_webhook from darkroom_webhooks where owner_id = p_owner_id;
  return case when found then to_jsonb(v_webhook) end;
end $$;
