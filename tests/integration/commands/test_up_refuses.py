"""`up` ends with a message if it can't start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from commands import http_service
from commands.local.process import StartError
from commands.local.up import up
from settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


def settings(**fields: Any) -> Settings:
    return Settings.model_construct(**fields)


def test_a_port_in_use_ends_up_with_a_message(taken: int, redis_url: str, database_url: str, tmp_path: Path) -> None:
    env = os.environ | {
        "PORT": str(taken), "REDIS_URL": redis_url, "DATABASE_URL": database_url, "DATA_DIR": str(tmp_path)
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"The HTTP service can't listen on 127.0.0.1 port {taken} (Address already in use): "
        "stop the program that uses it, or set HOST and PORT."
    )


def test_a_free_port_is_accepted_and_the_address_of_another_machine_is_refused(taken: int) -> None:
    assert http_service.port_fault(settings(port=0)) is None
    assert "192.0.2.1" in str(http_service.port_fault(settings(host="192.0.2.1", port=taken)))


def test_a_public_address_without_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Without API_TOKENS .* not on 0\.0\.0\.0"):
        up(settings(host="0.0.0.0", data_dir=tmp_path))


def test_without_any_product_the_missing_settings_are_reported(tmp_path: Path) -> None:
    with pytest.raises(StartError) as raised:
        up(settings(ai_mock_mode=False, avatar_providers=(), data_dir=tmp_path))
    for name in ("No product can be made", "OPENAI_API_KEY", "AVATAR_PROVIDERS is empty"):
        assert name in str(raised.value)
