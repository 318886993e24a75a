-- Access to tables that Darkroom does not own: values take the type of the column and the label of its enum.
-- Locks: none, except that `darkroom_insert` inserts one row.

-- Returns the columns of foreign tables that Darkroom reads and writes, with the type that a missing column is
-- created with. Called by `adopt.sql` and `darkroom_check`.
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

-- Returns the type of a column; null if the column or the table does not exist. Called by most other functions.
create or replace function darkroom_column_type(p_table text, p_column text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select format_type(a.atttypid, a.atttypmod) from pg_attribute a
   where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column and not a.attisdropped
$$;

-- Returns the label of an enum column that equals `p_word` apart from case; the word itself for a text column.
-- `queued` and `pending` are interchangeable where a column has only one of them. Called by `darkroom_dispatch`,
-- `darkroom_new_session`, `darkroom_place_order` and `darkroom_move_session`.
create or replace function darkroom_enum_label(p_table text, p_column text, p_word text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(
    (select e.enumlabel
       from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
      where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = p_column
        and lower(e.enumlabel) = any (case when p_word in ('queued', 'pending')
                                           then array['queued', 'pending'] else array[lower(p_word)] end)
      order by lower(e.enumlabel) = lower(p_word) desc limit 1),
    -- Image jobs start as `pending`, also if the column is text.
    case when p_table = 'image_generation_jobs' and p_word = 'queued' then 'pending' else p_word end)
$$;

-- Returns the values of the column `status` that mean one of `p_words`, as a list of SQL literals: the labels of an enum
-- that are equal apart from case; for a text column, each word in small letters, in capitals and with a capital initial.
-- Unlike a comparison of `lower(status)`, a comparison with these can use an index. Called by `darkroom_orphans`.
create or replace function darkroom_status_labels(p_table text, p_words text[]) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  with labels as (
    select e.enumlabel::text as label
      from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
     where a.attrelid = to_regclass(quote_ident(p_table)) and a.attname = 'status')
  select coalesce(string_agg(format('%L', label), ', '), 'null') from (
    select label from labels where lower(label) = any (p_words)
    union
    select spelling from unnest(p_words) word, unnest(array[word, upper(word), initcap(word)]) spelling
     where not exists (select from labels)) found(label)
$$;

-- Returns whether `p_id` can be an id of the table; false if the table does not exist. A uuid column raises an error
-- for other texts. Called by `darkroom_accept`, `darkroom_session_terms`, `darkroom_canonical_id`,
-- `darkroom_order_state`, `darkroom_images_job`, `darkroom_move_session`, `darkroom_session_filter` and
-- `darkroom_live_products`.
create or replace function darkroom_is_id(p_table text, p_id text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select darkroom_accepts_value(p_table, 'id', p_id)
$$;

-- Returns whether a column can hold a value; false if the column does not exist. A uuid column raises an error for
-- other texts. Called by `darkroom_payer`, `darkroom_payer_balance`, `darkroom_whatsapp_phone`, `darkroom_is_id`,
-- `darkroom_owner_credits`, `darkroom_add_credits` and `darkroom_session_filter`.
create or replace function darkroom_accepts_value(p_table text, p_column text, p_value text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case darkroom_column_type(p_table, p_column)
           when 'uuid' then p_value ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$'
           else darkroom_column_type(p_table, p_column) is not null end
$$;

-- Returns an id as the type of the table's id column prints it: producers may write a uuid in capitals, and jobs are
-- found by the text. A cast would raise an error: the planner evaluates it for constants even where a condition
-- precludes it. Called by `darkroom_accept`, `darkroom_reopen_letter` and `darkroom_fail_session`.
create or replace function darkroom_canonical_id(p_table text, p_id text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case when darkroom_column_type(p_table, 'id') = 'uuid' and darkroom_is_id(p_table, p_id)
              then regexp_replace(lower(replace(p_id, '-', '')), '^(.{8})(.{4})(.{4})(.{4})(.{12})$', '\1-\2-\3-\4-\5')
              else p_id end
$$;

-- Returns the columns of a table that every insert must name: not null and without a default. `filled` is true for
-- columns that `darkroom_insert` fills if its caller does not. Called by `darkroom_check` and `darkroom_insert`.
create or replace function darkroom_needed_columns(p_table text) returns table (name text, filled boolean)
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select a.attname::text,
         a.attname in ('created_at', 'updated_at')
         or a.attname = 'id' and format_type(a.atttypid, null) in ('uuid', 'text', 'character varying')
    from pg_attribute a
   where a.attrelid = to_regclass(quote_ident(p_table)) and a.attnum > 0 and not a.attisdropped
     and a.attnotnull and not a.atthasdef and a.attidentity = ''
$$;

-- Returns the assignment that sets `updated_at`, for tables whose ORM maintains it; else an empty text. Called by
-- `darkroom_dispatch` and `darkroom_move_session`.
create or replace function darkroom_touch(p_table text) returns text
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select case when darkroom_column_type(p_table, 'updated_at') is null then '' else ', updated_at = now()' end
$$;

-- Insert a row, given as an object, into a foreign table, converted to the types of its columns and the labels of
-- its enums. `id`, `created_at` and `updated_at` are filled if they are not null and have no default. Returns
-- nothing. Called by `darkroom_deliver_row`, `darkroom_new_session`, `darkroom_add_credits`, `darkroom_place_order`
-- and `darkroom_complete`.
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
