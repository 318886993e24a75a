"""`/generations`: order a try-on, read sessions."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
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

PRICE_CREDITS = 1


class Generations:
    """The collection."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "POST": Operation(
            "Order a try-on: one credit is taken, the session is created, the task is queued.",
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
        """Order through `orders`, read from `sessions`; links to `pictures` are signed for each answer."""
        self._producing, self._sessions, self._pictures = orders, sessions, pictures

    async def on_post(self, req: Request, resp: Response) -> None:
        """Order a try-on."""
        asked = await body.read(req, GenerationRequest)
        req.context.principal.must_own(asked.owner_id)
        purchase = _purchase(asked, req.context.request_id)
        await self._producing.answer(req, resp, purchase, self.operations["POST"])

    async def on_get(self, req: Request, resp: Response) -> None:
        """A page."""
        query = body.read_query(req, PageQuery)
        after = cursors.decode(query.cursor) if query.cursor else None
        rows = await self._sessions.page(
            channel=query.wanted_channel,
            owner_id=owner_of(req, query),
            status=query.status,
            limit=query.limit + 1,
            after=after,
        )
        items, more = rows[: query.limit], len(rows) > query.limit
        cursor = cursors.encode(items[-1].at, items[-1].session_id) if more else None
        sessions = await asyncio.gather(*(_shown(row, self._pictures) for row in items))
        page = SessionPage(items=tuple(sessions), limit=query.limit, next_cursor=cursor)
        resp.content_type = "application/json"
        resp.data = page.model_dump_json().encode()


class Generation:
    """One session."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("One try-on session.", {200: Session}, scope=Scope.READ, problems=(404, 503))
    }

    def __init__(self, sessions: Orders, pictures: PictureLinks) -> None:
        """Read from `sessions`; links to `pictures` are signed for each answer."""
        self._sessions, self._pictures = sessions, pictures

    async def on_get(self, req: Request, resp: Response, session_id: str) -> None:
        """The session, if the caller may see it."""
        found = None if "\0" in session_id else await self._sessions.find(session_id, req.context.principal.owner)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "session_unknown", "There is no such session.")
        resp.content_type = "application/json"
        session = await _shown(found, self._pictures)
        resp.data = session.model_dump_json().encode()


class GenerationStats:
    """How many sessions there are."""

    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation(
            "How many try-on sessions there are, by what became of them.",
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
        """The counts."""
        query = body.read_query(req, OwnerQuery)
        stats = await self._sessions.stats(channel=query.wanted_channel, owner_id=owner_of(req, query))
        resp.content_type = "application/json"
        resp.data = stats.model_dump_json().encode()


def owner_of(req: Request, query: OwnerQuery) -> str | None:
    """Whose sessions are read: those asked for, else those of the token's owner."""
    if query.owner_id is not None:
        req.context.principal.must_own(query.owner_id)
    owner: str | None = query.owner_id or req.context.principal.owner
    return owner


async def _shown(row: SessionRow, pictures: PictureLinks) -> Session:
    picture = StoredPicture(path=row.picture_path, url=row.generated_image_url)
    return row.shown(await pictures.sign(Product.TRYON, picture))


def _purchase(asked: GenerationRequest, request_id: str) -> OrderRequest:
    session_id = str(uuid.uuid4())
    task = TryOnTask(
        task_id=str(uuid.uuid4()),
        channel=asked.channel,
        user_id=asked.user_id,
        store_id=asked.store_id,
        session_id=session_id,
        image_urls=asked.image_urls,
        prompt=asked.prompt,
        request_id=request_id,
        created_at=datetime.now(UTC),
    )
    shopper = asked.channel == "b2c"
    accessories = [item.model_dump() for item in asked.accessories] or None
    columns = {
        "model_image_url": asked.model_image_url,
        "outfit_image_url": asked.outfit_image_url,
        "prompt_system": asked.prompt,
        "credits_used": PRICE_CREDITS,
    } | ({"accessories": accessories} if shopper else {"shopper_email": asked.shopper_email, "request_id": request_id})
    return OrderRequest(
        product=Product.TRYON,
        channel=asked.channel,
        owner_id=asked.owner_id,
        user_id=asked.user_id,
        session_id=session_id,
        task=task,
        session={name: value for name, value in columns.items() if value is not None},
        price=PRICE_CREDITS,
        answer={"session_id": session_id, "task_id": task.task_id},
        fingerprint_of=asked,
    )
