-- Charges and refunds: at most one of each per session and run.
-- Locks: one row of the ledger, then the balance of one payer. The caller has locked the job and the session before. A
-- transaction moves the credits of one session: after a balance is locked, no other session or payer can be, or two
-- transactions could wait for each other.

-- Returns `{owner_id, status, price, email, request_id}` of a session; null if it does not exist. `price` is a
-- column that users may be able to write: `darkroom_refundable` limits it. Called by `darkroom_refund`,
-- `darkroom_reopen_letter` and `darkroom_fail_session`.
create or replace function darkroom_session_terms(p_product text, p_channel text, p_session_id text) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_terms jsonb;
begin
  select * into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if v_table.table_name is null or not darkroom_is_id(v_table.table_name, p_session_id) then
    return null;
  end if;
  execute format('select %s from %I s where s.id = %L', darkroom_terms_of(v_table), v_table.table_name, p_session_id)
    into v_terms;
  return v_terms;
end $$;

-- Returns the SQL expression that builds the terms of a row `s` of the session table. Called by `darkroom_accept`
-- and `darkroom_session_terms`.
create or replace function darkroom_terms_of(p_table darkroom_session_tables) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select format('jsonb_build_object(''owner_id'', s.%I::text, ''status'', lower(s.status::text)', p_table.owner_column)
      || coalesce(string_agg(format(', %L, s.%I', c.key, c.name), ''), '') || ')'
    from (values ('price', 'credits_used'), ('email', 'shopper_email'), ('request_id', 'request_id')) as c(key, name)
   where darkroom_column_type(p_table.table_name, c.name) is not null
$$;

-- Returns the payer of a session, `{kind, id, email}`: a user, a store, or a shopper, the customer of a store that
-- resells credits. Called by `darkroom_accept`, `darkroom_charge`, `darkroom_refund` and `darkroom_place_order`.
create or replace function darkroom_payer(p_channel text, p_owner_id text, p_user_id text, p_email text) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_mode text;
begin
  if p_channel <> 'b2b' then
    return jsonb_build_object('kind', 'user', 'id', coalesce(p_user_id, p_owner_id));
  end if;
  if darkroom_column_type('stores', 'billing_mode') is not null and darkroom_accepts_value('stores', 'id', p_owner_id) then
    execute format('select lower(billing_mode::text) from stores where id = %L', p_owner_id) into v_mode;
  end if;
  if v_mode like 'resell%' then
    return jsonb_build_object('kind', 'shopper', 'id', p_owner_id,
                              'email', nullif(lower(regexp_replace(p_email, '^\s+|\s+$', '', 'g')), ''));
  end if;
  return jsonb_build_object('kind', 'store', 'id', p_owner_id);
end $$;

-- Returns how much of a price that the ledger does not prove can be refunded, at most `p_max` credits. Stores with a
-- billing mode may run on credit: their own transactions under the producer's request id must show a deduction that
-- has not been refunded. Called by `darkroom_accept`, `darkroom_refund` and `darkroom_fail_session`.
create or replace function darkroom_refundable(
  p_channel text, p_owner_id text, p_price integer, p_request_ids text[], p_max integer
) returns integer
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_amount integer := greatest(least(coalesce(p_price, 0), p_max), 0);
  v_deducted integer;
begin
  if v_amount = 0 or p_channel <> 'b2b' or darkroom_column_type('stores', 'billing_mode') is null
     or darkroom_column_type('store_credit_transactions', 'request_id') is null then
    return v_amount;
  end if;
  execute format(
    'select -coalesce(sum(amount), 0) from store_credit_transactions'
    ' where store_id = %L and request_id::text = any (%L) and type::text !~* ''overage''', p_owner_id, p_request_ids)
    into v_deducted;
  return greatest(least(v_amount, v_deducted), 0);
end $$;

-- Returns the balance of a payer, as `darkroom_payer` returns it, in credits; null for an unknown payer. Called by
-- `darkroom_place_order`.
create or replace function darkroom_payer_balance(p_payer jsonb) returns integer
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text := case p_payer ->> 'kind' when 'user' then 'user_credits' when 'store' then 'store_credits'
                                          else 'store_shopper_credits' end;
  v_column text := case p_payer ->> 'kind' when 'user' then 'user_id' else 'store_id' end;
  v_balance integer;
begin
  if darkroom_accepts_value(v_table, v_column, p_payer ->> 'id') then
    execute format('select balance from %I where %I = %L', v_table, v_column, p_payer ->> 'id')
         || case when p_payer ->> 'kind' = 'shopper'
                 then format(' and shopper_email = %L', p_payer ->> 'email') else '' end into v_balance;
  end if;
  return v_balance;
end $$;

-- Call the deduct or refund function of the database (`p_kind`) by the names of its arguments. Returns false if a
-- deduction reports that the balance is too small, else true; a refund that returns false is an error. `p_reference`
-- is unique per session, run and kind.
-- Called by `darkroom_charge` and `darkroom_refund_once`.
create or replace function darkroom_move_credits(
  p_kind text, p_payer jsonb, p_amount integer, p_reference text, p_reason text
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_name text := p_kind || case p_payer ->> 'kind' when 'user' then '_credits' when 'store' then '_store_credits'
                                                   else '_store_shopper_credits' end;
  v_call text;
  v_answer text;
begin
  select format('select (%I(%s))::text', v_name, string_agg(format('%I => %L', a.name, a.value), ', ' order by a.n))
    into v_call
    from darkroom_credit_arguments(v_name) c
    cross join lateral (
      select c.n, c.name, case c.meaning
        when 'email' then p_payer ->> 'email'
        when 'payer' then p_payer ->> 'id'
        when 'amount' then p_amount::text
        when 'reference' then case when c.type_name = 'uuid' then md5(p_reference)::uuid::text else p_reference end
        -- Without an argument for the reference, the description identifies the row of the ledger.
        when 'description' then case when c.takes_reference then p_reason else format('%s (%s)', p_reason, p_reference) end
      end as value) a
   where a.value is not null
  having bool_and(c.meaning is not null or c.optional);
  if v_call is null then
    raise undefined_function using message = format('%s is missing, or takes other arguments', v_name);
  end if;
  execute v_call into v_answer;
  if p_kind = 'refund' and v_answer = 'false' then
    raise exception '% returned false', v_name;
  end if;
  return p_kind = 'refund' or coalesce(v_answer, 'false') = 'true';
end $$;

-- Returns the arguments of a credit function, each with its meaning: payer, email, amount, reference, description,
-- or null. Called by `darkroom_check` and `darkroom_move_credits`.
create or replace function darkroom_credit_arguments(p_function text) returns table (
  n integer, name text, type_name text, meaning text, optional boolean, takes_reference boolean)
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select a.n, a.name, a.type_name, a.meaning, a.optional, bool_or(a.meaning = 'reference') over ()
    from (
      select i.n::integer as n, i.name, format_type(f.proargtypes[i.n::integer - 1], null) as type_name,
             i.n > f.pronargs - f.pronargdefaults as optional,
             case when i.name ~* 'e_?mail' then 'email'
                  when i.name ~* 'amount|credits' then 'amount'
                  when i.name ~* 'request|reference|idempotency' then 'reference'
                  when i.name ~* 'description|reason|note' then 'description'
                  when i.name ~* 'user|store|shop|owner' then 'payer' end as meaning
        from (select * from pg_proc
               where pronamespace = 'public'::regnamespace and proname = p_function and prokind = 'f'
               order by pronargs desc limit 1) f
        -- `proargnames` also holds the names of output arguments.
        cross join lateral (
          select row_number() over (order by names.n) as n, names.name
            from unnest(f.proargnames) with ordinality as names(name, n)
           where f.proargmodes is null or f.proargmodes[names.n] in ('i', 'b', 'v')) i) a
$$;

-- Charge a run of a session once. Returns false if the balance is too small. Called by `darkroom_reopen_letter`,
-- `darkroom_place_order` and `darkroom_replay`.
create or replace function darkroom_charge(
  p_product text, p_channel text, p_session_id text, p_owner_id text, p_user_id text, p_request_id text, p_run integer,
  p_amount integer, p_reason text, p_email text default null, p_payer jsonb default null
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_payer jsonb := coalesce(p_payer, darkroom_payer(p_channel, p_owner_id, p_user_id, p_email));
  v_paid boolean;
begin
  if p_amount <= 0 then
    return true;
  end if;
  insert into darkroom_ledger (product, channel, session_id, run, kind, owner_id, amount, payer)
  values (p_product, p_channel, p_session_id, p_run, 'charge', v_payer ->> 'id', p_amount, v_payer)
  on conflict do nothing;
  if not found then
    return true;
  end if;
  begin
    v_paid := (v_payer ->> 'kind' <> 'shopper' or v_payer ->> 'email' is not null)
              and darkroom_move_credits('deduct', v_payer, p_amount,
                                        concat_ws(':', p_product, p_channel, p_session_id, p_run), p_reason);
  exception when unique_violation then
    -- The reference is unique per session and run, so this charge was made before.
    v_paid := true;
  end;
  if not v_paid then
    delete from darkroom_ledger
     where product = p_product and channel = p_channel and session_id = p_session_id and run = p_run
       and kind = 'charge';
  end if;
  return v_paid;
end $$;

-- Returns the latest run of a session that was charged; 1 if the ledger has no charge. Called by
-- `darkroom_reopen_letter` and `darkroom_fail_session`.
create or replace function darkroom_charged_run(p_product text, p_channel text, p_session_id text) returns integer
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(max(run), 1) from darkroom_ledger
   where product = p_product and channel = p_channel and session_id = p_session_id and kind = 'charge'
$$;

-- Refund a run of a session once, to its payer. Returns the credits refunded: 0 if there was nothing to refund, if
-- the refund was made before, or if the database refuses it; a refused refund becomes a dead letter, because the
-- session must end in any case. `p_price` and `p_payer` are used where the ledger has no charge. The caller must
-- have moved the session in the same transaction. Called by `darkroom_cancel_order`, `darkroom_fail` and
-- `darkroom_fail_session`.
create or replace function darkroom_refund(
  p_product text, p_channel text, p_session_id text, p_owner_id text, p_user_id text, p_request_id text, p_run integer,
  p_reason text, p_price integer default 0, p_payer jsonb default null
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_charge darkroom_ledger;
  v_terms jsonb;
  v_amount integer;
  v_payer jsonb;
begin
  select * into v_charge from darkroom_ledger
   where product = p_product and channel = p_channel and session_id = p_session_id and run = p_run
     and kind = 'charge';
  if v_charge.amount is null and (p_run <> 1 or p_price <= 0) then
    return 0;
  end if;
  v_terms := darkroom_session_terms(p_product, p_channel, p_session_id);
  v_amount := coalesce(v_charge.amount, darkroom_refundable(
    p_channel, p_owner_id, p_price, array[p_request_id, v_terms ->> 'request_id'], p_price));
  -- The ledger rows of earlier forms have no payer, only its id.
  v_payer := coalesce(v_charge.payer, p_payer,
                      darkroom_payer(p_channel, p_owner_id, coalesce(v_charge.owner_id, p_user_id), v_terms ->> 'email'));
  if v_amount <= 0 or (v_payer ->> 'kind' = 'shopper' and v_payer ->> 'email' is null) then
    return 0;
  end if;
  return darkroom_refund_once(jsonb_build_object(
    'product', p_product, 'channel', p_channel, 'session_id', p_session_id, 'run', p_run, 'amount', v_amount,
    'payer', v_payer, 'reason', p_reason));
end $$;

-- Refund `{product, channel, session_id, run, amount, payer, reason}` unless the ledger or the database has that refund.
-- Returns the credits refunded. Any error of the database's refund function is a refusal, except those of an outage or
-- a deadlock, which are raised. Called by `darkroom_refund` and `darkroom_retry_refund`.
create or replace function darkroom_refund_once(p_refund jsonb) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_product text := p_refund ->> 'product';
  v_channel text := p_refund ->> 'channel';
  v_session text := p_refund ->> 'session_id';
  v_run integer := (p_refund ->> 'run')::integer;
  v_amount integer := (p_refund ->> 'amount')::integer;
  v_reference text := concat_ws(':', v_product, v_channel, v_session, v_run);
begin
  insert into darkroom_ledger (product, channel, session_id, run, kind, owner_id, amount, payer)
  values (v_product, v_channel, v_session, v_run, 'refund', p_refund -> 'payer' ->> 'id', v_amount, p_refund -> 'payer')
  on conflict do nothing;
  if not found then
    return 0;
  end if;
  begin
    perform darkroom_move_credits('refund', p_refund -> 'payer', v_amount, v_reference || ':refund',
                                  p_refund ->> 'reason');
    return v_amount;
  exception
    when unique_violation then
      return 0;
    when others or assert_failure then  -- `others` does not include failed assertions
      if left(sqlstate, 2) in ('08', '40', '53', '55', '57', '58') then
        raise;
      end if;
      delete from darkroom_ledger where product = v_product and channel = v_channel and session_id = v_session
                                    and run = v_run and kind = 'refund';
      insert into darkroom_dead_letters (list, code, reason, payload, encoding, product, channel, session_id, owner_id,
                                         letter_key)
      values ('darkroom:refunds', 'refund_refused', format('%s: %s', sqlstate, left(sqlerrm, 500)), p_refund::text,
              'utf-8', v_product, v_channel, v_session, p_refund -> 'payer' ->> 'id', 'refund:' || v_reference)
      on conflict (letter_key) do nothing;
      return 0;
  end;
end $$;

-- Retry a refused refund. Returns the credits refunded. The dead letter is deleted, and stored again if the database
-- refuses the refund again. Called by `Records.retry_refund`.
create or replace function darkroom_retry_refund(p_letter_id bigint) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_payload text;
begin
  delete from darkroom_dead_letters where id = p_letter_id and list = 'darkroom:refunds' returning payload into v_payload;
  return case when v_payload is null then 0 else darkroom_refund_once(v_payload::jsonb) end;
end $$;
