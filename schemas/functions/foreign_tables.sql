-- Writing into tables of others: values take the column's own type, enum label and case.

-- What Darkroom reads and writes in tables of others, and the type of a column that has to be added.
create or replace function darkroom_columns() returns table (table_name text, column_name text, type_name text)
language sql immutable security definer set search_path = public, extensions, pg_temp as $$
  select t.name, c.key, c.value
    from (values
      (array['generation_sessions', 'store_generation_sessions'], jsonb '{
        "model_image_url": "text", "outfit_image_url": "text", "prompt_system": "text", "credits_used": "integer",
        "error_message": "text", "generated_image_url": "text", "input_tokens": "integer", "output_tokens": "integer",
        "estimated_cost_usd": "numeric(12, 6)", "processing_time_ms": "integer", "completed_at": "timestamptz"}'),
      (array['generation_sessions'], '{"accessories": "jsonb"}'),
      (array['store_generation_sessions'], '{"shopper_email": "text", "request_id": "text"}'),
      (array['image_generation_jobs'], '{
        "user_id": "text", "product_id": "text", "task_id": "text", "style_id": "text", "progress": "integer",
        "result_urls": "jsonb", "error_message": "text", "started_at": "timestamptz", "completed_at": "timestamptz"}'),
      (array['images'], '{
        "generation_job_id": "text", "filename": "text", "original_url": "text", "processed_url": "text",
        "file_size": "integer", "width": "integer", "height": "integer", "format": "text"}'),
      (array['messages'], '{"avatar_id": "text", "channel": "text", "role": "text", "content": "text"}'),
      (array['audit_log'], '{
        "user_id": "text", "event_type": "text", "event_category": "text", "action": "text", "resource_type": "text",
        "event_data": "jsonb", "result": "text"}'),
      (array['user_preferences'], '{"whatsapp_phone": "text"}')
    ) as v(tables, columns), unnest(v.tables) as t(name), jsonb_each_text(v.columns) as c
$$;

create or replace function darkroom_column_type(p_table text, p_column text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select format_type(a.atttypid, a.atttypmod) from pg_attribute a
   where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column and not a.attisdropped
$$;

-- The label of an enum column that means `p_word`, whatever its case; the word itself for a text column. `queued` and
-- `pending` stand for each other where a column knows only one of them.
create or replace function darkroom_enum_label(p_table text, p_column text, p_word text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(
    (select e.enumlabel
       from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
      where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column
        and lower(e.enumlabel) = any (case when p_word in ('queued', 'pending')
                                           then array['queued', 'pending'] else array[lower(p_word)] end)
      order by lower(e.enumlabel) = lower(p_word) desc limit 1),
    -- Image jobs start as `pending` also where the column is plain text.
    case when p_table = 'image_generation_jobs' and p_word = 'queued' then 'pending' else p_word end)
$$;

-- Whether `p_id` can be an id of that table at all: a uuid column refuses other words with an error.
create or replace function darkroom_is_id(p_table text, p_id text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select darkroom_accepts_value(p_table, 'id', p_id)
$$;

-- Whether a column can hold a value at all: a uuid column refuses other words with an error.
create or replace function darkroom_accepts_value(p_table text, p_column text, p_value text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case darkroom_column_type(p_table, p_column)
           when 'uuid' then p_value ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
           else darkroom_column_type(p_table, p_column) is not null end
$$;

-- An id as the table's own type writes it: producers may write a uuid in capitals, and jobs are found by their text.
-- Without a cast: the planner would try it on a constant that is none, whatever the condition before it says.
create or replace function darkroom_canonical_id(p_table text, p_id text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case when darkroom_column_type(p_table, 'id') = 'uuid' and darkroom_is_id(p_table, p_id)
              then regexp_replace(lower(replace(p_id, '-', '')), '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '\1-\2-\3-\4-\5')
              else p_id end
$$;

-- Columns of a table that every insert must name: not null, and without a value of the database's own. `filled`: the
-- columns that `darkroom_insert` fills where its caller names none.
create or replace function darkroom_needed_columns(p_table text) returns table (name text, filled boolean)
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select a.attname::text,
         a.attname in ('created_at', 'updated_at')
         or a.attname = 'id' and format_type(a.atttypid, null) in ('uuid', 'text', 'character varying')
    from pg_attribute a
   where a.attrelid = to_regclass(quote_ident(p_table)) and a.attnum > 0 and not a.attisdropped
     and a.attnotnull and not a.atthasdef and a.attidentity = ''
$$;

-- Assignment of the time of a change, for tables whose ORM keeps it; empty for others.
create or replace function darkroom_touch(p_table text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case when darkroom_column_type(p_table, 'updated_at') is null then '' else ', updated_at = now()' end
$$;

-- Inserts a row given as an object into a table of others, in its columns' own types and an enum's own case. Columns
-- that the other side's ORM fills (`id`, `created_at`, `updated_at`: not null, without a default) are filled here.
create or replace function darkroom_insert(p_table text, p_row jsonb) returns void
language plpgsql security definer set search_path = public, extensions, pg_temp as $$
declare
  v_columns text;
  v_values text;
begin
  select coalesce(jsonb_object_agg(n.name, case when n.name = 'id' then gen_random_uuid()::text else now()::text end),
                  '{}') || p_row
    into p_row
    from darkroom_needed_columns(p_table) n where n.filled;
  select string_agg(format('%I', r.key), ', ' order by r.key),
         string_agg(format('%L', coalesce(e.enumlabel::text, r.value)), ', ' order by r.key)
    into v_columns, v_values
    from jsonb_each_text(p_row) r
    left join pg_attribute a on a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = r.key
    left join pg_enum e on e.enumtypid = a.atttypid and lower(e.enumlabel) = lower(r.value);
  execute format('insert into %I (%s) values (%s)', p_table, v_columns, v_values);
end $$;
