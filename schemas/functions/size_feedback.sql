-- Feedback on recommended sizes.
-- Locks: one row of darkroom_size_feedback.

-- Stores the outcome of one estimate, replacing an earlier one. Returns true. Called by
-- `SizeFeedbackRecords.add`.
create or replace function darkroom_add_size_feedback(p_estimate jsonb, p_outcome text) returns boolean
language sql security definer set search_path = public, extensions, pg_temp as $$
  insert into darkroom_size_feedback (nonce, store_id, chart, size, shift_cm, outcome)
  values (p_estimate ->> 'nonce', p_estimate ->> 'store_id', p_estimate ->> 'chart', p_estimate ->> 'size',
          (p_estimate ->> 'shift_cm')::numeric, p_outcome)
  on conflict (nonce) do update set outcome = excluded.outcome
  returning true;
$$;

-- Returns the number of answers by shop, chart and the shift that was applied; of one shop if `p_store_id` is given.
-- Called by `SizeFeedbackRecords.counts`.
create or replace function darkroom_size_feedback_counts(p_store_id text default null) returns jsonb
language sql stable security definer set search_path = public, extensions, pg_temp as $$
  select coalesce(jsonb_agg(to_jsonb(counted) order by counted.store_id, counted.chart, counted.shift_cm), '[]')
    from (
      select store_id, chart, shift_cm,
             count(*) filter (where outcome = 'kept') as kept,
             count(*) filter (where outcome = 'too_small') as too_small,
             count(*) filter (where outcome = 'too_large') as too_large
        from darkroom_size_feedback
       where p_store_id is null or store_id = p_store_id
       group by store_id, chart, shift_cm
    ) counted
$$;
