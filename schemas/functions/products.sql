-- Which products this database has tables for.
-- Locks: none; these functions read the catalog only.

-- Returns each table of the products, the product it belongs to, and for some of them the column that identifies the
-- product: a table without that column belongs to another application. Called by the functions below, by
-- `darkroom_check` and by `adopt.sql`.
create or replace function darkroom_table_products() returns table (table_name text, product text, marker text)
language sql immutable security definer set search_path = public, extensions, pg_temp as $$
  values ('generation_sessions', 'tryon', 'status'), ('store_generation_sessions', 'tryon', 'status'),
         ('image_generation_jobs', 'images', 'status'), ('images', 'images', null),
         ('messages', 'avatar', 'avatar_id'), ('audit_log', 'avatar', null), ('user_preferences', 'avatar', null)
$$;

-- Returns the products whose tables are in this database, sorted. Called by `darkroom_migrated_products`,
-- `darkroom_missing_products` and `darkroom_check`.
create or replace function darkroom_installed_products() returns text[]
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(array_agg(distinct t.product order by t.product), '{}') from darkroom_table_products() t
   where darkroom_column_type(t.table_name, t.marker) is not null
$$;

-- Returns the products that need tables and have none in this database, sorted. Called by `darkroom_accept` and
-- `darkroom_place_order`, which refuse their tasks and orders.
create or replace function darkroom_missing_products() returns text[]
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(array_agg(distinct t.product order by t.product), '{}') from darkroom_table_products() t
   where not t.product = any (darkroom_installed_products())
$$;

-- Returns the products whose tables a migration creates and completes: `p_products` (the setting PRODUCTS) if it is not
-- null, else the installed ones, else all. Called by `manage.py migrate`, before `products/*.sql`.
create or replace function darkroom_migrated_products(p_products text[]) returns text[]
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(p_products, nullif(darkroom_installed_products(), '{}'),
                  (select array_agg(distinct t.product order by t.product) from darkroom_table_products() t))
$$;

-- Returns whether the running migration creates the tables of `p_product`. Called by `products/*.sql` and `adopt.sql`,
-- after `manage.py migrate` has stored the products in the setting `darkroom.products` of its transaction.
create or replace function darkroom_migrates(p_product text) returns boolean
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select p_product = any (string_to_array(current_setting('darkroom.products'), ','))
$$;
