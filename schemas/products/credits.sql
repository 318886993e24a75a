-- Balances and ledgers of users, for all products, created if missing. An existing table keeps its columns, rights and policies. Row-level
-- security closes a created table to all but the owner of Darkroom's functions.

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
