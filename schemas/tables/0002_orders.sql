-- Orders over HTTP. A row lets a call be repeated, a task be read before its job exists, and a charge be refunded whose
-- task was never pushed. Rows are deleted after a day.
create table if not exists darkroom_requests (
  task_id text primary key,
  client text not null,
  idempotency_key text,
  fingerprint text not null,
  product text not null,
  channel text not null,
  session_id text not null,
  owner_id text not null,
  user_id text,
  request_id text not null,
  -- The task, for products without a session table.
  payload jsonb,
  answer jsonb not null,
  -- Whether the order was cancelled because its task could not be pushed.
  ended boolean not null default false,
  created_at timestamptz not null default now(),
  unique (client, idempotency_key)
);

create index if not exists darkroom_requests_created on darkroom_requests (created_at);
alter table darkroom_requests enable row level security;
