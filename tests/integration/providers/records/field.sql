-- A database as the contract describes those in the field: other types, constraints, policies, triggers and functions
-- than those that the migrations would make.
create schema if not exists extensions;
create or replace function extensions.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';

create type image_job_status as enum ('PENDING', 'PROCESSING', 'COMPLETED', 'FAILED');
create type message_role as enum ('user', 'assistant');
create type message_channel as enum ('WEB', 'WHATSAPP');

create table profiles (id uuid primary key default gen_random_uuid(), email text unique);
create table stores (
  id uuid primary key default gen_random_uuid(),
  domain text not null default 'shop.example',
  billing_mode text not null default 'absorb_mode' check (billing_mode in ('absorb_mode', 'resell_mode'))
);
create table workspaces (id uuid primary key default gen_random_uuid());

create table generation_sessions (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references profiles on delete cascade,
  status varchar(20) not null default 'queued'
    check (status in ('queued', 'pending', 'processing', 'completed', 'failed')),
  model_image_url text not null default '',
  outfit_image_url text,
  accessories json not null default '[]',
  prompt_system text not null default '',
  credits_used smallint not null default 1 check (credits_used >= 0),
  generated_image_url varchar(2000),
  error_message varchar(500),
  estimated_cost_usd numeric(10, 4),
  created_at timestamp not null default now(),
  updated_at timestamptz not null default now(),
  completed_at timestamp
);

create table store_generation_sessions (
  id uuid primary key default gen_random_uuid(),
  store_id uuid not null references stores on delete cascade,
  status text not null default 'queued' check (status in ('queued', 'processing', 'completed', 'failed')),
  model_image_url text,
  outfit_image_url text,
  credits_used integer not null default 1,
  request_id text not null default 'req_unknown',
  shopper_email text,
  created_at timestamptz not null default now()
);

-- Tables of an ORM that fills keys and times itself: the database has no defaults for them.
create table image_generation_jobs (
  id uuid primary key,
  workspace_id uuid not null references workspaces,
  product_id uuid,
  style_id text not null default 'modern',
  status image_job_status not null default 'PENDING',
  progress smallint not null default 0 check (progress between 0 and 100),
  result_urls jsonb not null default '[]',
  created_at timestamp not null,
  updated_at timestamp not null
);

create table images (
  id uuid primary key,
  workspace_id uuid not null references workspaces,
  generation_job_id uuid references image_generation_jobs on delete set null,
  filename varchar(255) not null,
  original_url text,
  width integer,
  height integer,
  is_favourite boolean not null default false,
  created_at timestamp not null,
  updated_at timestamp not null
);

create table avatars (id uuid primary key default gen_random_uuid());

create table messages (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references profiles,
  avatar_id uuid references avatars,
  channel message_channel not null default 'WEB',
  role message_role not null,
  content text not null check (length(content) > 0),
  created_at timestamptz not null default now()
);

-- Its words are those of another application.
create table audit_log (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references profiles on delete set null,
  event_type varchar(100) not null,
  event_category varchar(50) not null check (event_category in ('auth', 'chat', 'billing')),
  action varchar(50) not null check (action in ('create', 'read', 'update', 'delete')),
  resource_type varchar(50),
  event_data jsonb,
  result varchar(20) check (result in ('success', 'failure')),
  created_at timestamptz not null default now()
);

create table user_credits (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null unique references profiles,
  balance integer not null default 0 check (balance >= 0),
  total_earned integer not null default 0,
  total_spent integer not null default 0
);

create table credit_transactions (
  id uuid primary key,
  user_id uuid not null references profiles,
  amount integer not null check (amount <> 0),
  type text not null check (type in ('purchase', 'generation', 'generation_refund')),
  description text
);

create table store_credits (
  store_id uuid primary key references stores,
  balance integer not null default 0,
  total_purchased integer not null default 0,
  total_spent integer not null default 0
);

create table store_credit_transactions (
  id bigint generated always as identity primary key,
  store_id uuid not null references stores,
  amount integer not null,
  type text not null check (type in ('topup', 'debit', 'credit_back', 'overage')),
  request_id text,
  description text,
  unique (store_id, request_id, type)
);

-- What a store's customers bought from it.
create table store_shopper_credits (
  id uuid primary key default gen_random_uuid(),
  store_id uuid not null references stores,
  shopper_email text not null check (shopper_email = lower(shopper_email)),
  balance integer not null default 0 check (balance >= 0),
  unique (store_id, shopper_email)
);

-- Functions that find what they use by the search path of their caller.
create function deduct_credits(p_user_id uuid, p_amount integer, p_description text) returns boolean
language plpgsql as $$
begin
  update user_credits set balance = balance - p_amount, total_spent = total_spent + p_amount
   where user_id = p_user_id and balance >= p_amount;
  if not found then return false; end if;
  insert into credit_transactions values (uuid_generate_v4(), p_user_id, -p_amount, 'generation', p_description);
  return true;
end $$;

create function refund_credits(p_user_id uuid, p_amount integer, p_description text default 'refund') returns void
language plpgsql as $$
begin
  update user_credits set balance = balance + p_amount where user_id = p_user_id;
  insert into credit_transactions values (uuid_generate_v4(), p_user_id, p_amount, 'generation_refund', p_description);
end $$;

create function deduct_store_credits(p_store_id uuid, p_amount integer, p_request_id text, p_description text)
returns boolean language plpgsql security definer as $$
begin
  update store_credits set balance = balance - p_amount where store_id = p_store_id and balance >= p_amount;
  if not found then return false; end if;
  insert into store_credit_transactions (store_id, amount, type, request_id, description)
  values (p_store_id, -p_amount, 'debit', p_request_id, p_description);
  return true;
end $$;

create function refund_store_credits(p_store_id uuid, p_amount integer, p_request_id text, p_description text)
returns integer language plpgsql security definer as $$
begin
  update store_credits set balance = balance + p_amount where store_id = p_store_id;
  insert into store_credit_transactions (store_id, amount, type, request_id, description)
  values (p_store_id, p_amount, 'credit_back', p_request_id, p_description);
  return p_amount;
end $$;

create function deduct_store_shopper_credits(
  p_store_id uuid, p_shopper_email text, p_amount integer, p_request_id text, p_description text default 'Generation'
) returns boolean language plpgsql as $$
begin
  update store_shopper_credits set balance = balance - p_amount
   where store_id = p_store_id and shopper_email = p_shopper_email and balance >= p_amount;
  if not found then return false; end if;
  insert into store_credit_transactions (store_id, amount, type, request_id, description)
  values (p_store_id, -p_amount, 'debit', p_request_id, p_description);
  return true;
end $$;

create function refund_store_shopper_credits(
  p_store_id uuid, p_shopper_email text, p_amount integer, p_request_id text, p_description text default 'Refund'
) returns void language plpgsql as $$
begin
  insert into store_shopper_credits (store_id, shopper_email, balance) values (p_store_id, p_shopper_email, p_amount)
  on conflict (store_id, shopper_email) do update set balance = store_shopper_credits.balance + p_amount;
  insert into store_credit_transactions (store_id, amount, type, request_id, description)
  values (p_store_id, p_amount, 'credit_back', p_request_id, p_description);
end $$;

-- What a subscriber to Realtime sees of the sessions.
create table seen (n bigint generated always as identity, session_id uuid, status text, error_message text);

create function touch() returns trigger language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end $$;
create trigger generation_sessions_touch before update on generation_sessions for each row execute function touch();

create function see() returns trigger language plpgsql as $$
begin
  insert into seen (session_id, status, error_message)
  values (new.id, new.status::text, to_jsonb(new) ->> 'error_message');
  return null;
end $$;
create trigger generation_sessions_seen after update on generation_sessions for each row execute function see();
create trigger image_jobs_seen after update on image_generation_jobs for each row execute function see();

alter table generation_sessions enable row level security;
create policy own_sessions on generation_sessions for select to authenticated
  using (user_id::text = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
create policy own_new_sessions on generation_sessions for insert to authenticated
  with check (user_id::text = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
create policy own_changes on generation_sessions for update to authenticated
  using (user_id::text = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
grant select, insert, update on generation_sessions to authenticated;
alter table user_credits enable row level security;
create policy own_credits on user_credits for select to authenticated using (true);
alter table messages enable row level security;

insert into profiles (id, email) values ('00000000-0000-4000-8000-000000000001', 'old@example.com');
insert into user_credits (user_id, balance, total_earned) values ('00000000-0000-4000-8000-000000000001', 7, 7);
insert into generation_sessions (id, user_id, status, generated_image_url)
values ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'completed', 'https://x/old');
