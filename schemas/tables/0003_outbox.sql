-- The outbox: messages about finished jobs to chats, the audit log and webhooks. A delivery is retried on its own, becomes
-- a dead letter when its retries are used up, and never changes the outcome of its job.

create table if not exists darkroom_deliveries (
  id bigint generated always as identity primary key,
  task_id text not null,
  run integer not null,
  kind text not null,
  channel text not null,
  owner_id text not null,
  request_id text not null,
  -- The content as of the end of the run: a replay clears the outcome of the job.
  message jsonb not null,
  -- due: to be claimed; claimed: by a dispatcher; sending: may have been received; sent; dead: retries are used up.
  state text not null default 'due' check (state in ('due', 'claimed', 'sending', 'sent', 'dead')),
  -- Fencing number, incremented by every claim; only the latest claimant may settle the delivery.
  claim integer not null default 0,
  attempts integer not null default 0,
  -- Time of the next attempt; for a claimed or sending delivery, the time at which its claim expires.
  next_at timestamptz not null default now(),
  -- When the current series of attempts began.
  armed_at timestamptz not null default now(),
  code text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  unique (task_id, run, kind, channel)
);

create index if not exists darkroom_deliveries_next on darkroom_deliveries (next_at)
  where state in ('due', 'claimed', 'sending');

-- The webhook of each owner. The signing secrets are derived from WEBHOOK_KEYS and `version`, so that none is stored. After
-- a rotation the previous version also signs for a while.
create table if not exists darkroom_webhooks (
  owner_id text primary key,
  url text not null,
  version integer not null default 1,
  rotated_at timestamptz,
  disabled_at timestamptz,
  created_at timestamptz not null default now()
);

alter table darkroom_deliveries enable row level security;
alter table darkroom_webhooks enable row level security;
