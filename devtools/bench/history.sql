-- Ended work of two months, about 2 KB a job: `rows` sessions, jobs and charges of 1,000 owners, numbered from `first` on.
-- Every fiftieth job has failed. Owner `user-1` has a tenth of them.
with n as (
  select n, md5('task ' || n)::uuid::text as task_id, md5('session ' || n)::uuid::text as session_id, md5(n::text) as digest,
         'user-' || case when n %% 10 = 0 then 1 else n %% 1000 end as owner_id, n %% 50 = 0 as failed,
         now() - interval '60 days' + interval '59 days' * n / %(total)s as at
    from generate_series(%(first)s, %(first)s + %(rows)s - 1) n
), sessions as (
  insert into generation_sessions (id, user_id, status, model_image_url, outfit_image_url, prompt_system, created_at,
                                   completed_at, generated_image_url)
  select session_id, owner_id, case when failed then 'failed' else 'completed' end,
         'https://pictures.example/model/' || digest, 'https://pictures.example/outfit/' || digest, 'A photo', at, at,
         'https://storage.example/sign/' || session_id || '?token=' || repeat(digest, 6)
    from n
), charges as (
  insert into darkroom_ledger (product, channel, session_id, run, kind, owner_id, amount)
  select 'tryon', 'b2c', session_id, 1, 'charge', owner_id, 1 from n
)
insert into darkroom_jobs (task_id, product, session_id, owner_id, user_id, channel, request_id, payload, state, token, price,
                           payer, journal, outcome, failure, created_at, dispatched_at, finished_at)
select task_id, 'tryon', session_id, owner_id, owner_id, 'b2c', 'req_' || task_id,
       jsonb_build_object('task_id', task_id, 'session_id', session_id, 'user_id', owner_id, 'channel', 'b2c', 'prompt', '',
                          'image_urls', jsonb_build_array('https://pictures.example/model/' || digest,
                                                          'https://pictures.example/outfit/' || digest)),
       case when failed then 'failed' else 'completed' end, 1, 1, jsonb_build_object('kind', 'user', 'id', owner_id),
       jsonb_build_object('pictures', jsonb_build_object('0', jsonb_build_object('path', session_id, 'digest', digest)),
                          'spent', jsonb_build_object('pictures/0', 0.04)),
       case when not failed then jsonb_build_object('pictures', jsonb_build_array(jsonb_build_object(
         'path', session_id, 'url', 'https://storage.example/sign/' || session_id || '?token=' || repeat(digest, 6)))) end,
       case when failed then jsonb_build_object('code', 'server_error', 'message', 'A plain sentence.') end, at, at, at
  from n
