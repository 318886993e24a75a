"""Takes an order: charges it, creates its session, remembers the answer, and pushes its task."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import redis.exceptions
import structlog
from falcon.asgi import Request, Response
from pydantic import BaseModel

from api.addresses import Addresses
from api.middleware.access import Principal
from api.operations import Operation
from api.problems import RETRY_AFTER_S, Problem
from api.signed_urls import EventUrls
from providers.metrics.recorder import Metrics
from providers.producer.producer import AsyncProducer, QueueUnavailable
from providers.records.orders import Order, OrderResult, Orders, Outcome
from providers.served import ServedProducts
from schemas.common import Product
from schemas.tasks import AnyTask

#: The errors that every orders call answers beside the common ones.
PROBLEMS = (402, 413, 422, 503)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
#: When to ask again for a product that is off, seconds: a setting has to be changed first.
RETRY_OFF_S = 60
#: How long the question whether a product is switched off may delay an order, seconds.
SERVED_DEADLINE_S = 0.25
#: What the failed session says.
QUEUE_UNAVAILABLE = "Redis queue unavailable"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a caller asks for.

    Attributes:
        channel: The session's, as in `darkroom_session_tables`.
        owner_id: Whose session it is.
        user_id: Who pays, where that is not the owner.
        task: What is pushed.
        session: Columns of the session's row, in the columns' own words.
        price: Credits.
        answer: What the caller is told, but for the links.
        fingerprint_of: The body; a repeated call must have the same.
        keep_payload: Whether the product has no session of its own.
    """

    product: Product
    channel: str
    owner_id: str
    user_id: str | None
    session_id: str
    task: AnyTask
    session: dict[str, Any]
    price: int
    answer: dict[str, Any]
    fingerprint_of: BaseModel
    keep_payload: bool = False

    @property
    def payer_id(self) -> str:
        """Who pays: a shop for its shoppers, else the user."""
        return self.owner_id if self.channel == "b2b" else self.user_id or self.owner_id


class OrderService:
    """What the orders resources share."""

    def __init__(  # noqa: PLR0913  what an order needs
        self,
        sessions: Orders,
        producer: AsyncProducer,
        served: ServedProducts,
        *,
        event_urls: EventUrls,
        addresses: Addresses,
        metrics: Metrics,
    ) -> None:
        """Create sessions in `sessions`, push through `producer`; links start with one of `addresses`."""
        self._sessions, self._producer, self._served = sessions, producer, served
        self._tickets, self._addresses, self._metrics = event_urls, addresses, metrics

    async def answer(self, req: Request, resp: Response, purchase: OrderRequest, operation: Operation) -> None:
        """Take the order and answer 202, or raise the `Problem`."""
        principal: Principal = req.context.principal
        await self._refuse_what_is_off(purchase.product)
        order = _order(req, principal, purchase)
        # A caller that hangs up must not stop this between the charge and the push.
        answer, replayed = await asyncio.shield(asyncio.ensure_future(self._take(order, purchase)))
        answer |= self._links(req, answer["task_id"])
        model = operation.answers[202]
        assert isinstance(model, type)  # noqa: S101  each of these calls answers with a model
        resp.status = 202
        resp.content_type = "application/json"
        resp.data = model.model_validate(answer).model_dump_json().encode()
        resp.set_header("Location", answer["status_url"])
        if replayed:
            resp.set_header("Idempotency-Replayed", "true")

    async def _refuse_what_is_off(self, product: Product) -> None:
        try:
            async with asyncio.timeout(SERVED_DEADLINE_S):
                served = await self._served.is_served(product)
        except (redis.exceptions.RedisError, TimeoutError):
            return  # the push will find out, and give the credit back
        if not served:
            raise _product_off(product, "no running worker makes this product")

    def _links(self, req: Request, task_id: str) -> dict[str, str]:
        base = self._addresses.base(req)
        return {"status_url": f"{base}/tasks/{task_id}", "events_url": base + self._tickets.events_path(task_id)}

    async def _take(self, order: Order, purchase: OrderRequest) -> tuple[dict[str, Any], bool]:
        ordered = await self._sessions.place_order(order, purchase.session, purchase.price)
        if ordered.outcome is Outcome.CREATED:
            if purchase.price:
                await self._metrics.incr("darkroom_credits_total", {"kind": "charge"}, purchase.price)
            await self._push(purchase.product, purchase.task, order.answer)
            return order.answer, False
        if ordered.outcome is Outcome.REPLAYED and ordered.answer is not None:
            if not ordered.arrived:
                # The first call may have been answered 503 before the database got to charge it.
                task = _as_first_ordered(purchase.task, ordered.answer)
                await self._push(purchase.product, task, ordered.answer)
            return ordered.answer, True
        raise _refusal(ordered, purchase)

    async def _push(self, product: Product, task: AnyTask, answer: dict[str, Any]) -> None:
        try:
            await self._producer.push(product, task)
        except QueueUnavailable as error:
            session_id = answer.get("session_id", answer.get("job_id"))
            log.warning("task_not_pushed", task_id=task.task_id, session_id=session_id, error=str(error))
            if await self._sessions.cancel_order(task.task_id, QUEUE_UNAVAILABLE):
                if price := answer.get("credits_used"):
                    await self._metrics.incr("darkroom_credits_total", {"kind": "refund"}, price)
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "queue_unavailable",
                    "Generation service temporarily unavailable",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                ) from error


def _as_first_ordered(task: AnyTask, answer: dict[str, Any]) -> AnyTask:
    """Return the task of a repeated call, whose body is the same, with the ids that the first call was given."""
    return task.model_copy(update={name: answer[name] for name in type(task).model_fields if name in answer})


def _order(req: Request, principal: Principal, purchase: OrderRequest) -> Order:
    text = f"{purchase.product}\n{purchase.fingerprint_of.model_dump_json()}"
    return Order(
        task_id=purchase.task.task_id,
        client=principal.name,
        idempotency_key=_key(req),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        product=purchase.product,
        channel=purchase.channel,
        session_id=purchase.session_id,
        owner_id=purchase.owner_id,
        user_id=purchase.user_id,
        request_id=req.context.request_id,
        payload=purchase.task.model_dump(mode="json", exclude_none=True) if purchase.keep_payload else None,
        # Links expire and are signed anew for each answer.
        answer=purchase.answer | {"credits_used": purchase.price, "request_id": req.context.request_id},
    )


def _refusal(result: OrderResult, purchase: OrderRequest) -> Problem:
    if result.outcome is Outcome.NO_CREDITS:
        price, balance = purchase.price, result.balance
        detail = f"Not enough credits: this costs {price}. {_remedy(result, purchase)}"
        return Problem(HTTPStatus.PAYMENT_REQUIRED, "no_credits", detail, balance=balance, price=price)
    if result.outcome is Outcome.PRODUCT_OFF:
        return _product_off(purchase.product, "the database has no tables of this product")
    if result.outcome is Outcome.UNKNOWN_ID:
        detail = "An id in this request does not exist."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_id", detail)
    detail = "This Idempotency-Key was used for another request."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)


def _remedy(result: OrderResult, purchase: OrderRequest) -> str:
    if result.payer == "shopper":
        if "shopper_email" not in purchase.session:
            return "This store's shoppers pay; name the shopper in `shopper_email`."
        return f"The shopper's balance is {result.balance}; the store sells credits to its shoppers."
    store = " --store" if result.payer == "store" else ""
    command = f"python manage.py credits add {purchase.payer_id} {purchase.price}{store}"
    return f"The balance is {result.balance}; operators add credits with `{command}`."


def _product_off(product: Product, reason: str) -> Problem:
    log.warning("order_refused", product=product.value, reason=reason)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "product_off",
        "This product is switched off at the moment. Nothing was charged.",
        headers={"Retry-After": str(RETRY_OFF_S)},
    )


def _key(req: Request) -> str | None:
    key = req.get_header("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
        raise Problem(HTTPStatus.BAD_REQUEST, "idempotency_key_invalid", detail)
    return key
