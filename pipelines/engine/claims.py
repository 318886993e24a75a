"""Each message of a job is worked on once, whoever delivers it how often."""

from __future__ import annotations

from enum import StrEnum

import redis.asyncio
import redis.exceptions

from schemas import keys
from schemas.errors import Unavailable

# A message may be claimed once; whoever has it may say so again, since the reply may have been lost. An older token
# than the newest one seen, or one whose job was ended, may not at all.
_CLAIM = """
local seen = redis.call('HMGET', KEYS[1], 'token', 'ended')
local token = tonumber(ARGV[1])
if token < tonumber(seen[1] or '0') then return 'stale' end
if ARGV[3] == '0' and token <= tonumber(seen[2] or '-1') then return 'ended' end
local claimed = 'claimed:' .. ARGV[2]
if redis.call('HSETNX', KEYS[1], claimed, ARGV[5]) == 0 and redis.call('HGET', KEYS[1], claimed) ~= ARGV[5] then
  return 'duplicate'
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 'claimed'
"""


class Claim(StrEnum):
    """Whether a message may be worked on."""

    CLAIMED = "claimed"
    STALE = "stale"
    ENDED = "ended"
    DUPLICATE = "duplicate"


class ClaimsUnavailable(Unavailable):
    """The service is temporarily unavailable. Please try again later."""

    code = "claims_unavailable"


class MessageClaims:
    """Claims of messages, in Redis. The database fences what costs money or settles; this saves the work."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        """Use `client`, which stays its owner's to close."""
        self._client = client
        self._claim = client.register_script(_CLAIM)

    async def claim(
        self, task_id: str, token: int, message_id: str, *, claimant: str, after_end: bool = False
    ) -> Claim:
        """Claim a message. `after_end`: also for a job that has ended.

        Claiming again as the same `claimant` is safe.

        Raises:
            ClaimsUnavailable: Redis can't be reached.
        """
        arguments: list[str | int] = [token, message_id, int(after_end), keys.JOB_TTL_S, claimant]
        try:
            found = await self._claim(keys=[keys.job(task_id)], args=arguments)
        except redis.exceptions.RedisError as error:
            raise ClaimsUnavailable(f"claiming a message: {type(error).__name__}") from error
        return Claim(found.decode())

    async def end(self, task_id: str, token: int) -> None:
        """Let nobody claim work for this token any more, and stop whoever works on it now.

        Raises:
            ClaimsUnavailable: Redis can't be reached.
        """
        try:
            async with self._client.pipeline() as pipe:
                pipe.hset(keys.job(task_id), "ended", token)
                pipe.expire(keys.job(task_id), keys.JOB_TTL_S)
                pipe.publish(keys.CANCEL_CHANNEL, f"{task_id}:{token}")
                await pipe.execute()
        except redis.exceptions.RedisError as error:
            raise ClaimsUnavailable(f"ending claims: {type(error).__name__}") from error
