-- Ended jobs leave `darkroom_jobs` after JOB_TTL_S; what must be known of them for ever stays here: a task or session that
-- is pushed again is still a duplicate, and a page of sessions still links the picture.

create table if not exists darkroom_pruned_jobs (
  task_id text primary key,
  product text not null,
  channel text not null,
  session_id text not null,
  state text not null,
  run integer not null,
  failure_code text,
  -- The path of the first picture inside its bucket.
  picture_path text,
  unique (session_id, product, channel)
);

alter table darkroom_pruned_jobs enable row level security;

-- All jobs that there are or have been.
create or replace view darkroom_known_jobs as
  select task_id, product, channel, session_id from darkroom_jobs
  union all
  select task_id, product, channel, session_id from darkroom_pruned_jobs;

-- Rows of each kind by age, for `darkroom_prune`.
create index if not exists darkroom_deliveries_settled on darkroom_deliveries (next_at) where state in ('sent', 'dead');
create index if not exists darkroom_dead_letters_created on darkroom_dead_letters (created_at);
create index if not exists darkroom_size_feedback_created on darkroom_size_feedback (created_at);

-- `darkroom_prune` replaced these functions.
drop function if exists darkroom_purge_dead_letters(float8);
drop function if exists darkroom_purge_deliveries(float8);
