-- Who paid for a task and how much of it can be refunded, fixed when the task is accepted; which task, product and
-- session a dead letter names.

alter table darkroom_jobs add column if not exists payer jsonb;
alter table darkroom_ledger add column if not exists payer jsonb;
alter table darkroom_dead_letters
  add column if not exists product text,
  add column if not exists channel text,
  add column if not exists owner_id text,
  add column if not exists request_id text,
  -- Made by the caller; storing a letter again under its key stores nothing.
  add column if not exists letter_key text;

create unique index if not exists darkroom_dead_letters_key on darkroom_dead_letters (letter_key);

-- Jobs accepted by the version before read the price from their session when they failed. One credit is the default of
-- TRYON_MAX_REFUND_CREDITS.
do $$
declare
  v_table darkroom_session_tables;
begin
  for v_table in select * from darkroom_session_tables where product = 'tryon' loop
    continue when not exists (
      select from pg_attribute where attrelid = to_regclass('public.' || quote_ident(v_table.table_name))
                                 and attname = 'credits_used' and not attisdropped);
    execute format(
      'update darkroom_jobs j set price = least(s.credits_used, 1) from %I s'
      ' where j.session_id = s.id::text and j.product = %L and j.channel = %L and j.price = 0 and s.credits_used > 0'
      '   and j.state <> ''completed''', v_table.table_name, v_table.product, v_table.channel);
  end loop;
end $$;

-- These return with more parameters.
drop function if exists darkroom_accept(jsonb);
drop function if exists darkroom_add_dead_letters(jsonb);
drop function if exists darkroom_balance(text, text);
drop function if exists darkroom_session_price(text, text, text);
drop function if exists darkroom_fail_session(text, text, text, text, text);
drop function if exists darkroom_charge(text, text, text, text, text, text, integer, integer, text);
drop function if exists darkroom_refund(text, text, text, text, text, text, integer, text);
