from __future__ import annotations

import pytest

from pipelines.products import PRODUCTS
from pipelines.products.avatar import APOLOGY, AVATAR
from schemas.common import Product, StageName
from schemas.delivery import DeliveryChannel, DeliveryKind
from schemas.job import Failure, Job, Picture
from schemas.tasks import AvatarTask

TASK = AvatarTask.model_validate(
    {"job_id": "j1", "user_id": "u1", "scene_description": "a walk", "avatar": {"id": "a1", "name": "Mia"}}
)


def job(*, channel: str = "web", failure: str | None = None) -> Job:
    made = Picture(url="https://files.example/p.jpg?s=1", path="u1/j1.jpg", model="flux")
    return Job(
        product=Product.AVATAR,
        task_id="j1",
        session_id="j1",
        owner_id="u1",
        user_id="u1",
        channel=channel,
        request_id="r",
        prompt="p" * 900,
        params={"avatar_id": "a1"},
        pictures=(Picture(),) if failure else (made,),
        failure=Failure(code=failure, message="no") if failure else None,
    )


def test_the_stages_are_those_of_the_contract() -> None:
    assert PRODUCTS[Product.AVATAR].stages == (
        StageName.GENERATE, StageName.FETCH, StageName.WATERMARK, StageName.UPLOAD, StageName.NOTIFY,
    )  # fmt: skip
    assert AVATAR.watermarked
    assert (AVATAR.width * 3, AVATAR.url_lifetime_s) == (AVATAR.height * 2, 86_400)


def test_a_task_is_its_own_session_and_belongs_to_its_user() -> None:
    row = AVATAR.accept(TASK)
    assert (row.task_id, row.session_id, row.owner_id, row.user_id) == ("j1", "j1", "u1", "u1")
    assert (row.channel, row.request_id) == ("web", "task_j1")


def test_the_prompt_is_built_when_the_job_starts() -> None:
    plan = AVATAR.plan(TASK)
    assert '"Mia"' in plan.prompt
    assert (plan.inputs, plan.count, plan.params) == ((), 1, {"avatar_id": "a1"})


def test_the_photo_is_stored_under_its_user() -> None:
    assert AVATAR.path(job(), 0) == "u1/j1.jpg"


@pytest.mark.parametrize("channel", list(DeliveryChannel)[:2])
def test_a_photo_is_delivered_to_the_requesting_chat_and_the_audit_log(channel: DeliveryChannel) -> None:
    photo, audit = AVATAR.outbox_messages(job(channel=channel))
    assert (photo.kind, photo.channel) == (DeliveryKind.PHOTO, channel)
    assert photo.message == {"user_id": "u1", "avatar_id": "a1", "url": "https://files.example/p.jpg?s=1"}
    assert audit.message == {
        "user_id": "u1",
        "event_type": "photo_generated",
        "event_category": "image_generation",
        "action": "generate",
        "resource_type": "photo",
        "event_data": {"prompt": "p" * 500, "model": "flux", "storage_path": "u1/j1.jpg", "job_id": "j1"},
        "result": "success",
    }


def test_a_failure_sends_an_apology_to_the_same_chat() -> None:
    (apology,) = AVATAR.outbox_messages(job(channel="whatsapp", failure="server_error"))
    assert (apology.kind, apology.channel, apology.message["text"]) == (DeliveryKind.APOLOGY, "whatsapp", APOLOGY)


@pytest.mark.parametrize("code", ["cancelled", "session_ended"])
def test_a_cancelled_or_ended_session_gets_no_apology(code: str) -> None:
    assert AVATAR.outbox_messages(job(failure=code)) == []


def test_the_apology_is_the_text_of_the_contract() -> None:
    assert APOLOGY == "I wasn't able to send you a photo right now — please try again later."
