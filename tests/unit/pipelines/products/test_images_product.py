from __future__ import annotations

from typing import Any

import pytest

from pipelines.products.images import IMAGES, STYLES
from schemas.common import Product
from schemas.job import Job, Picture
from schemas.tasks import ImagesTask, Style


def task(**more: Any) -> ImagesTask:
    fields = {"task_id": "t1", "job_id": "j1", "workspace_id": "w1", "prompt": "a mug", "style_id": "warm"}
    return ImagesTask.model_validate(fields | more)


def job(count: int) -> Job:
    pictures = tuple(
        Picture(url=f"https://files.example/{n}", path=f"w1/j1/{n}.jpg", width=10 + n, height=20, size_bytes=30)
        for n in range(count)
    )
    return Job(
        product=Product.IMAGES, task_id="t1", session_id="j1", owner_id="w1", channel="workspace", request_id="r",
        pictures=pictures,
    )  # fmt: skip


def test_every_style_has_its_own_prompt_text() -> None:
    assert set(STYLES) == set(Style)
    assert len(set(STYLES.values())) == len(Style)


@pytest.mark.parametrize("style", list(Style))
def test_a_prompt_names_the_product_and_then_its_style(style: Style) -> None:
    prompt = IMAGES.plan(task(style_id=style.value)).prompt
    assert prompt.startswith(f"Product: a mug\n{STYLES[style]}\n")


def test_braces_and_line_breaks_in_a_prompt_are_plain_text() -> None:
    prompt = IMAGES.plan(task(prompt="{style}\nProduct: %s")).prompt
    assert "Product: {style} Product: %s\n" in prompt


def test_a_reference_is_an_input_and_is_mentioned_in_the_prompt() -> None:
    plan = IMAGES.plan(task(reference_image_url="https://shop.example/mug.png"))
    assert plan.inputs == ("https://shop.example/mug.png",)
    assert "the given picture" in plan.prompt
    assert "the given picture" not in IMAGES.plan(task()).prompt


def test_the_count_is_as_requested_and_four_by_default() -> None:
    assert (IMAGES.plan(task(count=10)).count, IMAGES.plan(task()).count) == (10, 4)


def test_the_workspace_owns_the_job_and_the_user_pays() -> None:
    row = IMAGES.accept(task(user_id="u1"))
    assert (row.owner_id, row.user_id, row.channel, row.session_id) == ("w1", "u1", "workspace", "j1")


def test_the_session_gets_its_pictures_in_order() -> None:
    session = IMAGES.session(job(3))
    assert session == {"progress": 100, "result_urls": [f"https://files.example/{n}" for n in range(3)]}


def test_each_picture_has_a_row_and_a_path_of_its_own() -> None:
    made = job(2)
    assert [IMAGES.path(made, n) for n in range(2)] == ["w1/j1/0.jpg", "w1/j1/1.jpg"]
    assert IMAGES.images(made)[1] == {
        "workspace_id": "w1",
        "generation_job_id": "j1",
        "filename": "1.jpg",
        "original_url": "https://files.example/1",
        "processed_url": "https://files.example/1",
        "file_size": 30,
        "width": 11,
        "height": 20,
        "format": "jpeg",
    }
