"""Places an order: charges it, creates its session, stores the answer and pushes its task."""

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
from schemas.http import Fault
from schemas.tasks import AnyTask

#: Statuses of errors of every order, besides the common ones.
PROBLEMS = (402, 413, 422, 503)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
#: Retry-After for a product that is switched off, in seconds: an operator has to change a setting.
RETRY_OFF_S = 60
#: Deadline of the check whether a product is switched off, in seconds.
SERVED_DEADLINE_S = 0.25
#: Error message of the failed session.
QUEUE_UNAVAILABLE = "Redis queue unavailable"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order before it is placed.

    Attributes:
        channel: Channel of the session, as in `darkroom_session_tables`.
        owner_id: Owner of the session.
        user_id: The user who pays, if it is not the owner.
        task: The task to push.
        session: Columns of the session row.
        price: Credits.
        answer: Body of the response, without links.
        fingerprint_of: Body of the request; a repeated call must have an equal one.
        keep_payload: Whether to store the payload, for a product without a session table.
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
        """Return the id of the payer: the store for `b2b`, else the user."""
        return self.owner_id if self.channel == "b2b" else self.user_id or self.owner_id


class OrderService:
    """Places orders for the resources of all products."""

    def __init__(  # noqa: PLR0913  the services that an order needs
        self,
        sessions: Orders,
        producer: AsyncProducer,
        served: ServedProducts,
        *,
        event_urls: EventUrls,
        addresses: Addresses,
        metrics: Metrics,
    ) -> None:
        """Place orders.

        Args:
            sessions: Charges orders and creates their sessions.
            producer: Pushes tasks.
            served: Products that the running workers make.
            event_urls: Signs the links to events.
            addresses: Chooses the base URL of links.
            metrics: Counts the charges.
        """
        self._sessions, self._producer, self._served = sessions, producer, served
        self._event_urls, self._addresses, self._metrics = event_urls, addresses, metrics

    async def place(self, req: Request, resp: Response, order_request: OrderRequest, operation: Operation) -> None:
        """Place the order and answer 202.

        Raises:
            Problem: 402, 422 or 503; a charge is refunded.
        """
        principal: Principal = req.context.principal
        await self._refuse_if_switched_off(order_request.product)
        order = _order(req, principal, order_request)
        # A client that disconnects must not cancel this between the charge and the push.
        answer, replayed = await asyncio.shield(asyncio.ensure_future(self._charge_and_push(order, order_request)))
        answer |= self._links(req, answer["task_id"])
        model = operation.answers[202]
        assert isinstance(model, type)  # noqa: S101  the 202 of every order has a model
        resp.status = 202
        resp.content_type = "application/json"
        resp.data = model.model_validate(answer).model_dump_json().encode()
        resp.set_header("Location", answer["status_url"])
        if replayed:
            resp.set_header("Idempotency-Replayed", "true")

    async def _refuse_if_switched_off(self, product: Product) -> None:
        try:
            async with asyncio.timeout(SERVED_DEADLINE_S):
                served = await self._served.is_served(product)
        except (redis.exceptions.RedisError, TimeoutError):
            return  # the push will fail as well, and refund the charge
        if not served:
            raise _product_off(product, "no running worker makes this product")

    def _links(self, req: Request, task_id: str) -> dict[str, str]:
        base = self._addresses.base(req)
        return {"status_url": f"{base}/tasks/{task_id}", "events_url": base + self._event_urls.events_path(task_id)}

    async def _charge_and_push(self, order: Order, order_request: OrderRequest) -> tuple[dict[str, Any], bool]:
        result = await self._sessions.place_order(order, order_request.session, order_request.price)
        if result.outcome is Outcome.CREATED:
            if order_request.price:
                await self._metrics.incr("darkroom_credits_total", {"kind": "charge"}, order_request.price)
            await self._push(order_request.product, order_request.task, order.answer)
            return order.answer, False
        if result.outcome is Outcome.REPLAYED and result.answer is not None:
            if not result.arrived:
                # The first call may have been answered 503 before the database charged it.
                task = _with_first_ids(order_request.task, result.answer)
                await self._push(order_request.product, task, result.answer)
            return result.answer, True
        raise _refusal(result, order_request)

    async def _push(self, product: Product, task: AnyTask, answer: dict[str, Any]) -> None:
        try:
            await self._producer.push(product, task)
        except QueueUnavailable as error:
            session_id = answer.get("session_id", answer.get("job_id"))
            log.warning("task_not_pushed", task_id=task.task_id, session_id=session_id, error=str(error))
            cancelled = await self._sessions.cancel_order(task.task_id, QUEUE_UNAVAILABLE)
            if cancelled.ended:
                if cancelled.refunded:
                    await self._metrics.incr("darkroom_credits_total", {"kind": "refund"}, cancelled.refunded)
                raise Problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "queue_unavailable",
                    "Generation service temporarily unavailable",
                    headers={"Retry-After": str(RETRY_AFTER_S)},
                ) from error


def _with_first_ids(task: AnyTask, answer: dict[str, Any]) -> AnyTask:
    """Return the task of a repeated call with the ids of the first call's answer."""
    return task.model_copy(update={name: answer[name] for name in type(task).model_fields if name in answer})


def _order(req: Request, principal: Principal, order_request: OrderRequest) -> Order:
    text = f"{order_request.product}\n{order_request.fingerprint_of.model_dump_json()}"
    return Order(
        task_id=order_request.task.task_id,
        client=principal.name,
        idempotency_key=_idempotency_key(req),
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        product=order_request.product,
        channel=order_request.channel,
        session_id=order_request.session_id,
        owner_id=order_request.owner_id,
        user_id=order_request.user_id,
        request_id=req.context.request_id,
        payload=order_request.task.model_dump(mode="json", exclude_none=True) if order_request.keep_payload else None,
        # Links expire, so each response gets new ones.
        answer=order_request.answer | {"credits_used": order_request.price, "request_id": req.context.request_id},
    )


def _refusal(result: OrderResult, order_request: OrderRequest) -> Problem:
    shopper_pays = result.outcome is Outcome.NO_CREDITS and result.payer == "shopper"
    if shopper_pays and not order_request.session.get("shopper_email"):
        detail = "This store's shoppers pay: name the shopper in `shopper_email`."
        errors = (Fault(pointer="#/shopper_email", detail="Field required", code="missing"),)
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=errors)
    if result.outcome is Outcome.NO_CREDITS:
        price, balance = order_request.price, result.balance
        detail = f"Not enough credits: this costs {price}. {_remedy(result, order_request)}"
        return Problem(HTTPStatus.PAYMENT_REQUIRED, "no_credits", detail, balance=balance, price=price)
    if result.outcome is Outcome.PRODUCT_OFF:
        return _product_off(order_request.product, "the database has no tables of this product")
    if result.outcome is Outcome.UNKNOWN_ID:
        detail = "An id in this request does not exist."
        return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown_id", detail)
    detail = "This Idempotency-Key was used for another request."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)


def _remedy(result: OrderResult, order_request: OrderRequest) -> str:
    if result.payer == "shopper":
        return f"The shopper's balance is {result.balance}; the store sells credits to its shoppers."
    store = " --store" if result.payer == "store" else ""
    command = f"python manage.py credits add {order_request.payer_id} {order_request.price}{store}"
    return f"The balance is {result.balance}; operators add credits with `{command}`."


def _product_off(product: Product, reason: str) -> Problem:
    log.warning("order_refused", product=product.value, reason=reason)
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "product_off",
        "This product is switched off at the moment. Nothing was charged.",
        headers={"Retry-After": str(RETRY_OFF_S)},
    )


def _idempotency_key(req: Request) -> str | None:
    key = req.get_header("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "An Idempotency-Key has 1 to 255 visible ASCII characters."
        raise Problem(HTTPStatus.BAD_REQUEST, "idempotency_key_invalid", detail)
    return key
