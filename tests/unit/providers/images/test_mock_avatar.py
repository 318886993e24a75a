from __future__ import annotations

from pipelines.products.avatar_prompt import avatar_prompt
from providers.images.mock.scene import draw_scene
from schemas.tasks import Avatar

SIZE = (128, 192)


def drawn(name: str | None, key: str) -> bytes:
    return draw_scene(avatar_prompt(Avatar(id="a1", name=name), "a walk"), SIZE, key)


def test_a_named_avatar_looks_the_same_in_every_task() -> None:
    assert drawn("Mia", "task-1") == drawn("Mia", "task-2")
    assert drawn("Mia", "task-1") != drawn("Noor", "task-1")


def test_an_avatar_without_a_name_depends_on_the_task() -> None:
    assert drawn(None, "task-1") != drawn(None, "task-2")
