-- Brings databases of earlier, unreleased forms of this schema to the form of the files before.

alter table darkroom_jobs add column if not exists payer jsonb;
alter table darkroom_ledger add column if not exists payer jsonb;
alter table darkroom_dead_letters
  add column if not exists product text,
  add column if not exists channel text,
  add column if not exists owner_id text,
  add column if not exists request_id text,
  add column if not exists letter_key text;

create unique index if not exists darkroom_dead_letters_key on darkroom_dead_letters (letter_key);

-- Earlier forms read the price of a job from its session when the job failed, and stored no payer. One credit is the
-- default of TRYON_MAX_REFUND_CREDITS.
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
      '   and j.payer is null and j.state <> ''completed''', v_table.table_name, v_table.product, v_table.channel);
  end loop;
end $$;

-- Functions have changed names, parameters and results. All are dropped, so that none is left behind under an old name or
-- with a second signature; `functions/*.sql` creates the current ones later in the same transaction.
do $$
declare
  v_function regprocedure;
begin
  for v_function in
    select oid::regprocedure from pg_proc
     where pronamespace = 'public'::regnamespace and proname like 'darkroom\_%' and prokind = 'f'
  loop
    execute format('drop function %s', v_function);
  end loop;
end $$;
