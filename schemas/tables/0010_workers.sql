-- One lease per worker process, and a narrow row per dispatched job. What changes often is in these two tables and in
-- columns without an index, so that most updates are heap-only and write little WAL.

-- Worker processes. A worker renews its row; the lease covers all jobs that it has claimed.
create table if not exists darkroom_workers (
  worker_id text primary key,
  lease_until timestamptz not null,
  host text not null,
  -- Version of the messages that it understands.
  version integer not null,
  -- Null for a worker that serves every queue.
  queues jsonb,
  slots integer not null,
  started_at timestamptz not null default now()
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Jobs between dispatch and the publication of their outcome: who owns the job, and with which fencing token.
create table if not exists darkroom_dispatched (
  task_id text primary key,
  token bigint not null,
  -- Null while no worker has claimed the job; then its message must be claimed before `claim_by`.
  worker_id text,
  claim_by timestamptz,
  -- Made by the claimant: a claim that is repeated because its reply was lost succeeds again.
  claim_id text,
  claimed_at timestamptz
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);

alter table darkroom_workers enable row level security;
alter table darkroom_dispatched enable row level security;

-- A job that runs, or whose outcome is to be published, is owned by a lease of its own until now: its message is claimed
-- again, or the job is recovered.
insert into darkroom_dispatched (task_id, token, claim_by)
select task_id, token, lease_until from darkroom_jobs where lease_until is not null
on conflict do nothing;

-- Not used any more, and not dropped: the file that creates the table indexes the column, and must be repeatable.
update darkroom_jobs set lease_until = null where lease_until is not null;
drop index if exists darkroom_jobs_lease;
-- The outcome and its deliveries are written together, or the job has a row in `darkroom_dispatched`.
alter table darkroom_jobs drop column if exists notified_at;

-- `turn` is null unless the job can be dispatched. The predicates of the indexes name no column that changes later: an
-- update of such a column is never heap-only. A new column, since clearing the old one would rewrite every row.
drop index if exists darkroom_jobs_turn, darkroom_jobs_owner_turn, darkroom_jobs_running;
alter table darkroom_jobs rename column turn to old_turn;
alter table darkroom_jobs add column turn bigint;
update darkroom_jobs set turn = old_turn where state = 'waiting' and not_before is null;
alter table darkroom_jobs drop column old_turn;
create index if not exists darkroom_jobs_turn on darkroom_jobs (turn, seq) where turn is not null;
create index if not exists darkroom_jobs_owner_turn on darkroom_jobs (owner_id, turn) where turn is not null;
-- Postponed jobs have no turn until they are due.
update darkroom_jobs set not_before = null where not_before is not null and state <> 'waiting';
create index if not exists darkroom_jobs_postponed on darkroom_jobs (not_before) where not_before is not null;

-- Room for the versions of a row on its own page.
alter table darkroom_jobs set (fillfactor = 60);

-- These functions have other names or parameters now.
drop function if exists darkroom_renew_leases(jsonb, float8);
drop function if exists darkroom_expired_leases(integer, jsonb);
drop function if exists darkroom_recover(text, bigint, integer, float8);
drop function if exists darkroom_complete(text, bigint, jsonb, jsonb, jsonb, float8);
