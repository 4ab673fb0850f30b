"""Several endpoints of one chain: whom to ask, whom to ask next, and how each has served.

A question goes to the endpoint in use, and on failure to the others, each at most once. Not every
failure is one of the endpoint: what a provider says about the size of a question is raised to the
caller, which asks for fewer blocks. So the smallest cap among the endpoints that are asked holds
for the range, and not for longer than that endpoint is asked. A question about a single block
cannot be made smaller, and goes on to the next endpoint whatever the words are.

No endpoint is believed before it has named the configured chain.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from contracts.evm import BlockNumber, ChainId
from indexer.endpoint_failures import class_of, limited_s
from indexer.endpoint_health import EndpointHealth, ErrorClass, asking_order
from indexer.errors import IndexerError, RPCForbidden, RPCUnreachable, Transient, WrongChain
from indexer.ports import ChainReader
from indexer.ranges import BlockRange

log = logging.getLogger(__name__)

_NS_PER_US = 1_000
_NS_PER_S = 1_000_000_000
_BLAMED_NS = 600 * _NS_PER_S

_Answer = TypeVar("_Answer")
ONE_BLOCK = BlockRange(BlockNumber(0), BlockNumber(1))


class Endpoint(ChainReader, Protocol):
    """One endpoint; `host` is how messages and evidence name it, without its path."""

    @property
    def host(self) -> str:
        """The host, with the port where the address has one."""

    def close(self) -> None:
        """Close its connection."""


class _Seat:
    """One endpoint in the pool."""

    def __init__(self, endpoint: Endpoint, host: str) -> None:
        self.endpoint, self.host = endpoint, host
        self.health = EndpointHealth(host=host)
        self.serves_our_chain = False
        self.timed_at_ns: int | None = None
        self.blamed_at_ns: dict[ErrorClass, int] = {}


class EndpointPool:
    """The endpoints of one chain; for one thread.

    Args:
        endpoints: at least one, the preferred one first. Two of one host are told apart by number.
        chain_id: the chain that all of them must serve.
        clock_ns: a clock that never goes back, in nanoseconds.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], chain_id: ChainId, clock_ns: Callable[[], int]
    ) -> None:
        hosts = [endpoint.host for endpoint in endpoints]
        self._seats = [
            _Seat(one, one.host if hosts.count(one.host) == 1 else f"{one.host}#{place + 1}")
            for place, one in enumerate(endpoints)
        ]
        self._chain_id, self._clock_ns = chain_id, clock_ns
        self._current = 0

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def current(self) -> str:
        """The endpoint in use: the one that answered last."""
        return self._seats[self._current].host

    def close(self) -> None:
        """Close all connections."""
        for seat in self._seats:
            seat.endpoint.close()

    def health(self) -> tuple[EndpointHealth, ...]:
        """How each endpoint has served, in the configured order."""
        return tuple(seat.health for seat in self._seats)

    def ask(
        self,
        question: Callable[[Endpoint], _Answer],
        *,
        about: BlockRange = ONE_BLOCK,
        is_timed: bool = False,
    ) -> _Answer:
        """The first answer; that endpoint is in use from now on.

        Raises:
            RPCFailed: words about the size of the question; no other endpoint was asked.
            Transient: no endpoint answered; the last failure.
            RPCForbidden: no endpoint serves us.
            WrongChain: an endpoint serves another chain.
        """
        failure: Transient | RPCForbidden | None = None
        for place in self._order():
            seat = self._seats[place]
            try:
                answer = self._asked(seat, question, about, is_timed=is_timed)
            except (Transient, RPCForbidden) as error:
                if class_of(error, about) is ErrorClass.TOO_LARGE:
                    raise
                if failure is None or isinstance(error, Transient):
                    failure = error
            else:
                self._use(place)
                return answer
        raise failure or self._limited()

    def ask_each(
        self, question: Callable[[Endpoint], _Answer], *, is_timed: bool = False
    ) -> dict[str, _Answer]:
        """The answers by host, in the order of preference, of those that answer.

        Those that are to be avoided are asked only if no other has answered.

        Raises:
            Transient, RPCForbidden: none answered; the last failure.
        """
        now_ns = self._clock_ns()
        order = self._order()
        awake = [one for one in order if not self._seats[one].health.is_avoided(now_ns)]
        answers: dict[str, _Answer] = {}
        failure: Transient | RPCForbidden | None = None
        for place in order:
            if answers and place not in awake:
                continue
            seat = self._seats[place]
            try:
                answers[seat.host] = self._asked(seat, question, ONE_BLOCK, is_timed=is_timed)
            except (Transient, RPCForbidden) as error:
                if failure is None or isinstance(error, Transient):
                    failure = error
        if not answers:
            raise failure or self._limited()
        self._use(next(one for one in order if self._seats[one].host in answers))
        return answers

    def ask_one(
        self, host: str, question: Callable[[Endpoint], _Answer], *, about: BlockRange = ONE_BLOCK
    ) -> _Answer:
        """The answer of one endpoint; the one in use stays in use.

        Raises:
            Transient, RPCForbidden: it did not answer.
        """
        seat = self._seat(host)
        if seat.health.is_limited(self._clock_ns()):
            raise self._limited()
        return self._asked(seat, question, about, is_timed=False)

    def others_than(self, host: str) -> list[str]:
        """All other endpoints that answer as far as we know, the best first."""
        now_ns = self._clock_ns()
        seats = [self._seats[place] for place in self._order()]
        return [
            seat.host for seat in seats if seat.host != host and not seat.health.is_avoided(now_ns)
        ]

    def blame(self, error: IndexerError) -> bool:
        """Put down an answer of the endpoint in use that was refused, and use another.

        Returns whether that one has not been blamed for the like within ten minutes: if it has,
        asking on would go round in circles.
        """
        now_ns, kind = self._clock_ns(), class_of(error, ONE_BLOCK)
        seat = self._seats[self._current]
        seat.health = seat.health.blamed(kind, now_ns=now_ns)
        seat.blamed_at_ns[kind] = now_ns
        log.warning(
            "an endpoint's answer was refused", extra={"host": seat.host, "cause": str(error)}
        )
        others = [place for place in self._order() if place != self._current]
        if not others:
            return False
        self._use(min(others, key=lambda place: self._seats[place].blamed_at_ns.get(kind, -1)))
        blamed_at_ns = self._seats[self._current].blamed_at_ns.get(kind)
        return blamed_at_ns is None or now_ns - blamed_at_ns >= _BLAMED_NS

    def disproved(self, host: str, error: IndexerError) -> None:
        """Put down an answer of an endpoint that is not in use."""
        seat = self._seat(host)
        seat.health = seat.health.blamed(class_of(error, ONE_BLOCK), now_ns=self._clock_ns())

    def saw(self, host: str, head: BlockNumber, finalized: BlockNumber | None) -> None:
        """Put down what an endpoint called its head and its finalized block."""
        seat = self._seat(host)
        seat.health = replace(seat.health, head=head, finalized=finalized)

    def untimed(self, *, older_than_ns: int) -> list[str]:
        """Those whose latency was last taken longer ago, and that may be asked."""
        now_ns = self._clock_ns()
        return [
            seat.host
            for seat in self._seats
            if (seat.timed_at_ns is None or now_ns - seat.timed_at_ns > older_than_ns)
            and not seat.health.is_limited(now_ns)
            and not seat.health.is_avoided(now_ns)
        ]

    def time(self, host: str) -> None:
        """Ask one endpoint for its head, for the sake of its latency and of how far it lags."""
        seat = self._seat(host)
        try:
            head = self._asked(seat, lambda one: one.head(), ONE_BLOCK, is_timed=True)
        except (Transient, RPCForbidden):
            return  # its health has it
        self.saw(host, head.number, seat.health.finalized)

    def _order(self) -> list[int]:
        healths = [seat.health for seat in self._seats]
        return asking_order(healths, current=self._current, now_ns=self._clock_ns())

    def _asked(
        self,
        seat: _Seat,
        question: Callable[[Endpoint], _Answer],
        about: BlockRange,
        *,
        is_timed: bool,
    ) -> _Answer:
        """Ask one endpoint, and put down how it went."""
        try:
            self._check_chain(seat)
            start_ns = self._clock_ns()
            answer = question(seat.endpoint)
        except (Transient, RPCForbidden) as error:
            self._failed(seat, error, about)
            raise
        now_ns = self._clock_ns()
        took_us = None
        if is_timed:
            took_us, seat.timed_at_ns = (now_ns - start_ns) // _NS_PER_US, now_ns
        seat.health = seat.health.answered(now_ns=now_ns, took_us=took_us)
        return answer

    def _check_chain(self, seat: _Seat) -> None:
        if seat.serves_our_chain:
            return
        actual = seat.endpoint.chain_id()
        if actual != self._chain_id:
            raise WrongChain(expected=self._chain_id, actual=actual, host=seat.host)
        seat.serves_our_chain = True

    def _failed(self, seat: _Seat, error: Transient | RPCForbidden, about: BlockRange) -> None:
        kind = class_of(error, about)
        seat.health = seat.health.failed(
            kind, now_ns=self._clock_ns(), limited_s=limited_s(error, about)
        )
        if len(self._seats) > 1:
            log.warning(
                "an endpoint failed",
                extra={"host": seat.host, "error_class": kind.value, "cause": str(error)},
            )

    def _use(self, place: int) -> None:
        if place != self._current:
            log.info("another endpoint is used", extra={"host": self._seats[place].host})
        self._current = place

    def _limited(self) -> RPCUnreachable:
        """All that may be asked at all want to be asked later."""
        now_ns = self._clock_ns()
        seat = min(self._seats, key=lambda one: one.health.limited_until_ns)
        after_s = -(-(seat.health.limited_until_ns - now_ns) // _NS_PER_S)
        return RPCUnreachable(
            seat.host,
            "anything",
            f"it wants to be asked again in {after_s} s",
            status=429,
            retry_after_s=max(after_s, 1),
        )

    def _seat(self, host: str) -> _Seat:
        return next(seat for seat in self._seats if seat.host == host)
