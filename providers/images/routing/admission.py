"""Admission control per provider, shared by all workers through Redis: rate, concurrency, circuit breaker and budgets.

Keys, for a provider `{p}`; times are those of the Redis server, milliseconds:
    `darkroom:provider:{p}:starts`: sorted set, call → start time. At most the rate limit falls into any 60 s; the start
        of a call that must wait is in the future. Expires a minute after the last start.
    `darkroom:provider:{p}:calls`: sorted set, call → end of its slot's lease, renewed while the call runs: the slots of
        a killed worker are free again after `LEASE_S`. Expires an hour after the last call.
    `darkroom:provider:{p}:paused`: exists for the wait that the provider asked for (Retry-After).
    `darkroom:provider:{p}:circuit`: hash of consecutive `failures`, `until` (end of the open state, then half-open) and
        `probe` (end of the lease of the single call admitted while half-open). Deleted by a success, or `FORGET_S`
        after the last failure.
    `darkroom:spent:{day}:provider:{p}`, `darkroom:spent:{day}:owner:{owner}`: US dollars of that UTC day in millionths,
        reserved before a call and corrected after it. Expire after two days.

While Redis is unavailable no call is admitted, so that no limit is exceeded.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from redis.exceptions import RedisError

from providers.images.routing.admission_scripts import ACQUIRE, IS_BLOCKED, RELEASE, RENEW
from schemas.common import Frozen
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

    from providers.images.routing.limits import Limits

LEASE_S = 30.0
#: Consecutive failures that open the circuit, the time it stays open, and the time failures count, seconds.
FAILURES_TO_OPEN = 5
OPEN_S = 30.0
FORGET_S = 300.0
#: Upper bound of a pause, seconds: the contract's longest wait after a 429.
MAX_PAUSE_S = 120.0
_DAY_S = 86_400
_MICRO = 1_000_000

_log = structlog.get_logger(__name__)


class AdmissionVerdict(StrEnum):
    """Answer to a request for admission."""

    ADMITTED = "admitted"
    PACED = "paced"
    FULL = "full"
    PAUSED = "paused"
    OPEN = "open"
    PROVIDER_BUDGET = "provider_budget"
    OWNER_BUDGET = "owner_budget"


class ProviderHealth(StrEnum):
    """Health of a provider as shown by one call."""

    UP = "up"
    DOWN = "down"
    #: No call can succeed before a setting changes; opens the circuit at once.
    GONE = "gone"
    UNKNOWN = "unknown"


class Admission(Frozen):
    """An answer to a request for admission.

    Attributes:
        wait_s: Seconds until the call may start if it is admitted, else until the next request makes sense.
        day: UTC day whose budgets hold the reservation.
    """

    verdict: AdmissionVerdict
    wait_s: float
    day: str


class AdmissionControl:
    """Admits calls to providers and renews the slots of running calls."""

    def __init__(self, client: Redis, *, lease_s: float = LEASE_S, open_s: float = OPEN_S) -> None:
        """Use `client`, which the caller closes; tests shorten `lease_s` and `open_s`."""
        self._redis: Any = client
        self._lease_ms, self._open_ms = round(lease_s * 1000), round(open_s * 1000)
        self._acquire, self._release = client.register_script(ACQUIRE), client.register_script(RELEASE)
        self._renew, self._is_blocked = client.register_script(RENEW), client.register_script(IS_BLOCKED)
        self._held: dict[str, str] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._waiters: deque[asyncio.Event] = deque()

    async def acquire(  # noqa: PLR0913 - one value for each limit that is checked
        self, call: str, provider: str, owner: str, *, limits: Limits, owner_daily_usd: float | None,
        estimate_usd: float, max_wait_s: float,
    ) -> Admission:  # fmt: skip
        """Request admission for a call that costs about `estimate_usd` and may wait at most `max_wait_s` for its start.

        Raises:
            Unavailable: Redis can't be reached.
        """
        arguments: list[str | int] = [
            call, limits.rpm or 0, limits.concurrency or 0, round(max_wait_s * 1000), self._lease_ms,
            _micro(estimate_usd), _micro(limits.daily_usd), _micro(owner_daily_usd), 2 * _DAY_S,
        ]  # fmt: skip
        day = time.strftime("%Y-%m-%d", time.gmtime())
        with _redis_errors_as_unavailable():
            verdict, wait_ms = await self._acquire(keys=_keys(provider, owner, day), args=arguments)
        admission = Admission(verdict=AdmissionVerdict(_text(verdict)), wait_s=int(wait_ms) / 1000, day=day)
        if admission.verdict is AdmissionVerdict.ADMITTED:
            self._hold(call, provider)
        return admission

    @property
    def waiting(self) -> int:
        """Number of calls of this process in `wait_turn`."""
        return len(self._waiters)

    async def wait_turn(self, wait_s: float) -> None:
        """Wait for another call of this process to be released, at most `wait_s` seconds; first come, first served."""
        turn = asyncio.Event()
        self._waiters.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn.wait()
        except TimeoutError:
            # Calls of other processes may have been released meanwhile, so the caller asks again.
            if not turn.is_set():
                self._waiters.remove(turn)
        except asyncio.CancelledError:
            self._cancel_turn(turn)
            raise

    async def is_blocked(self, provider: str) -> bool:
        """Return whether the provider is paused or its circuit is open, which may have changed since the admission.

        Raises:
            Unavailable: Redis can't be reached.
        """
        with _redis_errors_as_unavailable():
            return bool(
                await self._is_blocked(keys=[f"darkroom:provider:{provider}:{part}" for part in ("paused", "circuit")])
            )

    async def release(  # noqa: PLR0913 - one value for each fact about the call
        self, call: str, provider: str, owner: str, *, day: str, health: ProviderHealth, correction_usd: float = 0.0,
        pause_s: float = 0.0, begun: bool = True,
    ) -> None:  # fmt: skip
        """Release the call's slot and record its cost and the provider's health.

        A call that was not `begun` releases its start as well. An error of Redis is only logged: the picture is worth
        more, and leases and budgets expire by themselves.
        """
        self._held.pop(call, None)
        pause_ms = round(min(pause_s, MAX_PAUSE_S) * 1000)
        arguments: list[str | int] = [
            call, health, round(correction_usd * _MICRO), pause_ms, int(begun),
            FAILURES_TO_OPEN, self._open_ms, round(FORGET_S * 1000), 2 * _DAY_S,
        ]  # fmt: skip
        try:
            await self._release(keys=_keys(provider, owner, day), args=arguments)
        except (RedisError, OSError) as error:
            _log.warning("admission_release_failed", provider=provider, error=type(error).__name__)
        finally:
            self._next_turn()

    def in_flight(self) -> dict[str, int]:
        """Return the number of running calls of this process, by provider."""
        return dict(Counter(self._held.values()))

    async def aclose(self) -> None:
        """Stop renewing slots."""
        if self._renewal:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal

    def _cancel_turn(self, turn: asyncio.Event) -> None:
        """Leave the queue, and pass a turn that was already given to the next waiter."""
        if turn.is_set():
            self._next_turn()
        else:
            self._waiters.remove(turn)

    def _next_turn(self) -> None:
        if self._waiters:
            self._waiters.popleft().set()

    def _hold(self, call: str, provider: str) -> None:
        self._held[call] = provider
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.get_running_loop().create_task(self._renew_held())

    async def _renew_held(self) -> None:
        while self._held:
            await asyncio.sleep(self._lease_ms / 3000)
            by_provider: dict[str, list[str]] = {}
            for call, provider in self._held.items():
                by_provider.setdefault(provider, []).append(call)
            for provider, calls in by_provider.items():
                try:
                    await self._renew(keys=[f"darkroom:provider:{provider}:calls"], args=[self._lease_ms, *calls])
                except (RedisError, OSError) as error:
                    _log.warning("admission_renewal_failed", provider=provider, error=type(error).__name__)


def seconds_until_tomorrow() -> float:
    """Return the seconds until the next UTC day, when budgets start anew."""
    return _DAY_S - time.time() % _DAY_S


@contextlib.contextmanager
def _redis_errors_as_unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(
            f"Redis failed during admission control: {type(error).__name__}", code="admission_unavailable"
        ) from error


def _keys(provider: str, owner: str, day: str) -> list[str]:
    own = [f"darkroom:provider:{provider}:{part}" for part in ("starts", "calls", "paused", "circuit")]
    return [*own, f"darkroom:spent:{day}:provider:{provider}", f"darkroom:spent:{day}:owner:{owner}"]


def _micro(usd: float | None) -> int:
    """Return millionths of a US dollar; -1 for no limit."""
    return -1 if usd is None else round(usd * _MICRO)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
