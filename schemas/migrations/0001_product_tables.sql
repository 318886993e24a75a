-- The products' own tables, where they are missing. Databases in the field have them already, with other columns,
-- types, constraints and policies: nothing that exists is dropped, renamed or retyped, and the columns that Darkroom
-- writes are added, nullable, where they are missing.

select set_config('darkroom.tables_before', coalesce(
  (select string_agg(tablename, ',') from pg_tables where schemaname = 'public'), ''), false);

create table if not exists generation_sessions (
  id text primary key default gen_random_uuid()::text,
  user_id text not null,
  status text not null default 'queued',
  model_image_url text,
  outfit_image_url text,
  accessories jsonb,
  prompt_system text,
  credits_used integer not null default 1,
  created_at timestamptz not null default now()
);

create table if not exists store_generation_sessions (
  id text primary key default gen_random_uuid()::text,
  store_id text not null,
  status text not null default 'queued',
  model_image_url text,
  outfit_image_url text,
  prompt_system text,
  credits_used integer not null default 1,
  shopper_email text,
  request_id text,
  created_at timestamptz not null default now()
);

create table if not exists image_generation_jobs (
  id text primary key default gen_random_uuid()::text,
  workspace_id text not null,
  user_id text,
  product_id text,
  task_id text,
  style_id text,
  status text not null default 'pending',
  progress integer not null default 0,
  created_at timestamptz not null default now()
);

create table if not exists images (
  id text primary key default gen_random_uuid()::text,
  workspace_id text not null,
  generation_job_id text,
  filename text,
  original_url text,
  processed_url text,
  file_size integer,
  width integer,
  height integer,
  format text,
  created_at timestamptz not null default now()
);

create table if not exists messages (
  id text primary key default gen_random_uuid()::text,
  user_id text not null,
  avatar_id text,
  channel text not null,
  role text not null,
  content text not null,
  created_at timestamptz not null default now()
);

create table if not exists audit_log (
  id text primary key default gen_random_uuid()::text,
  user_id text,
  event_type text not null,
  event_category text,
  action text,
  resource_type text,
  event_data jsonb,
  result text,
  created_at timestamptz not null default now()
);

create table if not exists user_preferences (
  user_id text primary key,
  whatsapp_phone text
);

create table if not exists user_credits (
  user_id text primary key,
  balance integer not null default 0,
  total_earned integer not null default 0,
  total_spent integer not null default 0
);

create table if not exists credit_transactions (
  id text primary key default gen_random_uuid()::text,
  user_id text not null,
  amount integer not null,
  type text not null,
  description text,
  created_at timestamptz not null default now()
);

create table if not exists store_credits (
  store_id text primary key,
  balance integer not null default 0,
  total_purchased integer not null default 0,
  total_spent integer not null default 0
);

create table if not exists store_credit_transactions (
  id text primary key default gen_random_uuid()::text,
  store_id text not null,
  amount integer not null,
  type text not null,
  request_id text,
  description text,
  created_at timestamptz not null default now()
);

-- What Darkroom reads and writes in tables of others, and the type of a column that has to be added.
create or replace function darkroom_columns() returns table (table_name text, column_name text, type_name text)
language sql immutable security definer set search_path = public, extensions, pg_temp as $$
  select t.name, c.key, c.value
    from (values
      (array['generation_sessions', 'store_generation_sessions'], jsonb '{
        "model_image_url": "text", "outfit_image_url": "text", "prompt_system": "text", "credits_used": "integer",
        "error_message": "text", "generated_image_url": "text", "input_tokens": "integer", "output_tokens": "integer",
        "estimated_cost_usd": "numeric(12, 6)", "processing_time_ms": "integer", "completed_at": "timestamptz"}'),
      (array['generation_sessions'], '{"accessories": "jsonb"}'),
      (array['store_generation_sessions'], '{"shopper_email": "text", "request_id": "text"}'),
      (array['image_generation_jobs'], '{
        "user_id": "text", "product_id": "text", "task_id": "text", "style_id": "text", "progress": "integer",
        "result_urls": "jsonb", "error_message": "text", "started_at": "timestamptz", "completed_at": "timestamptz"}'),
      (array['images'], '{
        "generation_job_id": "text", "filename": "text", "original_url": "text", "processed_url": "text",
        "file_size": "integer", "width": "integer", "height": "integer", "format": "text"}'),
      (array['messages'], '{"avatar_id": "text", "channel": "text", "role": "text", "content": "text"}'),
      (array['audit_log'], '{
        "user_id": "text", "event_type": "text", "event_category": "text", "action": "text", "resource_type": "text",
        "event_data": "jsonb", "result": "text"}'),
      (array['user_preferences'], '{"whatsapp_phone": "text"}')
    ) as v(tables, columns), unnest(v.tables) as t(name), jsonb_each_text(v.columns) as c
$$;

-- Only what is missing is altered: even an `add column if not exists` that adds nothing locks the table and is refused
-- to all but its owner. What was made here is closed with row-level security, for the owner of these functions only;
-- what was here before keeps its own policies.
do $$
declare
  v_missing record;
  v_table text;
begin
  for v_missing in
    select c.* from darkroom_columns() c
     where not exists (select from pg_attribute a
                        where a.attrelid = to_regclass('public.' || quote_ident(c.table_name))
                          and a.attname = c.column_name and not a.attisdropped)
  loop
    execute format('alter table public.%I add column %I %s',
                   v_missing.table_name, v_missing.column_name, v_missing.type_name);
  end loop;
  for v_table in
    select unnest(array['generation_sessions', 'store_generation_sessions', 'image_generation_jobs', 'images', 'messages',
                        'audit_log', 'user_preferences', 'user_credits', 'credit_transactions', 'store_credits',
                        'store_credit_transactions'])
    except select unnest(string_to_array(current_setting('darkroom.tables_before'), ','))
  loop
    execute format('alter table public.%I enable row level security', v_table);
  end loop;
end $$;

-- The credit functions that databases in the field have; made here only where no function of that name exists, so that
-- a database's own ledger rules stay in force. Those made here are for the service role only.
do $$
declare
  v_made text[] := array(
    select name from unnest(array['deduct_credits', 'refund_credits', 'deduct_store_credits', 'refund_store_credits']) name
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
