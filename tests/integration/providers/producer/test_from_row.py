from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import ValidationError

from providers.producer import producer
from providers.producer.from_row import generate_images_task
from schemas.errors import Invalid
from schemas.tasks import ImagesTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

ROOT = Path(__file__).parents[4]
LIST = "studio:tasks:images"


@pytest.fixture(autouse=True)
def environment(
    redis_url: str, database_url: str, flush_redis: None, monkeypatch: pytest.MonkeyPatch  # noqa: ARG001  starts empty
) -> Iterator[None]:  # fmt: skip
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    producer.close()
    yield
    producer.close()


def new_row(database_url: str, **columns: str | None) -> str:
    row = {
        "id": str(uuid.uuid4()),
        "workspace_id": "w1",
        "user_id": "u1",
        "task_id": None,
        "style_id": "tech",
    } | columns
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "insert into image_generation_jobs (id, workspace_id, user_id, task_id, style_id)"
            " values (%(id)s, %(workspace_id)s, %(user_id)s, %(task_id)s, %(style_id)s)",
            row,
        )
    return str(row["id"])


def pushed(client: redis.Redis) -> ImagesTask:
    item = client.rpop(LIST)
    assert isinstance(item, bytes)
    return ImagesTask.model_validate(json.loads(item))


def test_the_task_combines_the_row_and_the_callers_arguments(database_url: str, redis_client: redis.Redis) -> None:
    job_id = new_row(database_url, task_id="task-7")
    assert generate_images_task(job_id, "a mug", 3) == "task-7"
    task = pushed(redis_client)
    assert (task.job_id, task.task_id, task.workspace_id, task.user_id) == (job_id, "task-7", "w1", "u1")
    assert (task.style_id, task.prompt, task.count) == ("tech", "a mug", 3)


def test_a_row_without_task_and_style_gets_its_id_and_the_default_style(
    database_url: str, redis_client: redis.Redis
) -> None:
    job_id = new_row(database_url, style_id=None, user_id=None)
    assert generate_images_task(job_id, "a mug", 4, reference_image_url="https://shop.example/mug.png") == job_id
    task = pushed(redis_client)
    assert (task.style_id, task.user_id, task.reference_image_url) == ("modern", None, "https://shop.example/mug.png")


async def test_it_can_be_called_from_an_event_loop(database_url: str, redis_client: redis.Redis) -> None:
    generate_images_task(new_row(database_url), "a mug", 4)
    assert pushed(redis_client).count == 4


@pytest.mark.parametrize("job_id", ["no-such-job", "5f0c1d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f"])
def test_a_job_without_a_row_is_refused(job_id: str, redis_client: redis.Redis) -> None:
    with pytest.raises(Invalid) as refused:
        generate_images_task(job_id, "a mug", 4)
    assert refused.value.error_code == "unknown_job"
    assert redis_client.llen(LIST) == 0


def test_a_task_that_the_worker_would_refuse_is_refused(database_url: str) -> None:
    with pytest.raises(ValidationError):
        generate_images_task(new_row(database_url), "a mug", 11)


def test_without_a_database_an_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(Invalid):
        generate_images_task("j1", "a mug", 4)


def test_it_is_imported_without_dramatiq_or_a_provider() -> None:
    code = "import sys, providers.producer.from_row; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"dramatiq", "mediapipe", "openai", "replicate"} & set(done.stdout.split())
