-- Balances and their ledgers, where they are missing: a table that exists is left as it is, and keeps its own policies. A table that is made
-- here is closed with row-level security, for the owner of Darkroom's functions only.

do $$
begin
  if to_regclass('public.user_credits') is null then
    create table user_credits (
      user_id text primary key,
      balance integer not null default 0,
      total_earned integer not null default 0,
      total_spent integer not null default 0
    );
    alter table user_credits enable row level security;
  end if;
end $$;

do $$
begin
  if to_regclass('public.credit_transactions') is null then
    create table credit_transactions (
      id text primary key default gen_random_uuid()::text,
      user_id text not null,
      amount integer not null,
      type text not null,
      description text,
      created_at timestamptz not null default now()
    );
    alter table credit_transactions enable row level security;
  end if;
end $$;
