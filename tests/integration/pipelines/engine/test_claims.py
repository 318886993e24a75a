"""Claims on a real Valkey: one message, one worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.engine.claims import Claim, MessageClaims

if TYPE_CHECKING:
    import redis.asyncio


@pytest.fixture
def claims(client: redis.asyncio.Redis) -> MessageClaims:
    return MessageClaims(client)


async def test_a_message_is_claimed_once_and_again_only_by_its_claimant(claims: MessageClaims) -> None:
    assert await claims.claim("t1", 1, "m1", claimant="a") is Claim.CLAIMED
    assert await claims.claim("t1", 1, "m1", claimant="a") is Claim.CLAIMED
    assert await claims.claim("t1", 1, "m1", claimant="b") is Claim.DUPLICATE
    assert await claims.claim("t1", 1, "m2", claimant="b") is Claim.CLAIMED


async def test_an_older_token_claims_nothing(claims: MessageClaims) -> None:
    assert await claims.claim("t1", 2, "m1", claimant="a") is Claim.CLAIMED
    assert await claims.claim("t1", 1, "m2", claimant="a") is Claim.STALE


async def test_an_ended_job_may_only_be_notified(claims: MessageClaims) -> None:
    await claims.revoke("t1", 1)
    assert await claims.claim("t1", 1, "m1", claimant="a") is Claim.ENDED
    assert await claims.claim("t1", 1, "m2", claimant="a", after_end=True) is Claim.CLAIMED
    assert await claims.claim("t1", 2, "m3", claimant="a") is Claim.CLAIMED
