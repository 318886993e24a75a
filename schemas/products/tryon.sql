-- The sessions of try-on, where they are missing: a table that exists is left as it is, and keeps its own policies. A table that is made
-- here is closed with row-level security, for the owner of Darkroom's functions only.

do $$
begin
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
end $$;

do $$
begin
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
end $$;
