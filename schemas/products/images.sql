-- Batches and pictures of `images`, created if missing. An existing table keeps its columns, rights and policies. Row-level
-- security closes a created table to all but the owner of Darkroom's functions.

do $$
begin
  if not darkroom_migrates('images') then
    return;
  end if;

  if to_regclass('public.image_generation_jobs') is null then
    create table image_generation_jobs (
      id text primary key default gen_random_uuid()::text,
      workspace_id text not null,
      user_id text,
      product_id text,
      task_id text,
      style_id text,
      status text not null default 'pending',
      progress integer not null default 0,
      created_at timestamptz not null default now()
    );
    alter table image_generation_jobs enable row level security;
  end if;

  if to_regclass('public.images') is null then
    create table images (
      id text primary key default gen_random_uuid()::text,
      workspace_id text not null,
      generation_job_id text,
      filename text,
      original_url text,
      processed_url text,
      file_size integer,
      width integer,
      height integer,
      format text,
      created_at timestamptz not null default now()
    );
    alter table images enable row level security;
  end if;
end $$;
