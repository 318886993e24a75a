-- `darkroom_payer_balance` replaced this function.
drop function if exists darkroom_balance(text, text, text, text);
