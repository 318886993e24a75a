"""The engine: runs a job's stages and enqueues what follows them.

| module | concept |
|---|---|
| `planning` | the job and the remaining stages of a table row |
| `messages` | the message that brings a job to a stage's queue |
| `runner` | the actor of every stage; runs a job's stages in-process |
| `stage_run` | one run of one stage, and the middleware around it |
| `outcome` | what follows a stage run |
| `running_jobs` | the jobs of this process: what to name in a heartbeat, what to cancel |
| `slots` | how many jobs this process takes |
| `dramatiq_redis` | the broker |
"""
