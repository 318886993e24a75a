-- Adds to existing tables of migrated products the columns that Darkroom writes, and creates missing credit functions.
-- Applied at every migration; nothing that exists is dropped, renamed or retyped.

-- Only tables with missing columns are altered: even an `add column if not exists` that adds nothing locks the table, and
-- PostgreSQL allows it to the table's owner only.
do $$
declare
  v_missing record;
begin
  for v_missing in
    select c.* from darkroom_columns() c
      join darkroom_table_products() t on t.table_name = c.table_name
     where darkroom_migrates(t.product)
       and to_regclass('public.' || quote_ident(c.table_name)) is not null
       and not exists (select from pg_attribute a
                        where a.attrelid = to_regclass('public.' || quote_ident(c.table_name))
                          and a.attname = c.column_name and not a.attisdropped)
  loop
    execute format('alter table public.%I add column %I %s',
                   v_missing.table_name, v_missing.column_name, v_missing.type_name);
  end loop;
end $$;

-- Credit functions are created only if no function of that name exists, so that a database's own ledger rules stay in
-- force. The created ones are restricted to the service role.
do $$
declare
  v_made text[] := array(
    select name from unnest(array['deduct_credits', 'refund_credits', 'deduct_store_credits', 'refund_store_credits']) name
     where name not like '%store%' or darkroom_migrates('tryon')
    except select proname from pg_proc where pronamespace = 'public'::regnamespace);
  v_function regprocedure;
  v_role text;
begin
  if 'deduct_credits' = any (v_made) then
    create function deduct_credits(p_user_id text, p_amount integer, p_description text) returns boolean
    language plpgsql security definer set search_path = public, extensions, pg_temp as $f$
    begin
      update user_credits set balance = balance - p_amount, total_spent = total_spent + p_amount
       where user_id = p_user_id and balance >= p_amount;
      if not found then
        return false;
      end if;
      insert into credit_transactions (user_id, amount, type, description)
      values (p_user_id, -p_amount, 'usage', p_description);
      return true;
    end $f$;
  end if;

  if 'refund_credits' = any (v_made) then
    create function refund_credits(p_user_id text, p_amount integer, p_description text) returns void
    language plpgsql security definer set search_path = public, extensions, pg_temp as $f$
    begin
      insert into user_credits (user_id, balance) values (p_user_id, p_amount)
      on conflict (user_id) do update
        set balance = user_credits.balance + p_amount, total_spent = greatest(user_credits.total_spent - p_amount, 0);
      insert into credit_transactions (user_id, amount, type, description)
      values (p_user_id, p_amount, 'refund', p_description);
    end $f$;
  end if;

  if 'deduct_store_credits' = any (v_made) then
    create function deduct_store_credits(p_store_id text, p_amount integer, p_request_id text, p_description text)
    returns boolean language plpgsql security definer set search_path = public, extensions, pg_temp as $f$
    begin
      update store_credits set balance = balance - p_amount, total_spent = total_spent + p_amount
       where store_id = p_store_id and balance >= p_amount;
      if not found then
        return false;
      end if;
      insert into store_credit_transactions (store_id, amount, type, request_id, description)
      values (p_store_id, -p_amount, 'usage', p_request_id, p_description);
      return true;
    end $f$;
  end if;

  if 'refund_store_credits' = any (v_made) then
    create function refund_store_credits(p_store_id text, p_amount integer, p_request_id text, p_description text)
    returns void language plpgsql security definer set search_path = public, extensions, pg_temp as $f$
    begin
      insert into store_credits (store_id, balance) values (p_store_id, p_amount)
      on conflict (store_id) do update
        set balance = store_credits.balance + p_amount, total_spent = greatest(store_credits.total_spent - p_amount, 0);
      insert into store_credit_transactions (store_id, amount, type, request_id, description)
      values (p_store_id, p_amount, 'refund', p_request_id, p_description);
    end $f$;
  end if;

  for v_function in
    select oid::regprocedure from pg_proc where pronamespace = 'public'::regnamespace and proname = any (v_made)
  loop
    execute format('revoke all on function %s from public', v_function);
    for v_role in select rolname from pg_roles where rolname in ('anon', 'authenticated') loop
      execute format('revoke all on function %s from %I', v_function, v_role);
    end loop;
    for v_role in select rolname from pg_roles where rolname = 'service_role' loop
      execute format('grant execute on function %s to %I', v_function, v_role);
    end loop;
  end loop;
end $$;
