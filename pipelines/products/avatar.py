"""Avatar: one photo of a described companion in a described scene, delivered into the chat."""

from __future__ import annotations

from pipelines.products.avatar_prompt import avatar_prompt
from pipelines.products.base import Plan, ProductSpec, request_id
from schemas.common import Product, StageName
from schemas.delivery import DeliveryChannel, DeliveryKind, OutboxMessage
from schemas.errors import Cancelled
from schemas.job import Job
from schemas.records import NewTask
from schemas.tasks import AvatarTask

APOLOGY = "I wasn't able to send you a photo right now — please try again later."
#: Failure codes without an apology: the user cancelled the job, or the session was ended elsewhere.
_NO_APOLOGY = frozenset({Cancelled.code, "session_ended"})
#: Maximum length of the prompt in the audit log, in characters.
_AUDITED_CHARS = 500


def _accept(task: AvatarTask) -> NewTask:
    return NewTask(
        task_id=task.task_id,
        product=Product.AVATAR,
        session_id=task.job_id,
        owner_id=task.user_id,
        user_id=task.user_id,
        channel=task.channel.value,
        request_id=request_id(task),
        payload=task.model_dump(mode="json", exclude_none=True),
    )


def _plan(task: AvatarTask) -> Plan:
    return Plan(
        prompt=avatar_prompt(task.avatar, task.scene_description),
        params={"avatar_id": task.avatar.id},
        producer_prompt=task.scene_description,
    )


def _outbox_messages(job: Job) -> list[OutboxMessage]:
    to = {"user_id": job.owner_id, "avatar_id": job.params.get("avatar_id")}
    channel = DeliveryChannel(job.channel)
    if job.failure is None:
        url = job.pictures[0].url
        return [OutboxMessage(kind=DeliveryKind.PHOTO, channel=channel, message=to | {"url": url}), _audit(job)]
    if job.failure.code in _NO_APOLOGY:
        return []
    return [OutboxMessage(kind=DeliveryKind.APOLOGY, channel=channel, message=to | {"text": APOLOGY})]


def _audit(job: Job) -> OutboxMessage:
    picture = job.pictures[0]
    row = {
        "user_id": job.owner_id,
        "event_type": "photo_generated",
        "event_category": "image_generation",
        "action": "generate",
        "resource_type": "photo",
        "event_data": {
            "prompt": job.prompt[:_AUDITED_CHARS],
            "model": picture.model,
            "storage_path": picture.path,
            "job_id": job.session_id,
        },
        "result": "success",
    }
    return OutboxMessage(kind=DeliveryKind.AUDIT, channel=DeliveryChannel.AUDIT, message=row)


AVATAR = ProductSpec(
    product=Product.AVATAR,
    stages=(
        StageName.GENERATE,
        StageName.FETCH,
        StageName.WATERMARK,
        StageName.UPLOAD,
        StageName.NOTIFY,
    ),
    bucket="photos",
    url_lifetime_s=24 * 3600,
    width=1024,
    height=1536,
    accept=_accept,
    plan=_plan,
    path=lambda job, _: f"{job.owner_id}/{job.session_id}.jpg",
    session=lambda _job: {},
    outbox_messages=_outbox_messages,
    watermarked=True,
)
