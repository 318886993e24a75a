-- Stores the products whose tables this migration creates and completes in the setting `darkroom.products`. The caller has
-- stored PRODUCTS in `darkroom.requested_products`, comma-separated; empty if it is unset. Both settings end with the
-- transaction.
select set_config('darkroom.products', array_to_string(darkroom_migrated_products(
  string_to_array(nullif(current_setting('darkroom.requested_products'), ''), ',')), ','), true);
