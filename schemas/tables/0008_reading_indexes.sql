-- Indexes for lists, counts and the sweep, so that none of them reads the rows of ended jobs; and vacuum thresholds that
-- suit large tables.

-- Lists of the newest jobs, and the deletion of the oldest. No index names a column that changes when a job completes, so
-- that this update is heap-only. Replaces an index of owners that no query used.
create index if not exists darkroom_jobs_created on darkroom_jobs (created_at);
create index if not exists darkroom_jobs_failed on darkroom_jobs (created_at) where failure is not null;
drop index if exists darkroom_jobs_owner;

-- One index instead of two: it finds jobs by session with and without product and channel.
alter table darkroom_jobs
  drop constraint if exists darkroom_jobs_session_key,
  add constraint darkroom_jobs_session_key unique (session_id, product, channel);
drop index if exists darkroom_jobs_session;

create index if not exists darkroom_dead_letters_task on darkroom_dead_letters (task_id) where task_id is not null;
create index if not exists darkroom_dead_letters_session on darkroom_dead_letters (session_id) where session_id is not null;

-- Whether a sweep has seen the job of the order, which then can't be lost.
alter table darkroom_requests add column if not exists arrived boolean not null default false;
create index if not exists darkroom_requests_unsettled on darkroom_requests (created_at) where not ended and not arrived;

-- By default, a table is vacuumed once a fifth of its rows have changed: days of work in a table of ten million rows.
alter table darkroom_jobs set (
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.02,
  autovacuum_vacuum_insert_scale_factor = 0.05);
alter table darkroom_deliveries set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.05);
alter table darkroom_requests set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_scale_factor = 0.05);
