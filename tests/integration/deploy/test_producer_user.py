"""The Redis user of producers, as the files of the deployment create it."""

import re
from collections.abc import Iterator

import pytest
import redis

from schemas.tasks import TASK_LISTS
from tests.unit.deploy.files import DEPLOY, QUADLET, ROOT

PASSWORD = "a-password-for-this-test"
FILES = (ROOT / "podman-compose.yml", DEPLOY / "kube.yaml", QUADLET / "darkroom-redis.container")


def rules() -> list[str]:
    """The rules of the user, which are the same in every file."""
    found = {re.findall(r"printf 'user producer ([^'\\]*)", path.read_text())[0].replace("%%", "%") for path in FILES}
    (line,) = found
    return str(line % PASSWORD).split()


@pytest.fixture
def producer(redis_url: str, flush_redis: None) -> Iterator[redis.Redis]:  # noqa: ARG001  starts empty
    with redis.Redis.from_url(redis_url) as admin:
        admin.execute_command("ACL", "SETUSER", "producer", "reset", *rules())
        kwargs = admin.connection_pool.connection_kwargs | {"username": "producer", "password": PASSWORD}
        with redis.Redis(connection_pool=type(admin.connection_pool)(
            connection_class=admin.connection_pool.connection_class, **kwargs
        )) as client:  # fmt: skip
            yield client
        admin.execute_command("ACL", "DELUSER", "producer")


def test_a_producer_pushes_to_the_task_lists(producer: redis.Redis) -> None:
    for name in TASK_LISTS.values():
        assert producer.lpush(name, "{}") == 1


@pytest.mark.parametrize(
    "command",
    [
        "LRANGE wearon:tasks:generation 0 -1", "RPOP wearon:tasks:generation", "DEL ava:tasks:photo",
        "LPUSH darkroom:wake 1", "LPUSH darkroom:processing:x:ava:tasks:photo 1", "PUBLISH task_updates:t1 x",
        "SUBSCRIBE task_updates:t1", "GET darkroom:progress:t1", "KEYS *", "SCAN 0", "FLUSHALL",
        "CONFIG GET requirepass",
        "EVAL return(1) 0", "ACL LIST", "MONITOR", "CLIENT LIST", "SHUTDOWN", "REPLICAOF 127.0.0.1 1",
        "LMOVE wearon:tasks:generation ava:tasks:photo RIGHT LEFT", "RENAME wearon:tasks:generation x", "INFO",
    ],
)  # fmt: skip
def test_a_producer_may_do_nothing_else(producer: redis.Redis, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        producer.execute_command(*command.split())
