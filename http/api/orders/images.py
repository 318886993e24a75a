"""`/images`: order a batch of product pictures."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from falcon.asgi import Request, Response

from api import body
from api.operations import Operation, Scope
from api.orders import service as orders
from api.orders.examples import IMAGES
from api.orders.service import OrderRequest, OrderService
from schemas.common import Product
from schemas.http import ImagesAccepted, ImagesRequest
from schemas.tasks import ImagesTask

#: The only channel of this product.
CHANNEL = "workspace"


class Images:
    """The collection of batches."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Order 1 to 10 product pictures in a style.",
            {202: ImagesAccepted},
            scope=Scope.PRODUCE,
            body=ImagesRequest,
            problems=orders.PROBLEMS,
            examples={"Four pictures": IMAGES},
        )
    }

    def __init__(self, orders: OrderService, price: int) -> None:
        """Order through `orders`, for `price` credits per batch."""
        self._orders, self._price = orders, price

    async def on_post(self, req: Request, resp: Response) -> None:
        """Order a batch."""
        request = await body.read(req, ImagesRequest)
        req.context.principal.must_own(request.workspace_id)
        if self._price:
            # The workspace owns the pictures; the user pays.
            req.context.principal.must_own(request.user_id)
        order_request = _order_request(request, req.context.request_id, self._price)
        await self._orders.place(req, resp, order_request, self.operations["POST"])


def _order_request(request: ImagesRequest, request_id: str, price: int) -> OrderRequest:
    job_id = str(uuid.uuid4())
    task = ImagesTask(
        task_id=str(uuid.uuid4()),
        job_id=job_id,
        workspace_id=request.workspace_id,
        user_id=request.user_id,
        prompt=request.prompt,
        style_id=request.style_id,
        count=request.count,
        reference_image_url=request.reference_image_url,
        request_id=request_id,
        created_at=datetime.now(UTC),
    )
    columns = {
        "user_id": request.user_id,
        "product_id": request.product_id,
        "task_id": task.task_id,
        "style_id": request.style_id.value,
        "progress": 0,
    }
    return OrderRequest(
        product=Product.IMAGES,
        channel=CHANNEL,
        owner_id=request.workspace_id,
        user_id=request.user_id,
        session_id=job_id,
        task=task,
        session={name: value for name, value in columns.items() if value is not None},
        price=price,
        answer={"job_id": job_id, "task_id": task.task_id, "count": request.count},
        fingerprint_of=request,
    )
