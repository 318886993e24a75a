"""A whole deployment to be broken: real servers, worker processes and image host, with audits of money and calls."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import redis
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from commands.local.embedded import Embedded

ROOT = Path(__file__).parents[2]
#: Short, so that a recovery takes seconds; a loaded machine still renews in time.
LEASE_S = 3.0
TASKS = "wearon:tasks:generation"


def wait_for(condition: Callable[[], object], timeout_s: float = 60.0, what: str = "it") -> None:
    """Wait until `condition` holds; fail after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.05)


@dataclass
class Task:
    """One task as its producer knows it."""

    task_id: str
    session_id: str
    user_id: str


@dataclass
class Worker:
    """One `dramatiq actors` with one worker process."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def child(self) -> int:
        """The process that does the work."""
        children = [
            item
            for item in psutil.Process(self.process.pid).children()
            if "resource_tracker" not in str(item.cmdline())
        ]
        return int(children[0].pid)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """Kill it and its children at once, as the kernel does when memory runs out."""
        for item in psutil.Process(self.process.pid).children(recursive=True):
            item.kill()
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.child, number)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.terminate()
        return self.process.wait(60)


class Host(ThreadingHTTPServer):
    """An image host that many may call at once."""

    request_queue_size = 128


@dataclass
class Deployment:
    """Starts workers, pushes tasks as a foreign producer does, and checks the call_log."""

    embedded: Embedded
    database_url: str
    data_dir: Path
    env: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        picture = io.BytesIO()
        Image.new("RGB", (64, 96), "teal").save(picture, "JPEG")
        self._host = Host(("127.0.0.1", 0), _handler(picture.getvalue()))
        threading.Thread(target=self._host.serve_forever, daemon=True).start()
        self.database = psycopg.connect(self.database_url, autocommit=True)
        self.redis = redis.Redis.from_url(self.embedded.redis_url or "")

    @property
    def picture_url(self) -> str:
        return f"http://127.0.0.1:{self._host.server_port}/picture.jpg"

    def start_worker(self, *options: str, **env: str) -> Worker:
        """Start a worker and wait until it is ready."""
        number = len(self.workers)
        log = self.data_dir / f"worker-{number}.log"
        settings = {
            "REDIS_URL": self.embedded.redis_url or "",
            "DATABASE_URL": self.database_url,
            "DATA_DIR": str(self.data_dir),
            "FETCH_ALLOWED_NETWORKS": "127.0.0.0/8",
            "LEASE_S": str(LEASE_S),
            "RECOVERY_INTERVAL_S": "0.5",
            "SHUTDOWN_GRACE_S": "1",
            "MOCK_LATENCY_S": "0.3",
            "WORKER_CONCURRENCY": "32",
            "LOG_FORMAT": "json",
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "commands.launch", "dramatiq", "actors", "--processes", "1", *options],
                cwd=ROOT,
                env=os.environ | settings | self.env | env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = Worker(process, log)
        self.workers.append(worker)
        wait_for(lambda: b"worker_started" in log.read_bytes() or not worker.alive, what=f"the start of {log}")
        assert worker.alive, log.read_text()
        return worker

    def reconnect(self) -> None:
        """Connect to a PostgreSQL that was restarted."""
        self.database.close()
        self.database = psycopg.connect(self.database_url, autocommit=True)

    def new_tasks(self, count: int, prompt: str = "", *, price: int = 1, user_id: str | None = None) -> list[Task]:
        """Orders that a producer has charged and created, not pushed yet."""
        user_id = user_id or str(uuid.uuid4())
        tasks = [Task(str(uuid.uuid4()), str(uuid.uuid4()), user_id) for _ in range(count)]
        with self.database.cursor() as cursor:
            cursor.execute(
                "insert into user_credits (user_id, balance, total_spent) values (%s, 0, %s) on conflict do nothing",
                (user_id, count * price),
            )
            cursor.executemany(
                "insert into generation_sessions (id, user_id, credits_used, prompt_system) values (%s, %s, %s, %s)",
                [(task.session_id, user_id, price, prompt) for task in tasks],
            )
        return tasks

    def push(self, tasks: Iterable[Task], prompt: str = "") -> None:
        """LPUSH the tasks."""
        payloads = [json.dumps(self.payload(task, prompt)) for task in tasks]
        self.redis.lpush(TASKS, *payloads)

    def payload(self, task: Task, prompt: str = "") -> dict[str, Any]:
        return {
            "task_id": task.task_id,
            "channel": "b2c",
            "user_id": task.user_id,
            "store_id": None,
            "session_id": task.session_id,
            "image_urls": [self.picture_url, self.picture_url],
            # No test looks at the pictures, and drawing one takes more time than everything else.
            "prompt": f"{prompt} [mock:plain]",
            "request_id": f"req_{task.task_id}",
            "version": 1,
            "created_at": "2026-02-09T14:30:00Z",
        }

    def run(self, count: int, prompt: str = "") -> list[Task]:
        """Make and push tasks."""
        tasks = self.new_tasks(count, prompt)
        self.push(tasks, prompt)
        return tasks

    def states(self, tasks: Iterable[Task]) -> dict[str, int]:
        """How many of the tasks' sessions have each status."""
        rows = self.database.execute(
            "select status, count(*) from generation_sessions where id = any(%s) group by status",
            ([task.session_id for task in tasks],),
        )
        return dict(rows.fetchall())

    def jobs(self, tasks: Iterable[Task], columns: str) -> list[tuple[Any, ...]]:
        """Columns of the tasks' jobs."""
        return self.database.execute(
            f"select {columns} from darkroom_jobs where task_id = any(%s)", ([task.task_id for task in tasks],)
        ).fetchall()

    def push_until(self, tasks: list[Task], stage: str, prompt: str = "", timeout_s: float = 30.0) -> None:
        """Push the tasks and wait until one of them says that it is in `stage`, however short that is."""
        with self.redis.pubsub(ignore_subscribe_messages=True) as said:
            said.subscribe(*(f"task_updates:{task.task_id}" for task in tasks))
            self.push(tasks, prompt)
            deadline = time.monotonic() + timeout_s
            while True:
                assert time.monotonic() < deadline, f"nothing was in the {stage} stage within {timeout_s} s"
                message = said.get_message(timeout=0.5)
                if message and json.loads(message["data"]).get("stage") == stage:
                    return

    def wait_for_stage(self, tasks: list[Task], stage: str, timeout_s: float = 30.0) -> None:
        """Wait until one of the tasks says that it is in `stage`."""
        keys = [f"darkroom:progress:{task.task_id}" for task in tasks]

        def seen() -> bool:
            with self.redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hget(key, "event")
                return any(json.loads(event).get("stage") == stage for event in pipe.execute() if event)

        wait_for(seen, timeout_s, f"the {stage} stage")

    def settle(self, tasks: list[Task], timeout_s: float = 90.0) -> dict[str, int]:
        """Wait until every task has ended and been told about, check the call_log, and return how they ended."""

        def ended() -> bool:
            (open_jobs,) = self.database.execute(
                "select count(*) from darkroom_jobs j where task_id = any(%s) and"
                " state in ('completed', 'failed', 'cancelled') and"
                " not exists (select from darkroom_dispatched d where d.task_id = j.task_id)",
                ([task.task_id for task in tasks],),
            ).fetchone() or (0,)
            return bool(open_jobs == len(tasks))

        wait_for(ended, timeout_s, f"the end of all tasks ({self.states(tasks)})")
        self.assert_books_balance(tasks)
        return self.states(tasks)

    def assert_books_balance(self, tasks: list[Task]) -> None:
        """Completed sessions are paid and pictured, failed ones refunded exactly once."""
        rows = self.database.execute(
            "select s.id, s.status, s.credits_used, s.generated_image_url,"
            "       (select count(*) from darkroom_ledger l where l.session_id = s.id and l.kind = 'refund'),"
            "       (select coalesce(sum(amount), 0) from darkroom_ledger l"
            "         where l.session_id = s.id and l.kind = 'refund')"
            "  from generation_sessions s where s.id = any(%s)",
            ([task.session_id for task in tasks],),
        ).fetchall()
        for session, status, price, url, refunds, amount in rows:
            if status == "completed":
                assert (refunds, bool(url)) == (0, True), f"{session} completed with {refunds} refunds"
            else:
                assert (status, refunds, amount) == ("failed", 1, price), f"{session}: {status}, {refunds} refunds"
        for user_id in {task.user_id for task in tasks}:
            self._assert_balance(user_id)

    def _assert_balance(self, user_id: str) -> None:
        (balance,) = self.database.execute(
            "select balance from user_credits where user_id = %s", (user_id,)
        ).fetchone() or (0,)
        (owed,) = self.database.execute(
            "select coalesce(sum(credits_used), 0) from generation_sessions where user_id = %s and status = 'failed'",
            (user_id,),
        ).fetchone() or (0,)
        assert balance == owed

    def last_event(self, task: Task) -> dict[str, Any]:
        """What a subscriber who comes late is told."""
        event = self.redis.hget(f"darkroom:progress:{task.task_id}", "event")
        assert isinstance(event, bytes)
        found: dict[str, Any] = json.loads(event)
        return found

    def close(self) -> None:
        """Stop everything that was started here."""
        for worker in self.workers:
            if worker.alive:
                worker.kill()
        self._host.shutdown()
        self._host.server_close()
        # The next deployment in this database starts with nothing in flight.
        self.database.execute(
            "update darkroom_jobs set state = 'cancelled', turn = null, not_before = null"
            " where state in ('waiting', 'running')"
        )
        self.database.execute("truncate darkroom_dispatched")
        self.database.close()
        self.redis.close()


def _handler(picture: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def opened(deployment: Deployment) -> Iterator[Deployment]:
    """Yield the deployment, and close it whatever happened in it."""
    try:
        yield deployment
    finally:
        deployment.close()
