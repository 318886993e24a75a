-- The session rows of the products: moved together with their jobs, and read over HTTP.
-- Locks: one session; the caller has locked its job before. `darkroom_session_progress` locks the job itself.

-- Move a session to the status `p_to` if its status is one of `p_from`, and set the columns of `p_set`. Returns true
-- if it has that status now: if `p_from` does not contain `p_to`, only for the call that moved it. Subscribers see
-- every update as a change, so a row that has all these values already is not written. A product without a session
-- table always moves: its job is its only state. Called by `darkroom_reopen_letter`, `darkroom_cancel_order`,
-- `darkroom_complete`, `darkroom_fail`, `darkroom_fail_session`, `darkroom_replay`, `darkroom_mark_rate_limited`,
-- `darkroom_postpone` and `darkroom_session_progress`.
create or replace function darkroom_move_session(
  p_product text, p_channel text, p_session_id text, p_from text[], p_to text, p_set jsonb
) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table text;
  v_assignments text;
  v_changes text;
  v_moved boolean;
begin
  select table_name into v_table from darkroom_session_tables where product = p_product and channel = p_channel;
  if v_table is null then
    return true;
  end if;
  if not darkroom_is_id(v_table, p_session_id) then
    return false;
  end if;
  -- Untyped literals take the type of the column, so that one statement suits text, uuid and enum columns.
  select string_agg(format('%I = %L', key, value), ', '), string_agg(format('%I::text is distinct from %L', key, value), ' or ')
    into v_assignments, v_changes
    from jsonb_each_text(jsonb_build_object('status', darkroom_enum_label(v_table, 'status', p_to)) || coalesce(p_set, '{}'));
  execute format('select true from %I where id = %L and lower(status::text) = any (%L::text[]) for update',
                 v_table, p_session_id, p_from) into v_moved;
  if v_moved then
    execute format('update %I set %s%s where id = %L and (%s)', v_table, v_assignments, darkroom_touch(v_table),
                   p_session_id, v_changes);
  end if;
  return coalesce(v_moved, false);
end $$;

-- Set the progress of a batch, in percent, for products whose session has a `progress` column. Returns false if
-- another worker owns the job or the session is not processing. Called by `Records.session_progress`.
create or replace function darkroom_session_progress(p_task_id text, p_token bigint, p_progress integer) returns boolean
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_job darkroom_jobs;
begin
  select * into v_job from darkroom_jobs where task_id = p_task_id and state = 'running' for update;
  return found and darkroom_owns(p_task_id, p_token) and darkroom_move_session(
    v_job.product, v_job.channel, v_job.session_id, array['processing'], 'processing',
    jsonb_build_object('progress', p_progress));
end $$;

-- Returns the SQL condition that selects sessions of one table by `{owner_id, session_id}`; null if no session can
-- match. Called by `darkroom_sessions` and `darkroom_session_stats`.
create or replace function darkroom_session_filter(p_table darkroom_session_tables, p_query jsonb) returns text
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_filter text := 'true';
begin
  if darkroom_column_type(p_table.table_name, 'id') is null then
    return null;
  end if;
  if p_query ->> 'owner_id' is not null then
    if not darkroom_accepts_value(p_table.table_name, p_table.owner_column, p_query ->> 'owner_id') then
      return null;
    end if;
    v_filter := v_filter || format(' and %I = %L', p_table.owner_column, p_query ->> 'owner_id');
  end if;
  if p_query ->> 'session_id' is not null then
    if not darkroom_is_id(p_table.table_name, p_query ->> 'session_id') then
      return null;
    end if;
    v_filter := v_filter || format(' and id = %L', p_query ->> 'session_id');
  end if;
  return v_filter;
end $$;

-- Returns the common table expression `present`, the different values of `status` among the sessions of a filter that
-- `darkroom_session_filter` made: one probe of the index for each. Called by `darkroom_sessions` and
-- `darkroom_session_stats`.
create or replace function darkroom_present_statuses(p_table text, p_filter text) returns text
language sql immutable security definer set search_path = public, extensions, pg_temp as $$
  select format(
    'recursive present(status) as ('
    '  (select status from %1$I where %2$s order by status limit 1)'
    '  union all'
    '  select (select s.status from %1$I s where %2$s and s.status > present.status order by s.status limit 1)'
    '    from present where present.status is not null)', p_table, p_filter)
$$;

-- Returns try-on sessions, newest first, with columns of their job and the ledger (`job_state`, `failure_code`,
-- `picture_path`, `refunded` in the latest run): those of `{channel, owner_id, session_id, status}`, after
-- `{after_at, after_id}`, at most `limit`. Sessions of the same time are ordered by id, so that pages are stable. At most
-- `limit` sessions of each status are read. Called by `Orders.find` and `Orders.page`.
create or replace function darkroom_sessions(p_query jsonb) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_filter text;
  v_at text;
  v_after text := '';
  v_limit integer := coalesce((p_query ->> 'limit')::integer, 1);
  v_statuses text[] := case p_query ->> 'status' when 'queued' then array['queued', 'pending']
                                                 else array[p_query ->> 'status'] end;
  v_found jsonb;
  v_all jsonb := '[]';
begin
  for v_table in
    select * from darkroom_session_tables
     where product = 'tryon' and channel = coalesce(p_query ->> 'channel', channel)
  loop
    v_filter := darkroom_session_filter(v_table, p_query);
    continue when v_filter is null;
    v_at := case when darkroom_column_type(v_table.table_name, 'created_at') is null
                 then '''epoch''::timestamptz' else 's.created_at' end;
    if p_query ->> 'after_id' is not null then
      -- The first comparison can use an index; the second one alone could not.
      v_after := format(' and %1$s <= %2$L::timestamptz and (%1$s, s.id::text) < (%2$L::timestamptz, %3$L)',
                        v_at, p_query ->> 'after_at', p_query ->> 'after_id');
    end if;
    execute format(
      'with %9$s'
      ' select coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('
      '         ''channel'', %1$L, ''at'', %2$s, ''job_state'', coalesce(j.state, p.state),'
      '         ''failure_code'', coalesce(j.failure ->> ''code'', p.failure_code),'
      '         ''picture_path'', coalesce(j.outcome #>> ''{pictures,0,path}'', p.picture_path),'
      '         ''refunded'', coalesce(l.amount, 0))), ''[]'')'
      ' from (select s.* from present cross join lateral ('
      '         select s.* from %3$I s where %4$s and s.status = present.status%7$s'
      '          order by %2$s desc, s.id::text desc limit %5$s) s'
      '        where present.status is not null and (%8$L::text[] is null or lower(present.status::text) = any (%8$L))'
      '        order by %2$s desc, s.id::text desc limit %5$s) s'
      ' left join darkroom_jobs j on j.product = %6$L and j.session_id = s.id::text and j.channel = %1$L'
      ' left join darkroom_pruned_jobs p on p.product = %6$L and p.session_id = s.id::text and p.channel = %1$L'
      ' left join darkroom_ledger l on l.product = %6$L and l.channel = %1$L and l.session_id = s.id::text'
      '                            and l.kind = ''refund'' and l.run = coalesce(j.run, p.run, 1)',
      v_table.channel, v_at, v_table.table_name, v_filter, v_limit, v_table.product, v_after,
      case when p_query ->> 'status' is not null then v_statuses end,
      darkroom_present_statuses(v_table.table_name, v_filter))
      into v_found;
    v_all := v_all || v_found;
  end loop;
  return (select coalesce(jsonb_agg(row order by (row ->> 'at')::timestamptz desc, row ->> 'id' desc), '[]')
            from (select row from jsonb_array_elements(v_all) row
                   order by (row ->> 'at')::timestamptz desc, row ->> 'id' desc
                   limit v_limit) page);
end $$;

-- Returns `{total, completed, active, failed}`: the numbers of try-on sessions of `{channel, owner_id}`. Those of one
-- owner are counted; those of all owners are counted up to 10,000 a status and estimated above. Called by
-- `Orders.stats`.
create or replace function darkroom_session_stats(p_query jsonb) returns jsonb
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_filter text;
  v_count record;
  v_total bigint := 0;
  v_completed bigint := 0;
  v_failed bigint := 0;
begin
  for v_table in
    select * from darkroom_session_tables
     where product = 'tryon' and channel = coalesce(p_query ->> 'channel', channel)
  loop
    v_filter := darkroom_session_filter(v_table, p_query);
    continue when v_filter is null;
    for v_count in execute
      case when p_query ->> 'owner_id' is not null then
        format('select lower(status::text) as status, count(*) as number from %I where %s group by 1',
               v_table.table_name, v_filter)
      else
        format('with %1$s select lower(present.status::text) as status, case when number > 10000'
               '  then greatest(number, darkroom_estimated_count(format(''%2$I where status = %%L'', present.status)))'
               '  else number end as number'
               ' from present cross join lateral (select count(*) as number from ('
               '   select from %2$I s where s.status = present.status order by %3$I limit 10001) c) counted'
               ' where present.status is not null',
               darkroom_present_statuses(v_table.table_name, v_filter), v_table.table_name,
               case when darkroom_column_type(v_table.table_name, 'created_at') is null then 'id' else 'created_at' end)
      end
    loop
      v_total := v_total + v_count.number;
      v_completed := v_completed + case when v_count.status = 'completed' then v_count.number else 0 end;
      v_failed := v_failed + case when v_count.status = 'failed' then v_count.number else 0 end;
    end loop;
  end loop;
  return jsonb_build_object('total', v_total, 'completed', v_completed, 'failed', v_failed,
                            'active', v_total - v_completed - v_failed);
end $$;

-- Returns `{product, channel}` of each queued or running session with this id, sorted: products and channels may use the
-- same one. Called by `Orders.live_sessions`.
create or replace function darkroom_live_sessions(p_session_id text) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_live boolean;
  v_sessions jsonb := (
    select coalesce(jsonb_agg(jsonb_build_object('product', j.product, 'channel', j.channel)), '[]') from darkroom_jobs j
     where j.session_id = p_session_id and j.state in ('waiting', 'running'));
begin
  for v_table in select * from darkroom_session_tables loop
    continue when not darkroom_is_id(v_table.table_name, p_session_id);
    execute format('select exists (select from %I where id = %L and lower(status::text) = any (%L::text[]))',
                   v_table.table_name, p_session_id, array['queued', 'pending', 'processing']) into v_live;
    if v_live then
      v_sessions := v_sessions || jsonb_build_object('product', v_table.product, 'channel', v_table.channel);
    end if;
  end loop;
  return (select coalesce(jsonb_agg(distinct session order by session), '[]')
            from jsonb_array_elements(v_sessions) session);
end $$;

-- Returns `{product, channel, session_id}` of sessions that have been queued or running for longer than `p_older_s`
-- seconds without a job, oldest first, at most `p_limit` per table. Ended sessions are not read. Called by
-- `Records.orphans`.
create or replace function darkroom_orphans(p_older_s float8, p_limit integer) returns jsonb
language plpgsql stable security definer set search_path = public, extensions, pg_temp as $$
declare
  v_table darkroom_session_tables;
  v_found jsonb;
  v_all jsonb := '[]';
begin
  for v_table in select * from darkroom_session_tables loop
    continue when darkroom_column_type(v_table.table_name, 'created_at') is null;
    execute format(
      'select coalesce(jsonb_agg(jsonb_build_object(''product'', %L, ''channel'', %L, ''session_id'', s.id::text)), ''[]'')'
      ' from (select id from %I where status in (%s)'
      '         and created_at < now() - make_interval(secs => %L)'
      '         and not exists (select from darkroom_known_jobs j where j.product = %L and j.channel = %L'
      '                                                             and j.session_id = id::text)'
      '        order by created_at limit %L) s',
      v_table.product, v_table.channel, v_table.table_name,
      darkroom_status_labels(v_table.table_name, array['queued', 'pending', 'processing']), p_older_s, v_table.product,
      v_table.channel, p_limit) into v_found;
    v_all := v_all || v_found;
  end loop;
  return v_all;
end $$;
