-- Chat, audit log and user preferences of `avatar`, created if missing. An existing table keeps its columns, rights and policies. Row-level
-- security closes a created table to all but the owner of Darkroom's functions.

do $$
begin
  if not darkroom_migrates('avatar') then
    return;
  end if;

  if to_regclass('public.messages') is null then
    create table messages (
      id text primary key default gen_random_uuid()::text,
      user_id text not null,
      avatar_id text,
      channel text not null,
      role text not null,
      content text not null,
      created_at timestamptz not null default now()
    );
    alter table messages enable row level security;
  end if;

  if to_regclass('public.audit_log') is null then
    create table audit_log (
      id text primary key default gen_random_uuid()::text,
      user_id text,
      event_type text not null,
      event_category text,
      action text,
      resource_type text,
      event_data jsonb,
      result text,
      created_at timestamptz not null default now()
    );
    alter table audit_log enable row level security;
  end if;

  if to_regclass('public.user_preferences') is null then
    create table user_preferences (
      user_id text primary key,
      whatsapp_phone text
    );
    alter table user_preferences enable row level security;
  end if;
end $$;
