"""Sliding windows in Redis, which all processes of the API count in together.

One script reads, judges and counts, so that no two processes admit the same request. Redis is a
help and no truth: if it does not answer within `ANSWER_S`, nobody waits for it for `AWAY_S`, and
each process goes on with its own counts. A key lives as long as its newest request counts.
"""

import logging
from collections.abc import Callable
from time import monotonic

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from api.rate_limits import SLOTS, Rate, RateClass, Taken
from contracts.evm import Timestamp

ANSWER_S = 0.2
AWAY_S = 1.0
_CONNECTIONS_MAX = 32
_log = logging.getLogger(__name__)

_TAKE = """
local counts = redis.call('HGETALL', KEYS[1])
local slot, slots, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used, oldest = 0, slot
for at = 1, #counts, 2 do
    local counted = tonumber(counts[at])
    if counted < slot - slots then
        redis.call('HDEL', KEYS[1], counts[at])
    else
        used = used + tonumber(counts[at + 1])
        if counted < oldest then oldest = counted end
    end
end
if used >= limit then return {0, used, oldest} end
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {1, used + 1, oldest}
"""


class RedisWindows:
    """Windows behind one URL; satisfies `rate_limits.SharedWindows`."""

    def __init__(self, url: str, *, clock: Callable[[], float] = monotonic) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=_CONNECTIONS_MAX,
        )
        self._script = self._redis.register_script(_TAKE)
        self._clock = clock
        self._away_until: float | None = None

    async def take(
        self, rate_class: RateClass, rate: Rate, client: str, now: Timestamp
    ) -> Taken | None:
        """Count a request if it is within the rate; None where Redis does not answer."""
        if self._away_until is not None and self._clock() < self._away_until:
            return None
        slot = now // rate.slot_s
        try:
            admitted, used, oldest = await self._script(
                keys=[f"quittance:rate:{rate_class}:{client}"],
                args=[slot, SLOTS, rate.limit, rate.window_s + rate.slot_s],
            )
        except (RedisError, OSError, TimeoutError) as error:
            self._went_away(type(error).__name__)
            return None
        if self._away_until is not None:
            self._away_until = None
            _log.info("shared rate limits are back")
        forgotten_at = (oldest + SLOTS + 1) * rate.slot_s
        return Taken(bool(admitted), max(0, rate.limit - used), forgotten_at - now)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _went_away(self, cause: str) -> None:
        if self._away_until is None:
            _log.warning("shared rate limits are away", extra={"cause": cause})
        self._away_until = self._clock() + AWAY_S
