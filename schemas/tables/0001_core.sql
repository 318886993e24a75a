-- Jobs, ledger and dead letters. `darkroom_jobs` has one row per task and is the source of truth: the queue of waiting
-- jobs, the owner of each running job, and what the sweep reads. `lease_until` is set while a worker has work to do for
-- the job: its stages, or publishing the outcome afterwards.

create table if not exists darkroom_jobs (
  task_id text primary key,
  seq bigint generated always as identity,
  product text not null check (product in ('tryon', 'avatar', 'images')),
  session_id text not null,
  owner_id text not null,
  user_id text,
  channel text not null,
  request_id text not null,
  payload jsonb not null,
  state text not null default 'waiting' check (state in ('waiting', 'running', 'completed', 'failed', 'cancelled')),
  -- Start-time fair queueing: the tasks of one owner get consecutive turns that start at the queue's current turn, so
  -- that the first task of another owner precedes all but the first task of an owner who pushed a thousand.
  turn bigint not null default 0,
  not_before timestamptz,
  run integer not null default 1,
  token bigint not null default 0,
  lease_until timestamptz,
  recoveries integer not null default 0,
  price integer not null default 0,
  -- `{kind, id, email}`: who is charged and refunded. Fixed, like the price, when the task is accepted.
  payer jsonb,
  -- State that must survive a crash: provider job ids by picture, finished pictures, calls made.
  journal jsonb not null default '{}',
  provider_job_id text,
  spent_usd numeric(12, 6) not null default 0,
  outcome jsonb,
  failure jsonb,
  notified_at timestamptz,
  created_at timestamptz not null default now(),
  dispatched_at timestamptz,
  finished_at timestamptz,
  unique (product, session_id)
);

create index if not exists darkroom_jobs_turn on darkroom_jobs (turn, seq) where state = 'waiting';
create index if not exists darkroom_jobs_owner_turn on darkroom_jobs (owner_id, turn) where state = 'waiting';
create index if not exists darkroom_jobs_running on darkroom_jobs (task_id) where state = 'running';
create index if not exists darkroom_jobs_lease on darkroom_jobs (lease_until) where lease_until is not null;
create index if not exists darkroom_jobs_session on darkroom_jobs (session_id);
create index if not exists darkroom_jobs_owner on darkroom_jobs (product, owner_id, seq);

-- Charges and refunds: at most one per session, run and kind. Balances are in the products' own tables.
create table if not exists darkroom_ledger (
  product text not null,
  session_id text not null,
  run integer not null,
  kind text not null check (kind in ('charge', 'refund')),
  owner_id text not null,
  amount integer not null check (amount > 0),
  payer jsonb,
  created_at timestamptz not null default now(),
  primary key (product, session_id, run, kind)
);

-- Payloads that could not be processed, unchanged, until they are replayed, dropped or purged. Dead deliveries and
-- refused refunds are kept here too, under the lists `darkroom:deliveries` and `darkroom:refunds`.
create table if not exists darkroom_dead_letters (
  id bigint generated always as identity primary key,
  list text not null,
  code text not null,
  reason text not null,
  payload text not null,
  encoding text not null check (encoding in ('utf-8', 'base64')),
  complete boolean not null default true,
  task_id text,
  session_id text,
  product text,
  channel text,
  owner_id text,
  request_id text,
  -- Made by the caller: storing a dead letter again under the same key stores nothing.
  letter_key text,
  created_at timestamptz not null default now()
);

-- The session table of each product and channel. A product without a row here has no session table.
create table if not exists darkroom_session_tables (
  product text not null,
  channel text not null,
  table_name text not null,
  owner_column text not null,
  primary key (product, channel)
);

insert into darkroom_session_tables (product, channel, table_name, owner_column) values
  ('tryon', 'b2c', 'generation_sessions', 'user_id'),
  ('tryon', 'b2b', 'store_generation_sessions', 'store_id'),
  ('images', 'workspace', 'image_generation_jobs', 'workspace_id')
on conflict do nothing;

alter table darkroom_jobs enable row level security;
alter table darkroom_ledger enable row level security;
alter table darkroom_dead_letters enable row level security;
alter table darkroom_session_tables enable row level security;
