-- Deletion of old rows, by kind.
-- Locks: rows of one table, skipping those that are locked.

-- Delete rows of `p_kind` that are older than `p_older_s` seconds, oldest first, at most `p_limit`; with `p_dry_run`, only
-- count them. Returns their number. Kept whatever their age: jobs that have not ended, have ended less than a day ago, have
-- not published their outcome or have unsettled deliveries; owed refunds among the dead letters; and orders whose task may
-- be lost. Jobs leave a row in `darkroom_pruned_jobs` in the same transaction. Called by `RetentionRecords._call`.
create or replace function darkroom_prune(p_kind text, p_older_s float8, p_limit integer, p_dry_run boolean) returns integer
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_kind record;
  v_due text;
  v_number integer;
begin
  select * into strict v_kind from (values
    ('jobs', 'darkroom_jobs', 'created_at', format(
     'finished_at < now() - make_interval(secs => %L)'
     ' and not exists (select from darkroom_dispatched d where d.task_id = t.task_id)'
     ' and not exists (select from darkroom_deliveries d where d.task_id = t.task_id and d.state in (''due'', ''claimed'', ''sending''))',
     least(p_older_s, 86400))),
    ('deliveries', 'darkroom_deliveries', 'next_at', 'state in (''sent'', ''dead'')'),
    ('dead_letters', 'darkroom_dead_letters', 'created_at', 'list <> ''darkroom:refunds'''),
    ('requests', 'darkroom_requests', 'created_at', '(ended or arrived)'),
    ('audit', 'audit_log', 'created_at', 'event_type::text = ''photo_generated'' and action::text = ''generate'''),
    ('size_feedback', 'darkroom_size_feedback', 'created_at', 'true')
  ) as kinds(kind, table_name, time_column, condition) where kind = p_kind;
  if darkroom_column_type(v_kind.table_name, v_kind.time_column) is null then
    return 0;
  end if;
  v_due := format('select t.ctid from %1$I t where t.%2$I < now() - make_interval(secs => %3$L) and %4$s'
                  ' order by t.%2$I limit %5$s',
                  v_kind.table_name, v_kind.time_column, p_older_s, v_kind.condition, p_limit);
  if p_dry_run then
    execute format('select count(*) from (%s) due', v_due) into v_number;
    return v_number;
  end if;
  execute format(
    'with due as (%s for update of t skip locked),'
    ' gone as (delete from %I t using due where t.ctid = due.ctid returning t.*)%s'
    ' select count(*) from gone', v_due, v_kind.table_name,
    case when p_kind = 'jobs' then
      ', kept as (insert into darkroom_pruned_jobs'
      ' (task_id, product, channel, session_id, state, run, failure_code, picture_path)'
      ' select task_id, product, channel, session_id, state, run, failure ->> ''code'', outcome #>> ''{pictures,0,path}'' from gone'
      ' on conflict do nothing)' else '' end) into v_number;
  return v_number;
end $$;
