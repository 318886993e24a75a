-- Each transaction now settles one session: `darkroom_lost_orders` and `darkroom_refuse_task` replaced these functions.
drop function if exists darkroom_cancel_lost_orders(float8, text);
drop function if exists darkroom_add_dead_letters(jsonb, integer);
-- It now also returns the credits refunded.
drop function if exists darkroom_cancel_order(text, text);
