-- Charges and refunds, each once per session, run and kind.

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

-- Charges a run of a session, once. False if the balance does not cover it.
create or replace function darkroom_charge(
  p_product text, p_channel text, p_session_id text, p_owner_id text, p_user_id text, p_request_id text, p_run integer,
  p_amount integer, p_reason text
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_paid boolean;
begin
  if p_amount <= 0 then
    return true;
  end if;
  insert into darkroom_ledger (product, session_id, run, kind, owner_id, amount)
  values (p_product, p_session_id, p_run, 'charge',
          case when p_channel = 'b2b' then p_owner_id else coalesce(p_user_id, p_owner_id) end, p_amount)
  on conflict do nothing;
  if not found then
    return true;
  end if;
  if p_channel = 'b2b' then
    execute format('select deduct_store_credits(p_store_id => %L, p_amount => %s, p_request_id => %L, p_description => %L)',
                   p_owner_id, p_amount, p_request_id, p_reason) into v_paid;
  else
    execute format('select deduct_credits(p_user_id => %L, p_amount => %s, p_description => %L)',
                   coalesce(p_user_id, p_owner_id), p_amount, p_reason) into v_paid;
  end if;
  if not coalesce(v_paid, false) then
    delete from darkroom_ledger
     where product = p_product and session_id = p_session_id and run = p_run and kind = 'charge';
    return false;
  end if;
  return true;
end $$;

-- Refunds a run of a session, once. Returns the credits given back, 0 if there was nothing to refund or it was done.
-- The caller must have moved the session in the same transaction.
create or replace function darkroom_refund(
  p_product text, p_channel text, p_session_id text, p_owner_id text, p_user_id text, p_request_id text, p_run integer,
  p_reason text
) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_amount integer;
  -- Whoever paid, where that was written down.
  v_payer text;
begin
  select amount, owner_id into v_amount, v_payer from darkroom_ledger
   where product = p_product and session_id = p_session_id and run = p_run and kind = 'charge';
  if v_amount is null and p_run = 1 then
    v_amount := darkroom_session_price(p_product, p_channel, p_session_id);
  end if;
  if coalesce(v_amount, 0) <= 0 then
    return 0;
  end if;
  v_payer := coalesce(v_payer, case when p_channel = 'b2b' then p_owner_id else coalesce(p_user_id, p_owner_id) end);
  insert into darkroom_ledger (product, session_id, run, kind, owner_id, amount)
  values (p_product, p_session_id, p_run, 'refund', v_payer, v_amount)
  on conflict do nothing;
  if not found then
    return 0;
  end if;
  if p_channel = 'b2b' then
    execute format('select refund_store_credits(p_store_id => %L, p_amount => %s, p_request_id => %L, p_description => %L)',
                   v_payer, v_amount, p_request_id, p_reason);
  else
    execute format('select refund_credits(p_user_id => %L, p_amount => %s, p_description => %L)',
                   v_payer, v_amount, p_reason);
  end if;
  return v_amount;
end $$;
