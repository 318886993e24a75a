-- Sessions and store credits of `tryon`, created if missing. An existing table keeps its columns, rights and policies. Row-level
-- security closes a created table to all but the owner of Darkroom's functions.

do $$
begin
  if not darkroom_migrates('tryon') then
    return;
  end if;

  if to_regclass('public.generation_sessions') is null then
    create table generation_sessions (
      id text primary key default gen_random_uuid()::text,
      user_id text not null,
      status text not null default 'queued',
      model_image_url text,
      outfit_image_url text,
      accessories jsonb,
      prompt_system text,
      credits_used integer not null default 1,
      created_at timestamptz not null default now()
    );
    alter table generation_sessions enable row level security;
  end if;

  if to_regclass('public.store_generation_sessions') is null then
    create table store_generation_sessions (
      id text primary key default gen_random_uuid()::text,
      store_id text not null,
      status text not null default 'queued',
      model_image_url text,
      outfit_image_url text,
      prompt_system text,
      credits_used integer not null default 1,
      shopper_email text,
      request_id text,
      created_at timestamptz not null default now()
    );
    alter table store_generation_sessions enable row level security;
  end if;

  if to_regclass('public.store_credits') is null then
    create table store_credits (
      store_id text primary key,
      balance integer not null default 0,
      total_purchased integer not null default 0,
      total_spent integer not null default 0
    );
    alter table store_credits enable row level security;
  end if;

  if to_regclass('public.store_credit_transactions') is null then
    create table store_credit_transactions (
      id text primary key default gen_random_uuid()::text,
      store_id text not null,
      amount integer not null,
      type text not null,
      request_id text,
      description text,
      created_at timestamptz not null default now()
    );
    alter table store_credit_transactions enable row level security;
  end if;
end $$;
