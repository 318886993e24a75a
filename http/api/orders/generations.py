"""`/generations`: order a try-on, read sessions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar

from falcon.asgi import Request, Response

from api import body
from api.operations import Operation, Scope
from api.orders import cursors
from api.orders import service as orders
from api.orders.examples import B2B, B2C
from api.orders.service import OrderRequest, OrderService
from api.picture_links import PictureLinks
from api.problems import Problem
from providers.records.orders import Orders, SessionRow, StoredPicture
from schemas.common import Product
from schemas.http import GenerationAccepted, GenerationRequest, OwnerQuery, PageQuery, Session, SessionPage, Stats
from schemas.tasks import TryOnTask

#: Credits per try-on.
PRICE_CREDITS = 1


class Generations:
    """The collection of try-on sessions."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Order a try-on: charge one credit, create the session and queue the task.",
            {202: GenerationAccepted},
            scope=Scope.PRODUCE,
            body=GenerationRequest,
            problems=orders.PROBLEMS,
            examples={"A shopper": B2C, "A shop": B2B},
        ),
        "GET": Operation(
            "A page of try-on sessions, newest first.",
            {200: SessionPage},
            scope=Scope.READ,
            query=PageQuery,
            problems=(422, 503),
        ),
    }

    def __init__(self, orders: OrderService, sessions: Orders, pictures: PictureLinks) -> None:
        """Order through `orders`, read from `sessions` and sign links with `pictures`."""
        self._orders, self._sessions, self._pictures = orders, sessions, pictures

    async def on_post(self, req: Request, resp: Response) -> None:
        """Order a try-on."""
        request = await body.read(req, GenerationRequest)
        req.context.principal.must_own(request.owner_id)
        order_request = _order_request(request, req.context.request_id)
        await self._orders.place(req, resp, order_request, self.operations["POST"])

    async def on_get(self, req: Request, resp: Response) -> None:
        """Return a page of sessions."""
        query = body.read_query(req, PageQuery)
        after = cursors.decode(query.cursor) if query.cursor else None
        rows = await self._sessions.page(
            channel=query.wanted_channel,
            owner_id=requested_owner(req, query),
            status=query.status,
            limit=query.limit + 1,
            after=after,
        )
        items, more = rows[: query.limit], len(rows) > query.limit
        cursor = cursors.encode(items[-1].at, items[-1].session_id) if more else None
        sessions = await _with_fresh_links(items, self._pictures)
        page = SessionPage(items=sessions, limit=query.limit, next_cursor=cursor)
        resp.content_type = "application/json"
        resp.data = page.model_dump_json().encode()


class Generation:
    """One try-on session."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("One try-on session.", {200: Session}, scope=Scope.READ, problems=(404, 503))
    }

    def __init__(self, sessions: Orders, pictures: PictureLinks) -> None:
        """Read from `sessions` and sign links with `pictures`."""
        self._sessions, self._pictures = sessions, pictures

    async def on_get(self, req: Request, resp: Response, session_id: str) -> None:
        """Return the session, if the caller may see it."""
        found = None if "\0" in session_id else await self._sessions.find(session_id, req.context.principal.owner)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "session_unknown", "There is no such session.")
        resp.content_type = "application/json"
        (session,) = await _with_fresh_links([found], self._pictures)
        resp.data = session.model_dump_json().encode()


class GenerationStats:
    """Counts of try-on sessions."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "Counts of try-on sessions, by status.",
            {200: Stats},
            scope=Scope.READ,
            query=OwnerQuery,
            problems=(422, 503),
        )
    }

    def __init__(self, sessions: Orders) -> None:
        """Read from `sessions`."""
        self._sessions = sessions

    async def on_get(self, req: Request, resp: Response) -> None:
        """Return the counts."""
        query = body.read_query(req, OwnerQuery)
        stats = await self._sessions.stats(channel=query.wanted_channel, owner_id=requested_owner(req, query))
        resp.content_type = "application/json"
        resp.data = stats.model_dump_json().encode()


def requested_owner(req: Request, query: OwnerQuery) -> str | None:
    """Return the owner whose sessions are read: the query's, or else the token's; None for all owners.

    Raises:
        Problem: 403 `not_your_owner`.
    """
    if query.owner_id is not None:
        req.context.principal.must_own(query.owner_id)
    owner: str | None = query.owner_id or req.context.principal.owner
    return owner


async def _with_fresh_links(rows: Sequence[SessionRow], pictures: PictureLinks) -> tuple[Session, ...]:
    stored = [StoredPicture(path=row.picture_path, url=row.generated_image_url) for row in rows]
    links = await pictures.sign(Product.TRYON, stored)
    return tuple(row.shown(link) for row, link in zip(rows, links, strict=True))


def _order_request(request: GenerationRequest, request_id: str) -> OrderRequest:
    session_id = str(uuid.uuid4())
    task = TryOnTask(
        task_id=str(uuid.uuid4()),
        channel=request.channel,
        user_id=request.user_id,
        store_id=request.store_id,
        session_id=session_id,
        image_urls=request.image_urls,
        prompt=request.prompt,
        request_id=request_id,
        created_at=datetime.now(UTC),
    )
    is_b2c = request.channel == "b2c"
    accessories = [item.model_dump() for item in request.accessories] or None
    columns = {
        "model_image_url": request.model_image_url,
        "outfit_image_url": request.outfit_image_url,
        "prompt_system": request.prompt,
        "credits_used": PRICE_CREDITS,
    } | ({"accessories": accessories} if is_b2c else {"shopper_email": request.shopper_email, "request_id": request_id})
    return OrderRequest(
        product=Product.TRYON,
        channel=request.channel,
        owner_id=request.owner_id,
        user_id=request.user_id,
        session_id=session_id,
        task=task,
        session={name: value for name, value in columns.items() if value is not None},
        price=PRICE_CREDITS,
        answer={"session_id": session_id, "task_id": task.task_id},
        fingerprint_of=request,
    )
