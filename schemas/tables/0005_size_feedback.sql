-- Whether recommended sizes fitted, as shops report it. No measurement, no photo and no person is in it.
create table if not exists darkroom_size_feedback (
  nonce text primary key,
  store_id text not null,
  chart text not null,
  size text not null,
  -- What earlier feedback had added to the girth when the size was recommended, cm.
  shift_cm numeric(5, 1) not null,
  outcome text not null check (outcome in ('kept', 'too_small', 'too_large')),
  created_at timestamptz not null default now()
);

create index if not exists darkroom_size_feedback_shop on darkroom_size_feedback (store_id, chart);
alter table darkroom_size_feedback enable row level security;
