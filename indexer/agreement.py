"""What several endpoints say about one chain, and whether it fits together.

Endpoints are asked for their head and their finalized block (a `Look`), and then for the blocks of
the heights at which their answers can be compared:

    A   … ─ 88 ─ 89 ─ 90 ─ 91 ─ 92          finalized 89, head 92
    B   … ─ 88 ─ 89 ─ 90 ─ 91'              finalized 88, head 91'
             │         │    └ the lowest head: they differ, above the finalized block: a fork
             │         └ the highest block on which all agree: it is used as head
             └ the lowest finalized number: all must name one hash, or block 88 is disputed

1. Finalized is the lowest number that an endpoint calls finalized. At that number all endpoints
   that have a block there name one hash; if not, the block is disputed.
2. If all agree at the lowest head, the head is that of the first endpoint, which may be ahead.
3. If they differ there, above the finalized block, it is a fork that can still end either way: it
   is kept as statements, and the head is the highest block on which all agree. If there is no such
   block down to the finalized one, the lowest block at which they differ is disputed.
4. A missing answer is never a vote, neither for a hash nor for "there is nothing". What one
   endpoint alone says is agreed upon by one, and says so (`is_single`).

So one endpoint can hold finality back, by naming a low block, but cannot push it forward.

Nothing here counts majorities: of two endpoints that differ about a final block nobody knows which
one lies, so the block waits until they agree, or until the one that lies is no longer configured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import BlockNumber, BlockRef

MISSING = "missing"
"""What an endpoint said that had no answer."""


class Asked(StrEnum):
    """What the endpoints were asked about a block."""

    BLOCK = "block"  # which hash the block of this number has
    LOGS = "logs"  # which logs of ours the block holds


class Verdict(StrEnum):
    """What statements of several endpoints about one block mean together."""

    AGREED = "agreed"
    FORKED = "forked"  # they differ about a block that can still change
    DISPUTED = "disputed"  # they differ about a block that can not


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one endpoint said about one block; `said` is a hash, a digest of logs, or `MISSING`."""

    host: str
    number: BlockNumber
    asked: Asked
    said: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one endpoint calls its head, and its finalized block if it names one."""

    host: str
    head: BlockRef
    finalized: BlockRef | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What the endpoints said of one block, by host; None: no answer."""

    number: BlockNumber
    asked: Asked
    said: Mapping[str, str | None]

    @property
    def corroborated_by(self) -> int:
        """How many endpoints gave an answer."""
        return sum(one is not None for one in self.said.values())

    @property
    def is_unanimous(self) -> bool:
        """Whether no two answers differ; silence is no answer."""
        return len(set(self.said.values()) - {None}) <= 1

    def statements(self, verdict: Verdict) -> tuple[Statement, ...]:
        """One statement per endpoint, by host."""
        return tuple(
            Statement(
                host=host,
                number=self.number,
                asked=self.asked,
                said=MISSING if said is None else said,
                verdict=verdict,
            )
            for host, said in sorted(self.said.items())
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The head and the finalized block that no endpoint contradicts.

    `corroborated_by` endpoints named the finalized block's hash, or the head's where none is
    finalized. `fork` is what they said at the lowest block at which they differ, if they do.
    """

    head: BlockRef
    finalized: BlockRef | None
    corroborated_by: int
    fork: tuple[Statement, ...]

    @property
    def is_single(self) -> bool:
        """Whether it rests on the word of one endpoint."""
        return self.corroborated_by < 2


@dataclass(frozen=True, slots=True)
class Dispute:
    """Endpoints differ about a block that can no longer change."""

    statements: tuple[Statement, ...]


class _Heights:
    """The blocks that the endpoints name by number; each is asked for once."""

    def __init__(
        self, looks: Sequence[Look], ask: Callable[[str, BlockNumber], BlockRef | None]
    ) -> None:
        self._ask = ask
        self._heads = {look.host: look.head.number for look in looks}
        self._known: dict[tuple[str, BlockNumber], BlockRef | None] = {}
        for look in looks:
            for header in (look.head, look.finalized):
                if header is not None:
                    self._known[look.host, header.number] = header

    def opinions(self, number: BlockNumber) -> Opinions:
        """What each endpoint says of this block."""
        named = {host: self._header(host, number) for host in self._heads}
        said = {host: None if one is None else str(one.hash) for host, one in named.items()}
        return Opinions(number=number, asked=Asked.BLOCK, said=said)

    def first(self, number: BlockNumber) -> BlockRef | None:
        """The block as the first endpoint that has it names it."""
        named = (self._header(host, number) for host in self._heads)
        return next((one for one in named if one is not None), None)

    def _header(self, host: str, number: BlockNumber) -> BlockRef | None:
        if (host, number) not in self._known:
            lags = self._heads[host] < number
            self._known[host, number] = None if lags else self._ask(host, number)
        return self._known[host, number]


def agree(
    looks: Sequence[Look], ask: Callable[[str, BlockNumber], BlockRef | None]
) -> Agreement | Dispute:
    """What these endpoints agree upon; at least one look, the first is of the preferred endpoint.

    Args:
        looks: what each endpoint says, of different hosts.
        ask: the block of a number as an endpoint names it; None without an answer.
    """
    heights = _Heights(looks, ask)
    named = [look.finalized.number for look in looks if look.finalized is not None]
    floor = min(named, default=None)
    if floor is not None and not heights.opinions(floor).is_unanimous:
        return Dispute(heights.opinions(floor).statements(Verdict.DISPUTED))
    finalized = None if floor is None else heights.first(floor)
    lowest_head = min(look.head.number for look in looks)
    if heights.opinions(lowest_head).is_unanimous:
        counted = lowest_head if floor is None else floor
        return Agreement(
            head=looks[0].head,
            finalized=finalized,
            corroborated_by=heights.opinions(counted).corroborated_by,
            fork=(),
        )
    return _forked(heights, floor=floor, lowest_head=lowest_head)


def _forked(
    heights: _Heights, *, floor: BlockNumber | None, lowest_head: BlockNumber
) -> Agreement | Dispute:
    """Look between the finalized block and the lowest head, where they differ, for the fork."""
    below = -1 if floor is None else min(floor, lowest_head - 1)
    common, differs = below, lowest_head
    while differs - common > 1:
        middle = BlockNumber((common + differs) >> 1)
        if heights.opinions(middle).is_unanimous:
            common = middle
        else:
            differs = middle
    head = None if common < 0 else heights.first(BlockNumber(common))
    opinions = heights.opinions(differs)
    if head is None or (floor is not None and differs <= floor):
        return Dispute(opinions.statements(Verdict.DISPUTED))
    counted = BlockNumber(common) if floor is None else floor
    return Agreement(
        head=head,
        finalized=None if floor is None else heights.first(floor),
        corroborated_by=heights.opinions(counted).corroborated_by,
        fork=opinions.statements(Verdict.FORKED),
    )
