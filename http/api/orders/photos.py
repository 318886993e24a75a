"""`/photos`: order one photo of an avatar."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from falcon.asgi import Request, Response

from api import body
from api.operations import Operation, Scope
from api.orders import service as orders
from api.orders.examples import PHOTO
from api.orders.service import OrderRequest, OrderService
from schemas.common import Product
from schemas.http import PhotoAccepted, PhotoRequest
from schemas.tasks import AvatarTask


class Photos:
    """The collection of photos, which are delivered into a chat."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Order a photo of an avatar, delivered into the chat.",
            {202: PhotoAccepted},
            scope=Scope.PRODUCE,
            body=PhotoRequest,
            problems=orders.PROBLEMS,
            examples={"A scene": PHOTO},
        )
    }

    def __init__(self, orders: OrderService, price: int) -> None:
        """Order through `orders`, for `price` credits per photo."""
        self._orders, self._price = orders, price

    async def on_post(self, req: Request, resp: Response) -> None:
        """Order a photo."""
        request = await body.read(req, PhotoRequest)
        req.context.principal.must_own(request.user_id)
        order_request = _order_request(request, req.context.request_id, self._price)
        await self._orders.place(req, resp, order_request, self.operations["POST"])


def _order_request(request: PhotoRequest, request_id: str, price: int) -> OrderRequest:
    task = AvatarTask(
        job_id=str(uuid.uuid4()),
        user_id=request.user_id,
        scene_description=request.scene_description,
        channel=request.channel,
        avatar=request.avatar,
        request_id=request_id,
        created_at=datetime.now(UTC),
    )
    return OrderRequest(
        product=Product.AVATAR,
        channel=request.channel,
        owner_id=request.user_id,
        user_id=request.user_id,
        session_id=task.job_id,
        task=task,
        session={},
        price=price,
        answer={"job_id": task.job_id, "task_id": task.job_id},
        fingerprint_of=request,
        keep_payload=True,
    )
