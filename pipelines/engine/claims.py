"""Claims of messages: each message of a job is processed once, however often it is delivered."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import redis.asyncio
import redis.exceptions

from schemas import keys
from schemas.errors import Unavailable

_CLAIM = Path(__file__).with_name("claim_message.lua").read_text()


class Claim(StrEnum):
    """Result of claiming a message; only a claimed one may be processed."""

    CLAIMED = "claimed"
    STALE = "stale"
    ENDED = "ended"
    DUPLICATE = "duplicate"


class ClaimsUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "claims_unavailable"


class MessageClaims:
    """Claims of messages, in Redis. They only save work: the database fences payments and outcomes."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Use `client`; the caller closes it."""
        self._client = client
        self._claim = client.register_script(_CLAIM)

    async def claim(
        self, task_id: str, token: int, message_id: str, *, claimant: str, after_end: bool = False
    ) -> Claim:
        """Claim a message for `claimant`; with `after_end` also if its job has ended.

        Claiming again as the same claimant is safe.

        Raises:
            ClaimsUnavailable: Redis is unavailable.
        """
        arguments: list[str | int] = [token, message_id, int(after_end), keys.JOB_TTL_S, claimant]
        try:
            result = await self._claim(keys=[keys.job(task_id)], args=arguments)
        except redis.exceptions.RedisError as error:
            raise ClaimsUnavailable(f"claiming a message: {type(error).__name__}") from error
        return Claim(result.decode())

    async def revoke(self, task_id: str, token: int) -> None:
        """Refuse all further claims of this token, and cancel the job in the worker that runs it.

        Raises:
            ClaimsUnavailable: Redis is unavailable.
        """
        try:
            async with self._client.pipeline() as pipe:
                pipe.hset(keys.job(task_id), "ended", token)
                pipe.expire(keys.job(task_id), keys.JOB_TTL_S)
                pipe.publish(keys.CANCEL_CHANNEL, f"{task_id}:{token}")
                await pipe.execute()
        except redis.exceptions.RedisError as error:
            raise ClaimsUnavailable(f"revoking claims: {type(error).__name__}") from error
