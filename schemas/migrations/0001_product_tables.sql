-- The products' own tables, where they are missing. Databases in the field have them already, with other columns,
-- types, constraints and policies: nothing that exists is dropped, renamed or retyped, and the columns that Darkroom
-- writes are added, nullable, where they are missing.

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

do $$
declare
  v_table text;
begin
  foreach v_table in array array['generation_sessions', 'store_generation_sessions'] loop
    execute format(
      'alter table %I add column if not exists error_message text,'
      ' add column if not exists generated_image_url text,'
      ' add column if not exists input_tokens integer,'
      ' add column if not exists output_tokens integer,'
      ' add column if not exists estimated_cost_usd numeric(12, 6),'
      ' add column if not exists processing_time_ms integer,'
      ' add column if not exists completed_at timestamptz', v_table);
  end loop;
  alter table image_generation_jobs
    add column if not exists result_urls jsonb,
    add column if not exists error_message text,
    add column if not exists started_at timestamptz,
    add column if not exists completed_at timestamptz;
end $$;

-- The credit functions that databases in the field have; made here only where no function of that name exists, so that
-- a database's own ledger rules stay in force.
do $$
begin
  if not exists (select from pg_proc where proname = 'deduct_credits' and pronamespace = 'public'::regnamespace) then
    create function deduct_credits(p_user_id text, p_amount integer, p_description text) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
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

  if not exists (select from pg_proc where proname = 'refund_credits' and pronamespace = 'public'::regnamespace) then
    create function refund_credits(p_user_id text, p_amount integer, p_description text) returns void
    language plpgsql security definer set search_path = public, pg_temp as $f$
    begin
      insert into user_credits (user_id, balance) values (p_user_id, p_amount)
      on conflict (user_id) do update
        set balance = user_credits.balance + p_amount, total_spent = greatest(user_credits.total_spent - p_amount, 0);
      insert into credit_transactions (user_id, amount, type, description)
      values (p_user_id, p_amount, 'refund', p_description);
    end $f$;
  end if;

  if not exists (select from pg_proc where proname = 'deduct_store_credits' and pronamespace = 'public'::regnamespace) then
    create function deduct_store_credits(p_store_id text, p_amount integer, p_request_id text, p_description text)
    returns boolean language plpgsql security definer set search_path = public, pg_temp as $f$
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

  if not exists (select from pg_proc where proname = 'refund_store_credits' and pronamespace = 'public'::regnamespace) then
    create function refund_store_credits(p_store_id text, p_amount integer, p_request_id text, p_description text)
    returns void language plpgsql security definer set search_path = public, pg_temp as $f$
    begin
      insert into store_credits (store_id, balance) values (p_store_id, p_amount)
      on conflict (store_id) do update
        set balance = store_credits.balance + p_amount, total_spent = greatest(store_credits.total_spent - p_amount, 0);
      insert into store_credit_transactions (store_id, amount, type, request_id, description)
      values (p_store_id, p_amount, 'refund', p_request_id, p_description);
    end $f$;
  end if;
end $$;
