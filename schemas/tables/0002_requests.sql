-- What was asked for over HTTP, so that a call can be repeated, a task can be read before it reached the waiting room,
-- and a charge whose task never arrived is given back. Rows are forgotten after a day.
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
  -- The task, for products whose job row is the only state there is.
  payload jsonb,
  answer jsonb not null,
  -- Whether it was ended here because its task could not be pushed.
  ended boolean not null default false,
  created_at timestamptz not null default now(),
  unique (client, idempotency_key)
);

create index if not exists darkroom_requests_created on darkroom_requests (created_at);
alter table darkroom_requests enable row level security;
