-- Changes that operators make with `manage.py session` and `manage.py credits`.
-- Locks: one new session, or the balance of one owner.

-- Create a queued session of `p_owner_id` with further columns `p_columns`, as a producer does, without a charge.
-- Returns created; exists (the id is in use); unknown_id (an id does not exist in this database); incomplete (the
-- table needs columns that are not given); or no_table (the product has no sessions). Called by
-- `Operators.new_session`.
create or replace function darkroom_new_session(
  p_product text, p_channel text, p_owner_id text, p_session_id text, p_columns jsonb
) returns text
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
begin
  select * into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if not found or to_regclass(quote_ident(v_table.table_name)) is null then
    return 'no_table';
  end if;
  perform darkroom_insert(v_table.table_name, p_columns || jsonb_build_object(
    'id', p_session_id, v_table.owner_column, p_owner_id,
    'status', darkroom_enum_label(v_table.table_name, 'status', 'queued')));
  return 'created';
exception
  when unique_violation then
    return 'exists';
  when invalid_text_representation or foreign_key_violation then
    return 'unknown_id';
  when not_null_violation then
    return 'incomplete';
end $$;

-- Returns the row of an owner in the credit table (`balance` and totals); null if there is none. `p_channel` b2b
-- means a store, any other channel a user. Called by `Operators.credits`.
create or replace function darkroom_owner_credits(p_channel text, p_owner_id text) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text := case when p_channel = 'b2b' then 'store_credits' else 'user_credits' end;
  v_column text := case when p_channel = 'b2b' then 'store_id' else 'user_id' end;
  v_row jsonb;
begin
  if darkroom_accepts_value(v_table, v_column, p_owner_id) then
    execute format('select to_jsonb(c) from %I c where %I = %L limit 1', v_table, v_column, p_owner_id) into v_row;
  end if;
  return v_row;
end $$;

-- Add credits to an owner: balance, total and a ledger row together, or none of them. Ledgers of existing databases
-- have different values for the type of a row: the first one that the ledger accepts is used. Returns `{outcome,
-- balance}`: added; unknown_id (the owner does not exist); no_type (the ledger accepts none of the values). Called
-- by `Operators.add_credits`.
create or replace function darkroom_add_credits(
  p_channel text, p_owner_id text, p_amount integer, p_request_id text, p_reason text
) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_store boolean := p_channel = 'b2b';
  v_table text := case when v_store then 'store_credits' else 'user_credits' end;
  v_ledger text := case when v_store then 'store_credit_transactions' else 'credit_transactions' end;
  v_column text := case when v_store then 'store_id' else 'user_id' end;
  v_total text := case when v_store then 'total_purchased' else 'total_earned' end;
  v_entry jsonb;
  v_type text;
  v_balance integer;
begin
  if p_amount <= 0 then
    raise exception 'credits to add must be positive, not %', p_amount;
  end if;
  if not darkroom_accepts_value(v_table, v_column, p_owner_id) then
    return jsonb_build_object('outcome', 'unknown_id', 'balance', 0);
  end if;
  for v_try in 1..3 loop
    execute format('update %1$I set balance = coalesce(balance, 0) + %2$s, %3$I = coalesce(%3$I, 0) + %2$s where %4$I = %5$L'
                   ' returning balance', v_table, p_amount, v_total, v_column, p_owner_id) into v_balance;
    exit when v_balance is not null;
    begin
      perform darkroom_insert(v_table, jsonb_build_object(v_column, p_owner_id, 'balance', 0, v_total, 0, 'total_spent', 0));
    exception when unique_violation then
      null;  -- a concurrent call has created it
    end;
  end loop;

  if v_balance is null then
    raise exception 'the balance of % can''t be created', p_owner_id;
  end if;

  v_entry := jsonb_build_object(v_column, p_owner_id, 'amount', p_amount, 'description', p_reason)
    || case when v_store then jsonb_build_object('request_id', p_request_id) else '{}' end;
  foreach v_type in array array['grant', 'adjustment', 'bonus', 'manual', 'purchase', 'topup', 'top_up', 'earned', 'credit',
                                'deposit'] loop
    begin
      perform darkroom_insert(v_ledger, v_entry || jsonb_build_object('type', v_type));
      return jsonb_build_object('outcome', 'added', 'balance', v_balance);
    exception when check_violation or invalid_text_representation then
      null;  -- this ledger does not accept the value
    end;
  end loop;
  raise sqlstate 'DR422';
exception
  when foreign_key_violation then
    return jsonb_build_object('outcome', 'unknown_id', 'balance', 0);
  when sqlstate 'DR422' then  -- also rolls back the change of the balance
    return jsonb_build_object('outcome', 'no_type', 'balance', 0);
end $$;
