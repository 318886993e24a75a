-- This returns with one more parameter.
drop function if exists darkroom_check(jsonb);
