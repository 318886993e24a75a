"""Feedback of shops over HTTP into a real database, and back into the recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from falcon.testing import ASGIConductor, Result

from api.sizing.size_shifts import SizeShifts
from devtools.pictures.synthetic_person import draw_person, jpeg
from providers.pose.fake import FakeEstimator
from providers.pose.pool import PosePool
from providers.records.postgres import PostgresRpc
from providers.records.size_feedback import SizeFeedbackRecords
from schemas.size_feedback import SizeEstimate, SizeOutcome
from tests.in_process import decode
from tests.integration.http.sizing_app import build
from tests.integration.http.test_estimate_body import MAN, upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PHOTO = jpeg(draw_person())


@pytest.fixture
async def rpc(database_url: str) -> AsyncIterator[PostgresRpc]:
    opened = PostgresRpc(database_url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def service(rpc: PostgresRpc) -> AsyncIterator[ASGIConductor]:
    async with ASGIConductor(build(PosePool(FakeEstimator, decode, size=1), rpc=rpc)) as conductor:
        yield conductor


async def report(service: ASGIConductor, **body: Any) -> Result:
    result: Result = await service.simulate_post("/size-feedback", json=body)
    return result


async def test_the_last_outcome_of_an_estimate_is_kept_for_the_shop(service: ASGIConductor, rpc: PostgresRpc) -> None:
    estimate_id = (await upload(service, store_id="shop-once", **MAN)).json["estimate_id"]

    for outcome in ("kept", "too_small", "too_small"):
        assert (await report(service, estimate_id=estimate_id, outcome=outcome)).status_code == 204

    [row] = await SizeFeedbackRecords(rpc).counts("shop-once")
    assert (row.chart, row.kept, row.too_small, row.too_large) == ("men", 0, 1, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"estimate_id": "made-up", "outcome": "kept"}, 422),
        ({"estimate_id": "made-up", "outcome": "ugly"}, 422),
        ({"outcome": "kept"}, 422),
    ],
)
async def test_feedback_on_an_unknown_estimate_is_refused(
    service: ASGIConductor, body: dict[str, Any], status: int
) -> None:
    assert (await report(service, **body)).status_code == status


async def test_enough_returns_shift_the_sizes_of_that_shop_only(rpc: PostgresRpc) -> None:
    records = SizeFeedbackRecords(rpc)
    for number in range(60):
        estimate = SizeEstimate(nonce=f"n{number}", store_id="shop-tight", chart="men", size="M", shift_cm=0)
        await records.add(estimate, SizeOutcome.TOO_SMALL if number % 2 else SizeOutcome.KEPT)
    shifts = SizeShifts(records)
    await shifts.refresh()

    assert shifts.shift_cm("shop-tight", "men", 8) > 2
    assert shifts.shift_cm("shop-tight", "women", 8) == 0
    assert shifts.shift_cm("another-shop", "men", 8) == 0
    assert shifts.shift_cm(None, "men", 8) == 0
    await shifts.aclose()
