-- What is still to be said about jobs that have ended: to the chat, to the audit log, to a shop's webhook. A delivery has
-- its own life: it is tried again by itself, ends in the dead letters, and never touches the outcome of its job.

create table if not exists darkroom_deliveries (
  id bigint generated always as identity primary key,
  task_id text not null,
  run integer not null,
  kind text not null,
  channel text not null,
  owner_id text not null,
  request_id text not null,
  -- What is said, as it was when the job ended: a job that runs again forgets its outcome.
  message jsonb not null,
  -- due: somebody should try; claimed: somebody does; sending: it may have gone out already; sent; dead: given up.
  state text not null default 'due' check (state in ('due', 'claimed', 'sending', 'sent', 'dead')),
  -- Grows with each claim; only the newest may settle.
  claim integer not null default 0,
  attempts integer not null default 0,
  -- When to try next; for one that is claimed or being sent, when its claimant counts as lost.
  next_at timestamptz not null default now(),
  armed_at timestamptz not null default now(),
  code text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  unique (task_id, run, kind, channel)
);

create index if not exists darkroom_deliveries_next on darkroom_deliveries (next_at)
  where state in ('due', 'claimed', 'sending');

-- Where an owner wants to be told of results. The signing secrets are derived from a key of ours and `version`, so that
-- none is kept here; after a rotation the version before signs as well for a while.
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
