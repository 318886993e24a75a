-- Claims count and read the deliveries of one owner and channel.
create index if not exists darkroom_deliveries_share on darkroom_deliveries (channel, owner_id, next_at)
  where state in ('due', 'claimed', 'sending');

-- It has more parameters now; `functions/deliveries.sql` creates it again.
drop function if exists darkroom_claim_deliveries(text, integer, float8);
