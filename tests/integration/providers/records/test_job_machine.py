"""The life of jobs in any order: several workers, repeated and lost messages and replies, stale tokens, dead workers.

Hypothesis chooses the steps, the real SQL functions take them, and a model in Python says what they may answer. More
examples: `DARKROOM_MODEL_EXAMPLES=2000 pytest tests/integration/providers/records/test_job_machine.py`.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.types.json import Jsonb

from schemas.job import Failure
from tests.contracts.database_fixture import World, tryon
from tests.integration.providers.records.job_model import ENDED, LEASE_S, STEP_S, Model, ModelJob, ModelWorker

if TYPE_CHECKING:
    pass

EXAMPLES = int(os.environ.get("DARKROOM_MODEL_EXAMPLES", "60"))
STEPS = 50
WORKERS = 3
MAX_IN_FLIGHT = 4
MAX_RECOVERIES = 2
FAILURE = Failure(code="server_error", message="A plain sentence.").model_dump(mode="json")
DELIVERY = {"kind": "photo", "channel": "web", "message": {}}
INFO = {"host": "h", "version": 1, "queues": None, "slots": 1}
STATES = """
select j.task_id, j.state, j.run, j.recoveries, s.status, d.token, d.worker_id, d.task_id is not null,
       (j.turn is not null or j.not_before is not null), j.token
  from darkroom_jobs j join generation_sessions s on s.id = j.session_id
  left join darkroom_dispatched d on d.task_id = j.task_id
"""

worker_numbers = st.integers(0, WORKERS - 1)
choices = st.integers(0, 10**6)


class JobMachine(RuleBasedStateMachine):
    """Each rule is one call of a worker, an operator or another program."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.world = World(connection)
        self.model = Model()
        self.workers: list[ModelWorker] = []
        #: Messages in the queues; a message stays when it is delivered, so that it can be delivered again.
        self.messages: list[tuple[str, int]] = []

    def call(self, function: str, **arguments: Any) -> Any:
        values = {name: Jsonb(value) if isinstance(value, dict | list) else value for name, value in arguments.items()}
        named = ", ".join(f"{name} => %({name})s" for name in arguments)
        row = self.world.connection.execute(f"select {function}({named})".encode(), values).fetchone()
        assert row is not None
        return row[0]

    # What the rules choose from

    def worker(self, number: int) -> ModelWorker:
        return self.workers[number]

    def held(self, number: int, choice: int) -> tuple[ModelWorker, ModelJob, int] | None:
        """A job that the worker believes to have, and its token."""
        worker = self.worker(number)
        if worker.paused or not worker.jobs:
            return None
        task_id = sorted(worker.jobs)[choice % len(worker.jobs)]
        return worker, self.model.jobs[task_id], worker.jobs[task_id]

    def some_job(self, choice: int) -> ModelJob:
        jobs = list(self.model.jobs.values())
        return jobs[choice % len(jobs)]

    def new_worker(self) -> ModelWorker:
        return ModelWorker(uuid.uuid4().hex)

    @initialize()
    def begin(self) -> None:
        self.world.empty()
        self.world.connection.execute("delete from darkroom_deliveries")
        self.workers = [self.new_worker() for _ in range(WORKERS)]

    # Producers, the dispatcher and the clock

    @precondition(lambda self: len(self.model.jobs) < 6)
    @rule(balance=st.integers(0, 2), again=st.booleans())
    def accept(self, balance: int, again: bool) -> None:
        owner_id = self.world.user(balance)
        task = tryon(owner_id, self.world.session(owner_id))
        for verdict in ("accepted", "duplicate") if again else ("accepted",):
            found = self.call("darkroom_accept", p_tasks=[task.model_dump(mode="json")], p_max_refund=1)
            assert found == {task.task_id: verdict}
        self.model.balances[owner_id] = balance
        self.model.jobs[task.task_id] = ModelJob(task.task_id, task.session_id, owner_id)

    @rule(limit=st.integers(1, 3), enqueued=st.booleans())
    def dispatch(self, limit: int, enqueued: bool) -> None:
        waiting, free = self.model.dispatchable(), min(limit, MAX_IN_FLIGHT - self.model.in_flight)
        rows = self.call("darkroom_dispatch", p_limit=limit, p_max_in_flight=MAX_IN_FLIGHT, p_lease_s=LEASE_S)
        gone = {task_id for task_id in waiting if self.state_of(task_id) == "cancelled"}
        assert {row["task_id"] for row in rows} <= waiting - gone
        assert len(rows) + len(gone) == max(0, min(free, len(waiting)))
        for task_id in gone:
            job = self.model.jobs[task_id]
            assert job.session_gone
            job.end("cancelled", refunded=False)
            self.take_token(job)
            job.recoveries = 0
            job.expect_claim(self.model.now)
        for row in rows:
            job = self.model.jobs[row["task_id"]]
            assert not job.session_gone
            job.state, job.not_before, job.recoveries = "running", None, 0
            assert row["token"] == self.take_token(job)
            job.expect_claim(self.model.now + LEASE_S)
            if enqueued:
                self.messages.append((job.task_id, job.tokens))

    @rule(steps=st.integers(1, 3))
    def let_time_pass(self, steps: int) -> None:
        passed = f"interval '{steps * STEP_S} s'"
        for statement in (
            f"update darkroom_workers set lease_until = lease_until - {passed}",
            f"update darkroom_dispatched set claim_by = claim_by - {passed}, claimed_at = claimed_at - {passed}",
            f"update darkroom_jobs set not_before = not_before - {passed} where not_before is not null",
        ):
            self.world.connection.execute(statement.encode())
        self.model.now += steps * STEP_S

    # Workers

    @precondition(lambda self: self.messages)
    @rule(number=worker_numbers, choice=choices, repeats=st.integers(1, 2), lost=st.booleans())
    def deliver(self, number: int, choice: int, repeats: int, lost: bool) -> None:
        """Deliver a message once more; the reply to the claim is lost for ever, or only once."""
        worker = self.worker(number)
        if worker.paused:
            return
        task_id, token = self.messages[choice % len(self.messages)]
        job, claim_id = self.model.jobs[task_id], uuid.uuid4().hex
        expected = token + 1 if self.model.owned(task_id, token) else None
        for _ in range(repeats):
            found = self.call(
                "darkroom_claim", p_task_id=task_id, p_token=token, p_worker_id=worker.name, p_claim_id=claim_id
            )
            assert found == expected
        if expected is None:
            return
        self.take_token(job)
        job.worker, job.claim_id, job.claimed_at = worker.name, claim_id, self.model.now
        if not lost:
            worker.jobs[task_id] = expected

    @rule(number=worker_numbers)
    def send_heartbeat(self, number: int) -> None:
        worker = self.worker(number)
        if worker.paused:
            return
        found = self.call(
            "darkroom_heartbeat", p_worker_id=worker.name, p_worker=INFO, p_jobs=worker.jobs, p_lease_s=LEASE_S
        )
        self.model.leases[worker.name] = self.model.now + LEASE_S
        for job in self.model.jobs.values():
            unnamed = job.dispatched and job.worker == worker.name and job.task_id not in worker.jobs
            if unnamed and job.claimed_at + LEASE_S < self.model.now:
                job.expect_claim(self.model.now)
        expected = {task_id: self.model.verdict(task_id, token) for task_id, token in worker.jobs.items()}
        assert found == {task_id: verdict for task_id, verdict in expected.items() if verdict}
        for task_id in found:
            del worker.jobs[task_id]

    @rule(number=worker_numbers)
    def pause_or_resume(self, number: int) -> None:
        self.worker(number).paused = not self.worker(number).paused

    @rule(number=worker_numbers)
    def kill(self, number: int) -> None:
        self.workers[number] = self.new_worker()

    @rule(number=worker_numbers, choice=choices)
    def crash_outside_a_stage(self, number: int, choice: int) -> None:
        if found := self.held(number, choice):
            worker, job, _ = found
            del worker.jobs[job.task_id]

    @rule(number=worker_numbers, choice=choices, spent=st.sampled_from([0.0, 0.25]))
    def journal(self, number: int, choice: int, spent: float) -> None:
        if found := self.held(number, choice):
            _, job, token = found
            written = self.call(
                "darkroom_journal", p_task_id=job.task_id, p_token=token, p_path=["generated"], p_value={"by": token},
                p_provider_job_id=None, p_spent_usd=spent,
            )  # fmt: skip
            assert written is (self.model.owned(job.task_id, token) and job.state == "running")

    @rule(number=worker_numbers, choice=choices, repeats=st.integers(1, 2))
    def complete(self, number: int, choice: int, repeats: int) -> None:
        if not (found := self.held(number, choice)):
            return
        _, job, token = found
        may = self.model.owned(job.task_id, token) and job.state == "running"
        first = "fenced" if not may else "ended" if job.session_gone else "completed"
        answers = [{first}] * 2
        if not may and job.state in {"completed", "cancelled"}:
            # With the token of the completion it is the repetition of a call; a later owner has only to publish.
            repeated = "completed" if job.state == "completed" else "ended"
            answers = [{"fenced", repeated}] * 2
        for allowed in answers[:repeats]:
            done = self.call(
                "darkroom_complete", p_task_id=job.task_id, p_token=token, p_outcome={"pictures": []}, p_session={},
                p_images=[], p_deliveries=[DELIVERY],
            )  # fmt: skip
            assert done["completion"] in allowed
        if may and first == "completed":
            job.end("completed", refunded=False)
        elif may:
            job.end("cancelled", refunded=False)

    @rule(number=worker_numbers, choice=choices, repeats=st.integers(1, 2))
    def fail(self, number: int, choice: int, repeats: int) -> None:
        if found := self.held(number, choice):
            _, job, token = found
            may = self.model.owned(job.task_id, token) and job.state == "running"
            self.end_job(job, token, may=may, state="failed", repeats=repeats)
            if may:
                job.claim_by = self.model.now + LEASE_S
                self.messages.append((job.task_id, token))

    @rule(number=worker_numbers, choice=choices)
    def hand_over(self, number: int, choice: int) -> None:
        """Enqueue the next stage, a delayed retry, or the job of a worker that stops."""
        if found := self.held(number, choice):
            worker, job, token = found
            self.messages.append((job.task_id, token))
            moved = self.call("darkroom_expect_claim", p_task_id=job.task_id, p_token=token, p_within_s=LEASE_S)
            assert moved is self.model.owned(job.task_id, token)
            if moved:
                job.expect_claim(self.model.now + LEASE_S)
            del worker.jobs[job.task_id]

    @rule(number=worker_numbers, choice=choices)
    def postpone(self, number: int, choice: int) -> None:
        if found := self.held(number, choice):
            worker, job, token = found
            may = self.model.owned(job.task_id, token) and job.state == "running"
            assert may is self.call(
                "darkroom_postpone", p_task_id=job.task_id, p_token=token, p_delay_s=LEASE_S, p_message="later"
            )
            if may:
                job.state, job.dispatched, job.worker = "waiting", False, None
                job.not_before = self.model.now + LEASE_S
            del worker.jobs[job.task_id]

    @rule(number=worker_numbers, choice=choices, batch=st.booleans())
    def publish_outcome(self, number: int, choice: int, batch: bool) -> None:
        """Release an ended job, alone with its deliveries or in a batch."""
        if not (found := self.held(number, choice)):
            return
        worker, job, token = found
        may = self.model.owned(job.task_id, token) and job.state in ENDED
        if batch:
            assert self.call("darkroom_release", p_jobs={job.task_id: token}) == int(may)
        else:
            self.call("darkroom_enqueue_deliveries", p_task_id=job.task_id, p_token=token, p_deliveries=[DELIVERY])
        if may:
            job.dispatched = False
            del worker.jobs[job.task_id]

    # Recovery, operators and other programs

    @rule(queued=st.booleans(), enqueued=st.booleans())
    def recover(self, queued: bool, enqueued: bool) -> None:
        rows = self.call("darkroom_lost_jobs", p_limit=100, p_lease_s=LEASE_S)
        assert {row["task_id"]: row["token"] for row in rows} == self.model.lost()
        for row in rows:
            job, token = self.model.jobs[row["task_id"]], row["token"]
            if queued and row["worker_id"] is None and (job.task_id, token) in self.messages:
                assert self.call("darkroom_expect_claim", p_task_id=job.task_id, p_token=token, p_within_s=LEASE_S)
                job.expect_claim(self.model.now + LEASE_S)
            else:
                self.recover_job(job, token, enqueued=enqueued)

    def recover_job(self, job: ModelJob, token: int, *, enqueued: bool) -> None:
        arguments = {
            "p_task_id": job.task_id,
            "p_token": token,
            "p_max_recoveries": MAX_RECOVERIES,
            "p_lease_s": LEASE_S,
        }
        row = self.call("darkroom_recover", **arguments)
        assert self.call("darkroom_recover", **arguments) is None, "it has another owner or more time"
        exhausted = job.recoveries >= MAX_RECOVERIES
        job.recoveries += 1
        job.expect_claim(self.model.now + LEASE_S)
        expected = token if exhausted else self.take_token(job)
        assert (row["token"], row["recoveries"]) == (expected, job.recoveries)
        if exhausted and job.state in ENDED:
            self.call("darkroom_enqueue_deliveries", p_task_id=job.task_id, p_token=token, p_deliveries=[DELIVERY])
            job.dispatched = False
        elif exhausted:
            self.end_job(job, token, may=True, state="failed", repeats=1)
            job.expect_claim(self.model.now + LEASE_S)
        if enqueued and job.dispatched:
            self.messages.append((job.task_id, job.tokens))

    @precondition(lambda self: self.model.jobs)
    @rule(choice=choices, repeats=st.integers(1, 2))
    def cancel(self, choice: int, repeats: int) -> None:
        job = self.some_job(choice)
        may = job.state not in ENDED
        self.end_job(job, None, may=may, state="cancelled", repeats=repeats)
        if may:
            self.take_token(job)
            job.expect_claim(self.model.now + LEASE_S)
            self.messages.append((job.task_id, job.tokens))

    @precondition(lambda self: self.model.jobs)
    @rule(choice=choices)
    def replay(self, choice: int) -> None:
        job = self.some_job(choice)
        found = self.call("darkroom_replay", p_task_id=job.task_id)
        if job.state not in {"failed", "cancelled"}:
            expected = "not_ended"
        else:
            expected = "replayed" if self.model.balances[job.owner_id] else "no_credits"
        assert found == expected
        if found == "replayed":
            self.model.balances[job.owner_id] -= 1
            job.state, job.dispatched, job.worker, job.session_gone = "waiting", False, None, False
            job.run, job.recoveries = job.run + 1, 0
            self.take_token(job)

    @precondition(lambda self: self.model.jobs)
    @rule(choice=choices)
    def end_the_session_elsewhere(self, choice: int) -> None:
        job = self.some_job(choice)
        if job.state not in ENDED:
            self.world.connection.execute(
                "update generation_sessions set status = 'failed' where id = %s", [job.session_id]
            )
            job.session_gone = True

    def end_job(self, job: ModelJob, token: int | None, *, may: bool, state: str, repeats: int) -> None:
        refunds = may and not job.session_gone
        for repeat in range(repeats):
            settled = self.call(
                "darkroom_fail", p_task_id=job.task_id, p_token=token, p_state=state, p_message="No.",
                p_failure=FAILURE, p_lease_s=LEASE_S,
            )  # fmt: skip
            assert settled == {"moved": may and not repeat, "refunded": int(refunds and not repeat)}
        if may:
            job.end(state, refunded=refunds)
            self.model.balances[job.owner_id] += int(refunds)

    def take_token(self, job: ModelJob) -> int:
        job.tokens += 1
        return job.tokens

    def state_of(self, task_id: str) -> str:
        return str(self.world.one("select state from darkroom_jobs where task_id = %s", task_id))

    # What holds after every step

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        rows = self.world.connection.execute(STATES).fetchall()
        assert len(rows) == len(self.model.jobs)
        for task_id, state, run, recoveries, status, token, worker_id, dispatched, has_turn, last_token in rows:
            job = self.model.jobs[task_id]
            assert (state, run, recoveries) == (job.state, job.run, job.recoveries)
            assert (dispatched, worker_id) == (job.dispatched, job.worker if job.dispatched else None)
            assert (token if dispatched else last_token) == job.tokens
            # It ends, or the dispatcher, a claim or a recovery will continue it.
            assert has_turn is (state == "waiting")
            assert dispatched or state in ENDED or state == "waiting"
            if state in ENDED:
                assert status == ("completed" if state == "completed" else "failed")

    @invariant()
    def credits_are_conserved(self) -> None:
        balances = self.world.connection.execute("select user_id::text, balance from user_credits").fetchall()
        assert dict(balances) == self.model.balances
        ledger = self.world.connection.execute("select session_id, run, kind from darkroom_ledger").fetchall()
        assert len(ledger) == len(set(ledger))
        refunds = {(session, run) for session, run, kind in ledger if kind == "refund"}
        assert refunds == {(job.session_id, run) for job in self.model.jobs.values() for run in job.refunded_runs}
        for job in self.model.jobs.values():
            assert job.state != "completed" or job.run not in job.refunded_runs

    @invariant()
    def each_run_has_its_deliveries_once(self) -> None:
        found = dict(
            self.world.connection.execute(
                "select task_id, count(*) from darkroom_deliveries d where run ="
                " (select run from darkroom_jobs j where j.task_id = d.task_id) group by 1"
            ).fetchall()
        )
        for job in self.model.jobs.values():
            assert found.get(job.task_id, 0) <= 1
            assert job.state != "completed" or found.get(job.task_id) == 1

    def teardown(self) -> None:
        """Let one healthy worker finish everything: no job is forgotten."""
        self.workers[:] = [self.new_worker() for _ in range(WORKERS)]
        for _ in range(40):
            if all(job.state in ENDED and not job.dispatched for job in self.model.jobs.values()):
                return
            self.let_time_pass(3)
            self.recover(queued=False, enqueued=True)
            self.dispatch(limit=3, enqueued=True)
            for index in range(len(self.messages)):
                self.deliver(0, index, 1, lost=False)
            self.messages.clear()
            self.finish_all()
        raise AssertionError(f"not finished: {self.model.jobs}")

    def finish_all(self) -> None:
        jobs = self.workers[0].jobs
        for task_id in sorted(jobs):
            self.complete(0, sorted(jobs).index(task_id), repeats=1)
            self.publish_outcome(0, sorted(jobs).index(task_id), batch=False)
        jobs.clear()


def test_no_order_of_steps_loses_a_job_or_a_credit(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:

        class Connected(JobMachine):
            def __init__(self) -> None:
                super().__init__(connection)

        run_state_machine_as_test(
            Connected,
            settings=settings(
                max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
