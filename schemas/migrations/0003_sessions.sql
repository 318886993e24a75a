-- Writing into tables of others: values take the column's own type, enum label and case.

-- The label of an enum column that means `p_word`, whatever its case; the word itself for a text column. `queued` and
-- `pending` stand for each other where a column knows only one of them.
create or replace function darkroom_label(p_table text, p_column text, p_word text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(
    (select e.enumlabel
       from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
      where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column
        and lower(e.enumlabel) = any (case when p_word in ('queued', 'pending')
                                           then array['queued', 'pending'] else array[lower(p_word)] end)
      order by lower(e.enumlabel) = lower(p_word) desc limit 1),
    -- Image jobs start as `pending` also where the column is plain text.
    case when p_table = 'image_generation_jobs' and p_word = 'queued' then 'pending' else p_word end)
$$;

create or replace function darkroom_column_type(p_table text, p_column text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select format_type(a.atttypid, a.atttypmod) from pg_attribute a
   where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column and not a.attisdropped
$$;

-- Whether `p_id` can be an id of that table at all: a uuid column refuses other words with an error.
create or replace function darkroom_is_id(p_table text, p_id text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select darkroom_column_type(p_table, 'id') is distinct from 'uuid'
      or p_id ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
$$;

-- An id as the table's own type writes it: producers may write a uuid in capitals, and jobs are found by their text.
-- Without a cast: the planner would try it on a constant that is none, whatever the condition before it says.
create or replace function darkroom_canonical_id(p_table text, p_id text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case when darkroom_column_type(p_table, 'id') = 'uuid' and darkroom_is_id(p_table, p_id)
              then regexp_replace(lower(replace(p_id, '-', '')), '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '\1-\2-\3-\4-\5')
              else p_id end
$$;

-- Moves one session to `p_to` if its status is one of `p_from`, setting the columns of `p_set` with it. True if it is
-- there now: with a `p_from` that does not hold `p_to`, for the one call that moved it. Subscribers see every update as
-- a change, so a row that has all these values already is not written again. A product without a session table always
-- moves: its job row is the only state there is.
create or replace function darkroom_move_session(
  p_product text, p_channel text, p_session_id text, p_from text[], p_to text, p_set jsonb
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text;
  v_assignments text;
  v_changes text;
  v_moved boolean;
begin
  select table_name into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if v_table is null then
    return true;
  end if;
  if not darkroom_is_id(v_table, p_session_id) then
    return false;
  end if;
  -- Untyped literals take the column's type, so that one statement fits text, uuid and enum columns alike.
  select string_agg(format('%I = %L', key, value), ', '), string_agg(format('%I::text is distinct from %L', key, value), ' or ')
    into v_assignments, v_changes
    from jsonb_each_text(jsonb_build_object('status', darkroom_label(v_table, 'status', p_to)) || coalesce(p_set, '{}'));
  execute format('select true from %I where id = %L and lower(status::text) = any (%L::text[]) for update',
                 v_table, p_session_id, p_from) into v_moved;
  if v_moved then
    execute format('update %I set %s where id = %L and (%s)', v_table, v_assignments, p_session_id, v_changes);
  end if;
  return coalesce(v_moved, false);
end $$;

-- What a session's producer charged before it pushed the task.
create or replace function darkroom_session_price(p_product text, p_channel text, p_session_id text) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text;
  v_price integer;
begin
  select table_name into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if v_table is null or darkroom_column_type(v_table, 'credits_used') is null then
    return 0;
  end if;
  execute format('select coalesce(credits_used, 0) from %I where id = %L', v_table, p_session_id) into v_price;
  return coalesce(v_price, 0);
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
