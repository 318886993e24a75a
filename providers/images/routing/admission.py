"""The admission before each provider, shared by all workers through Redis: pace, places, circuit and budgets.

Keys, for a provider `{p}`; all times are the server's, in milliseconds:
    `darkroom:provider:{p}:starts`: sorted set, call → when it starts. What starts within any 60 s is at most the rate;
        a call that must wait has its place in the future. Expires a minute after the last.
    `darkroom:provider:{p}:calls`: sorted set, call → end of its lease, renewed while it runs: the places of a killed
        worker come back after `LEASE_S`. Expires an hour after the last call.
    `darkroom:provider:{p}:paused`: set while the provider wants silence (Retry-After); its time to live is the wait.
    `darkroom:provider:{p}:circuit`: hash of `failures` in a row, `until` (open until then, then half-open) and `probe`
        (end of the lease of the one call that may try). Gone with a success, or `FORGET_S` after the last failure.
    `darkroom:spent:{day}:provider:{p}`, `darkroom:spent:{day}:owner:{owner}`: millionths of a US dollar of that UTC
        day, reserved before a call and corrected after it. Expire after two days.

Without Redis nothing is let through: a limit that can't be looked up is not exceeded.
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

from providers.images.routing.admission_scripts import ENTER, LEAVE, RENEW, SHUT
from schemas.common import Frozen
from schemas.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis.asyncio import Redis

    from providers.images.routing.limits import Limits

LEASE_S = 30.0
#: Failures in a row that open the circuit, how long it stays open, and how long failures count.
FAILURES_TO_OPEN = 5
OPEN_S = 30.0
FORGET_S = 300.0
#: Longer silence than the contract's longest wait after a 429 is not kept.
PAUSE_MOST_S = 120.0
_DAY_S = 86_400
_MICRO = 1_000_000

_log = structlog.get_logger(__name__)


class AdmissionVerdict(StrEnum):
    """What the admission says."""

    ADMITTED = "admitted"
    PACED = "paced"
    FULL = "full"
    PAUSED = "paused"
    OPEN = "open"
    PROVIDER_BUDGET = "provider_budget"
    OWNER_BUDGET = "owner_budget"


class ProviderHealth(StrEnum):
    """What a call showed about its provider."""

    UP = "up"
    DOWN = "down"
    #: No call can succeed until the settings change: opens the circuit at once.
    GONE = "gone"
    UNKNOWN = "unknown"


class Admission(Frozen):
    """The answer.

    Attributes:
        wait_s: Seconds before the call may begin if it is admitted, else before it makes sense to ask again.
        day: The day whose budgets hold the reservation.
    """

    verdict: AdmissionVerdict
    wait_s: float
    day: str


class AdmissionControl:
    """Lets calls through, and keeps the places of those that run."""

    def __init__(self, client: Redis, *, lease_s: float = LEASE_S, open_s: float = OPEN_S) -> None:
        """Use `client`, which stays its owner's to close; `lease_s` and `open_s` are shorter in tests only."""
        self._redis: Any = client
        self._lease_ms, self._open_ms = round(lease_s * 1000), round(open_s * 1000)
        self._enter, self._leave = client.register_script(ENTER), client.register_script(LEAVE)
        self._renew, self._shut = client.register_script(RENEW), client.register_script(SHUT)
        self._held: dict[str, str] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._turns: deque[asyncio.Event] = deque()

    async def enter(  # noqa: PLR0913 - one value for each thing that is looked at
        self, call: str, provider: str, owner: str, *, limits: Limits, owner_daily_usd: float | None,
        estimate_usd: float, max_wait_s: float,
    ) -> Admission:  # fmt: skip
        """Ask to begin a call that costs about `estimate_usd`; it is admitted if it need not wait longer than allowed.

        Raises:
            Unavailable: Redis can't be reached.
        """
        arguments: list[str | int] = [
            call, limits.rpm or 0, limits.concurrency or 0, round(max_wait_s * 1000), self._lease_ms,
            _micro(estimate_usd), _micro(limits.daily_usd), _micro(owner_daily_usd), 2 * _DAY_S,
        ]  # fmt: skip
        day = time.strftime("%Y-%m-%d", time.gmtime())
        with _unavailable():
            verdict, wait_ms = await self._enter(keys=_keys(provider, owner, day), args=arguments)
        entry = Admission(verdict=AdmissionVerdict(_text(verdict)), wait_s=int(wait_ms) / 1000, day=day)
        if entry.verdict is AdmissionVerdict.ADMITTED:
            self._hold(call, provider)
        return entry

    @property
    def queueing(self) -> int:
        """How many calls of this process wait for their turn."""
        return len(self._turns)

    async def turn(self, wait_s: float) -> None:
        """Wait for another call of this process to leave, at most `wait_s` seconds; first come, first served."""
        turn = asyncio.Event()
        self._turns.append(turn)
        try:
            async with asyncio.timeout(wait_s):
                await turn.wait()
        except TimeoutError:
            # Calls of other processes may have left meanwhile, so it is time to ask.
            if not turn.is_set():
                self._turns.remove(turn)
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    async def was_shut(self, provider: str) -> bool:
        """Whether the provider asked for silence, or its circuit opened, since a call was admitted.

        Raises:
            Unavailable: Redis can't be reached.
        """
        with _unavailable():
            return bool(
                await self._shut(keys=[f"darkroom:provider:{provider}:{part}" for part in ("paused", "circuit")])
            )

    async def leave(  # noqa: PLR0913 - the same
        self, call: str, provider: str, owner: str, *, day: str, health: ProviderHealth, correction_usd: float = 0.0,
        pause_s: float = 0.0, begun: bool = True,
    ) -> None:  # fmt: skip
        """Give the place back and note what was learnt; a call that was not `begun` gives back its start as well.

        A Redis that is away is only logged: what the call made is worth more, and leases and days end by themselves.
        """
        self._held.pop(call, None)
        pause_ms = round(min(pause_s, PAUSE_MOST_S) * 1000)
        arguments: list[str | int] = [
            call, health, round(correction_usd * _MICRO), pause_ms, int(begun),
            FAILURES_TO_OPEN, self._open_ms, round(FORGET_S * 1000), 2 * _DAY_S,
        ]  # fmt: skip
        try:
            await self._leave(keys=_keys(provider, owner, day), args=arguments)
        except (RedisError, OSError) as error:
            _log.warning("gate_leave_failed", provider=provider, error=type(error).__name__)
        finally:
            self._next_turn()

    def in_flight(self) -> dict[str, int]:
        """Calls of this process that hold a place, by provider."""
        return dict(Counter(self._held.values()))

    async def aclose(self) -> None:
        """Stop renewing."""
        if self._renewal:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal

    def _give_up(self, turn: asyncio.Event) -> None:
        """Leave the queue; a turn that was given already goes to the next."""
        if turn.is_set():
            self._next_turn()
        else:
            self._turns.remove(turn)

    def _next_turn(self) -> None:
        if self._turns:
            self._turns.popleft().set()

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
                    _log.warning("gate_renewal_failed", provider=provider, error=type(error).__name__)


def seconds_until_tomorrow() -> float:
    """When the budgets of the next UTC day begin."""
    return _DAY_S - time.time() % _DAY_S


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(f"the admission's Redis failed: {type(error).__name__}", code="gate_unavailable") from error


def _keys(provider: str, owner: str, day: str) -> list[str]:
    ours = [f"darkroom:provider:{provider}:{part}" for part in ("starts", "calls", "paused", "circuit")]
    return [*ours, f"darkroom:spent:{day}:provider:{provider}", f"darkroom:spent:{day}:owner:{owner}"]


def _micro(usd: float | None) -> int:
    """Millionths of a dollar; -1 for no limit."""
    return -1 if usd is None else round(usd * _MICRO)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
