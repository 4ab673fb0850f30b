"""What is wrong with entries that do not agree: each is one discrepancy, of one kind."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from contracts.evm import Address, Hash32
from reconciliation.chain_events import RawLog
from reconciliation.discrepancy import Discrepancy, Kind, Place
from reconciliation.matching import Booked, Matched
from reconciliation.movements import CASH, Expected, Movement


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known of the place of an entry that nothing caused.

    `block_hash` is what the chain has at its height; `foreign` a log of another contract in its
    place; `failed` a failed transaction of ours in its block; `twin` an entry of the same content.
    """

    block_hash: Hash32 | None = None
    foreign: RawLog | None = None
    failed: Hash32 | None = None
    twin: Hash32 | None = None


Net = dict[tuple[str, bytes], int]
"""Debits less credits by account and asset, without what is zero."""


_OUR_OWN = frozenset({CASH, "float", "surplus", "unexplained", "documents"})
"""Kinds of accounts between which people book what no event says. Cash is compared with what the
contract holds; of the others the chain knows nothing."""


class Corrections:
    """Manual entries, each of which makes good at most one thing."""

    def __init__(self, manuals: Iterable[Booked]) -> None:
        self._left = [(one, _net(one.movements)) for one in manuals]

    def takes(self, booked: Sequence[Movement], expected: Sequence[Movement]) -> bool:
        """Whether they make good, to the last unit, what is booked wrongly; then they are spent.

        One may do it at once, or one reverses what is wrong and another books what is right.
        """
        back, right = _net(one.reversed() for one in booked), _net(expected)
        good = _net((*(one.reversed() for one in booked), *expected))
        return self._spends(good) or bool(back and right and self._spends(back, right))

    def cash(self) -> dict[Address, int]:
        """Cash of those of the others that are between accounts of our own, by asset."""
        cash: Counter[Address] = Counter()
        for _, net in self._left:
            for (path, asset), units in net.items():
                if path == CASH and _is_our_own(net):
                    cash[Address(asset)] += units
        return dict(cash)

    def uncaused(self) -> list[Booked]:
        """The others that move what the chain knows of: no event says so, and nothing is mended."""
        return [one for one, net in self._left if not _is_our_own(net)]

    def _spends(self, *wanted: "Net") -> bool:
        left = list(self._left)
        for net in wanted:
            place = next((at for at, (_, each) in enumerate(left) if net and each == net), None)
            if place is None:
                return False
            del left[place]
        self._left = left
        return True


def judged(
    parts: Iterable[Matched],
    surroundings: Callable[[Booked], Surroundings],
    corrections: Corrections,
) -> list[Discrepancy]:
    """Everything that does not agree, and that no manual entry makes good.

    An entry that nothing caused, and an event with the same movements that has no entry, are one
    discrepancy: the event is in another place than the books say. An entry by hand that moves what
    the chain knows of, and makes nothing good, is an entry that nothing caused.
    """
    found: list[Discrepancy] = []
    for part in parts:
        lacks: defaultdict[tuple[Movement, ...], list[Expected]] = defaultdict(list)
        for expected in part.only_expected:
            lacks[expected.movements].append(expected)
        found += [
            _pair(expected, booked)
            for expected, booked in part.differing
            if not corrections.takes(booked.movements, expected.movements)
        ]
        for booked in part.only_booked:
            elsewhere = lacks[booked.movements]
            if not elsewhere and corrections.takes(booked.movements, ()):
                continue
            one = _extra(booked, surroundings(booked))
            if elsewhere and one.kind in (Kind.REORGED, Kind.MISSING_ON_CHAIN):
                one = _moved(one, elsewhere.pop(0))
            found.append(one)
        found += [
            _lack(expected)
            for left in lacks.values()
            for expected in left
            if not corrections.takes((), expected.movements)
        ]
    return found + [_extra(one, surroundings(one)) for one in corrections.uncaused()]


def in_other_assets(
    consequences: Iterable[Discrepancy], causes: Sequence[Discrepancy]
) -> list[Discrepancy]:
    """Those that no cause explains: a wrong entry makes the sums of its own asset wrong too."""
    explained = {one.asset for one in causes}
    return [one for one in consequences if one.asset not in explained]


def _is_our_own(net: Net) -> bool:
    """Whether an entry by hand says nothing that the chain knows better.

    What an accepted document owes, nothing on chain binds: it may be given up by hand.
    """
    kinds = {path.split(":")[0] for path, _ in net}
    return kinds <= _OUR_OWN or kinds == {"owed", "documents"}


def _net(movements: Iterable[Movement]) -> Net:
    net: Counter[tuple[str, bytes]] = Counter()
    for one in movements:
        net[one.debit, bytes(one.asset)] += one.amount
        net[one.credit, bytes(one.asset)] -= one.amount
    return {key: units for key, units in net.items() if units}


def _pair(expected: Expected, booked: Booked) -> Discrepancy:
    """What is wrong with an entry whose cause there is."""
    log = expected.log
    kind, before, after = _difference(expected, booked)
    return Discrepancy(
        kind=kind,
        subject=_subject(expected.source_id, expected.name, log),
        asset=_asset_of(expected.movements, booked.movements),
        expected=after,
        actual=before,
        evidence=(
            *(f"chain: {_spell(one)}" for one in expected.movements),
            *(f"books: {_spell(one)}" for one in booked.movements),
            *_evidence(log, booked),
        ),
        place=_place(log, booked),
    )


def _extra(booked: Booked, around: Surroundings) -> Discrepancy:
    """What is wrong with an entry that nothing caused."""
    if around.block_hash is not None and around.block_hash != booked.block_hash:
        kind, actual = Kind.REORGED, f"block {around.block_hash}"
    elif around.foreign is not None:
        kind, actual = Kind.ASSET_OR_CONTRACT, f"log of {Address(around.foreign.address)}"
    elif around.failed is not None:
        kind, actual = Kind.REVERTED, f"transaction {around.failed} failed"
    elif around.twin is not None:
        kind, actual = Kind.DUPLICATE, f"the same as entry {around.twin}"
    else:
        kind, actual = Kind.MISSING_ON_CHAIN, "nothing"
    log = around.foreign
    return Discrepancy(
        kind=kind,
        subject=f"entry {Hash32(booked.entry_id)}",
        asset=_asset_of((), booked.movements),
        expected="; ".join(map(_spell, booked.movements)),
        actual=actual,
        evidence=(*(f"books: {_spell(one)}" for one in booked.movements), *_evidence(log, booked)),
        place=Place(
            transaction_hash=Hash32(log.transaction_hash) if log else around.failed,
            block_number=booked.block_number,
            block_hash=Hash32(booked.block_hash) if booked.block_hash else None,
            log_index=_log_index(booked),
            entry_id=Hash32(booked.entry_id),
        ),
    )


def _lack(expected: Expected) -> Discrepancy:
    """An event, or an accepted leaf, that the books have no entry of."""
    log = expected.log
    return Discrepancy(
        kind=Kind.MISSING_IN_BOOKS,
        subject=_subject(expected.source_id, expected.name, log),
        asset=_asset_of(expected.movements, ()),
        expected="nothing",
        actual="; ".join(map(_spell, expected.movements)),
        evidence=(
            *(f"chain: {_spell(one)}" for one in expected.movements),
            *_evidence(log, None),
        ),
        place=_place(log, None),
    )


def _moved(found: Discrepancy, expected: Expected) -> Discrepancy:
    """One movement that the books have in another place of the chain than it is."""
    kind = Kind.TIMING if found.kind is Kind.MISSING_ON_CHAIN else found.kind
    source = _subject(expected.source_id, expected.name, expected.log)
    return replace(
        found,
        kind=kind,
        actual=f"it is {source}",
        evidence=(*found.evidence, *_evidence(expected.log, None)),
    )


def _asset_of(theirs: Sequence[Movement], ours: Sequence[Movement]) -> Address | None:
    """The asset of which two entries differ, by what the chain says of it; None if of several.

    Where they differ in nothing that moved, it is that of the whole entry.
    """
    differing = Counter(theirs) - Counter(ours) or Counter(ours) - Counter(theirs)
    assets = {one.asset for one in differing or theirs}
    return Address(assets.pop()) if len(assets) == 1 else None


def _difference(expected: Expected, booked: Booked) -> tuple[Kind, str, str]:
    """Kind, what should be, what is booked."""
    log = expected.log
    if log is not None and booked.block_hash != log.block_hash:
        stale = f"0x{booked.block_hash.hex()}" if booked.block_hash else "none"
        return Kind.REORGED, f"block 0x{log.block_hash.hex()}", f"block {stale}"
    ours, theirs = list(booked.movements), list(expected.movements)
    for one in expected.movements:
        if one in ours:
            ours.remove(one)
            theirs.remove(one)
    if not ours and not theirs:
        return Kind.TIMING, f"at {expected.effective_at}", f"at {booked.effective_at}"
    told = ("; ".join(map(_spell, theirs)), "; ".join(map(_spell, ours)))
    if not theirs and all(one in expected.movements for one in ours):
        return Kind.DUPLICATE, *told
    lines = 1 if log is not None else len(expected.movements)
    return _kind_of(theirs, ours, lines), *told


def _kind_of(theirs: list[Movement], ours: list[Movement], lines: int) -> Kind:
    """How movements differ; only a leaf, which was divided among lines, can have dust."""
    if len(theirs) != len(ours):
        return Kind.AMOUNT
    pairs = list(zip(sorted(theirs, key=_sides), sorted(ours, key=_sides), strict=True))
    same_sides = all((a.debit, a.credit) == (b.debit, b.credit) for a, b in pairs)
    if any(a.asset != b.asset for a, b in pairs):
        return Kind.ASSET_OR_CONTRACT
    if not same_sides:
        return Kind.PAYEE
    is_dust = lines > 1 and all(abs(a.amount - b.amount) < lines for a, b in pairs)
    return Kind.DUST if is_dust else Kind.AMOUNT


def _sides(movement: Movement) -> tuple[str, str, int]:
    return movement.debit, movement.credit, movement.amount


def _subject(source_id: bytes, name: str, log: RawLog | None) -> str:
    if log is None:
        return f"{name} 0x{source_id[-32:].hex()}"
    return f"log {log.block_number}/{log.log_index}"


def _place(log: RawLog | None, booked: Booked | None) -> Place:
    return Place(
        transaction_hash=Hash32(log.transaction_hash) if log else None,
        block_number=log.block_number if log else None,
        block_hash=Hash32(log.block_hash) if log else None,
        log_index=log.log_index if log else None,
        entry_id=Hash32(booked.entry_id) if booked else None,
    )


def _evidence(log: RawLog | None, booked: Booked | None) -> Iterator[str]:
    if log is not None:
        yield f"transaction 0x{log.transaction_hash.hex()}"
        yield f"log {log.block_number}/{log.log_index} of {Address(log.address)}"
        yield f"block {log.block_number} 0x{log.block_hash.hex()}"
    if booked is not None:
        yield f"entry 0x{booked.entry_id.hex()}"


def _log_index(booked: Booked) -> int | None:
    """The log that an entry names as its cause, where a log is its cause."""
    is_log = booked.block_number is not None and len(booked.source_id) == 24
    return int.from_bytes(booked.source_id[16:], "big") if is_log else None


def _spell(one: Movement) -> str:
    return f"{one.amount} of {Address(one.asset)} from {one.debit} to {one.credit}"
