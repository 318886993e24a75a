-- A session is identified by its product, channel and id: a producer may use one id in `b2c` and in `b2b`. Earlier forms
-- identified it by product and id.

create or replace function pg_temp.channel_of(p_product text, p_session_id text, p_payer jsonb) returns text
language plpgsql stable as $$
declare
  v_channel text;
  v_table record;
begin
  select channel into v_channel from darkroom_jobs where product = p_product and session_id = p_session_id;
  if v_channel is null then
    select channel into v_channel from darkroom_requests where product = p_product and session_id = p_session_id limit 1;
  end if;
  if v_channel is null and p_payer is not null and p_product = 'tryon' then
    v_channel := case p_payer ->> 'kind' when 'user' then 'b2c' else 'b2b' end;
  end if;
  -- Rows of still earlier forms have no payer: the session's table tells.
  for v_table in
    select t.channel, t.table_name from darkroom_session_tables t
     where v_channel is null and t.product = p_product and to_regclass('public.' || quote_ident(t.table_name)) is not null
     order by t.channel
  loop
    execute format('select %L from public.%I where id::text = %L', v_table.channel, v_table.table_name, p_session_id)
      into v_channel;
    exit when v_channel is not null;
  end loop;
  return coalesce(v_channel, case p_product when 'tryon' then 'b2c' when 'images' then 'workspace' else 'web' end);
end $$;

alter table darkroom_ledger add column if not exists channel text;
update darkroom_ledger set channel = pg_temp.channel_of(product, session_id, payer) where channel is null;

do $$
begin
  if not exists (select from pg_constraint where conname = 'darkroom_jobs_session_key') then
    alter table darkroom_ledger
      alter column channel set not null,
      drop constraint darkroom_ledger_pkey,
      add primary key (product, channel, session_id, run, kind);
    alter table darkroom_jobs
      drop constraint darkroom_jobs_product_session_id_key,
      add constraint darkroom_jobs_session_key unique (product, channel, session_id);
  end if;
end $$;

-- Owed refunds are retried from their dead letters.
update darkroom_dead_letters
   set channel = pg_temp.channel_of(product, session_id, payload::jsonb -> 'payer'),
       payload = (payload::jsonb || jsonb_build_object(
         'channel', pg_temp.channel_of(product, session_id, payload::jsonb -> 'payer')))::text,
       letter_key = format('refund:%s:%s:%s:%s', product, pg_temp.channel_of(product, session_id, payload::jsonb -> 'payer'),
                           session_id, payload::jsonb ->> 'run')
 where list = 'darkroom:refunds' and letter_key like 'refund:%' and not payload::jsonb ? 'channel';

-- Replaced by functions that take or return the channel.
drop function if exists darkroom_charged_run(text, text);
drop function if exists darkroom_live_products(text);
