-- Orders over HTTP: order, charge and session in one transaction.
-- Locks: the order, then its session, then the balance of its payer. A transaction places or cancels one order. A new
-- order charges before it inserts its session, which no other transaction can have locked yet.

-- Place an order: store it, charge it and create its session, or none of these. Returns `{outcome}`: created;
-- replayed or conflict (the idempotency key was used, for the same or for a different order) with the first `answer`
-- and whether its task has `arrived`, that is, has a job; no_credits with the `balance` and the kind of `payer`;
-- unknown_id (an id does not exist in this database); product_off (the database lacks the tables of the product).
-- Called by `Orders.place_order`.
create or replace function darkroom_place_order(p_request jsonb, p_session jsonb, p_price integer) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_new darkroom_requests;
  v_old darkroom_requests;
  v_table darkroom_session_tables;
  v_payer jsonb;
begin
  v_new := jsonb_populate_record(null::darkroom_requests, p_request || '{"ended": false, "arrived": false}');
  v_new.created_at := now();
  v_payer := darkroom_payer(v_new.channel, v_new.owner_id, v_new.user_id, p_session ->> 'shopper_email');
  if v_new.product = any (darkroom_missing_products()) then
    return jsonb_build_object('outcome', 'product_off');
  end if;
  loop
    insert into darkroom_requests select v_new.* on conflict (client, idempotency_key) do nothing;
    exit when found;
    select * into v_old from darkroom_requests
     where client = v_new.client and idempotency_key = v_new.idempotency_key;
    if found then
      return jsonb_build_object('answer', v_old.answer,
        'arrived', exists (select from darkroom_known_jobs where task_id = v_old.task_id), 'outcome',
        case when v_old.fingerprint = v_new.fingerprint then 'replayed' else 'conflict' end);
    end if;
  end loop;

  if not darkroom_charge(v_new.product, v_new.channel, v_new.session_id, v_new.owner_id, v_new.user_id,
                         v_new.request_id, 1, p_price, 'Generation', null, v_payer) then
    delete from darkroom_requests where task_id = v_new.task_id;
    return jsonb_build_object('outcome', 'no_credits', 'payer', v_payer ->> 'kind',
                              'balance', coalesce(darkroom_payer_balance(v_payer), 0));
  end if;

  select * into v_table from darkroom_session_tables where product = v_new.product and channel = v_new.channel;
  if v_table.table_name is not null then
    perform darkroom_insert(v_table.table_name, p_session || jsonb_build_object(
      'id', v_new.session_id, v_table.owner_column, v_new.owner_id,
      'status', darkroom_enum_label(v_table.table_name, 'status', 'queued')));
  end if;

  -- Check deferred constraints here, where a violation can still be reported as an outcome.
  set constraints all immediate;
  return jsonb_build_object('outcome', 'created');
exception
  when invalid_text_representation or numeric_value_out_of_range or foreign_key_violation then
    return jsonb_build_object('outcome', 'unknown_id');
  when raise_exception or no_data_found then
    -- Some credit functions raise an error for an unknown payer; for a known payer it has another cause.
    if darkroom_payer_balance(v_payer) is not null then
      raise;
    end if;
    -- A shopper without a purchase has no row.
    if v_payer ->> 'kind' = 'shopper' then
      return jsonb_build_object('outcome', 'no_credits', 'payer', 'shopper', 'balance', 0);
    end if;
    return jsonb_build_object('outcome', 'unknown_id');
end $$;

-- Cancel an order whose task could not be pushed: fail its session, refund the charge and release the idempotency
-- key. Returns `{ended, refunded}`: whether the order has ended, and the credits that this call refunded. An order whose
-- task has a job is not changed. Called by `Orders.cancel_order`.
create or replace function darkroom_cancel_order(p_task_id text, p_message text) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_request darkroom_requests;
  v_moved boolean;
  v_refunded integer := 0;
begin
  select * into v_request from darkroom_requests where task_id = p_task_id for update;
  if v_request.ended then
    return jsonb_build_object('ended', true, 'refunded', 0);
  end if;
  if v_request.task_id is null or exists (select from darkroom_known_jobs where task_id = p_task_id) then
    return jsonb_build_object('ended', false, 'refunded', 0);
  end if;
  if exists (select from darkroom_session_tables
              where product = v_request.product and channel = v_request.channel) then
    v_moved := darkroom_move_session(
      v_request.product, v_request.channel, v_request.session_id, array['queued', 'pending'], 'failed',
      jsonb_build_object('error_message', p_message, 'completed_at', now()));
    -- A dispatch held the lock of the session and has committed: the task runs.
    if not v_moved and exists (select from darkroom_known_jobs where task_id = p_task_id) then
      return jsonb_build_object('ended', false, 'refunded', 0);
    end if;
  else
    -- With a failed job in place, a push that arrives late is a duplicate and does not run.
    insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, state,
                               failure, finished_at)
    values (p_task_id, v_request.product, v_request.session_id, v_request.owner_id, v_request.user_id,
            v_request.channel, v_request.request_id, v_request.payload, 'failed',
            jsonb_build_object('code', 'queue_unavailable', 'message', p_message), now())
    on conflict do nothing;
    v_moved := found;
    if not v_moved then
      return jsonb_build_object('ended', false, 'refunded', 0);
    end if;
  end if;
  update darkroom_requests set ended = true, idempotency_key = null where task_id = p_task_id;
  if v_moved then
    v_refunded := darkroom_refund(v_request.product, v_request.channel, v_request.session_id, v_request.owner_id,
                                  v_request.user_id, v_request.request_id, 1, p_message);
  end if;
  return jsonb_build_object('ended', true, 'refunded', v_refunded);
end $$;

-- Returns `{task_id, product, session_id}` of orders older than `p_older_s` seconds whose task has no job, oldest first,
-- at most `p_limit`: their process ended before it pushed the task. Orders whose task has a job are marked and not looked
-- at again; at most 10,000 orders are looked at. Called by `Orders.lost_orders`.
create or replace function darkroom_lost_orders(p_older_s float8, p_limit integer) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
begin
  update darkroom_requests r set arrived = true
    from (select ctid from darkroom_requests
           where not ended and not arrived and created_at < now() - make_interval(secs => p_older_s)
           order by created_at limit 10000 for update skip locked) oldest
   where r.ctid = oldest.ctid and exists (select from darkroom_known_jobs j where j.task_id = r.task_id);
  return (select coalesce(jsonb_agg(to_jsonb(lost)), '[]') from (
    select r.task_id, r.product, r.session_id from (
      select * from darkroom_requests
       where not ended and not arrived and created_at < now() - make_interval(secs => p_older_s)
       order by created_at limit 10000) r
     where not exists (select from darkroom_known_jobs j where j.task_id = r.task_id)
     order by r.created_at limit p_limit) lost);
end $$;
