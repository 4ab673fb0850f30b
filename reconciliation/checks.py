"""The checks: each compares one thing that chain and books both know.

| check | chain | books |
|---|---|---|
| balance | token balance of the contract | cash |
| accounted | `accounted(asset)` | sum of what is owed |
| paid_in | `paidIn(epoch, asset)` | all funding of the epoch |
| remaining | `remaining(epoch, asset)` | committed, fees and payable of the epoch |
| escrowed | `escrowed(epoch, asset)` | escrowed, escrow and suspense of the epoch |
| unallocated | `unallocated(epoch, asset)` | unallocated of the epoch |
| announced | `unallocatedReserved(epoch, asset)` | transfers announced by indexed events |
| unclaimed | `unclaimed(payee, asset)` | unclaimed of the payee |
| paid_lines | `paidLines(leaf)` | lines that were posted out of payables and escrow |
| holds | `heldUntil(payee)` | holds that stand by indexed events |
| commitment | `epochOf(epoch)`: manifest digest and root | the standing commitment |
| manifest | root of `epochOf(epoch)` | root that we computed for that manifest |
| trial_balance | | debits equal credits; cash equals what is owed |
| overdrawn | | no account is below zero |

The tolerance is zero, in both directions.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from contracts.evm import ZERO_HASH
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.snapshot import (
    BookSnapshot,
    ChainSnapshot,
    Committed,
    EpochAsset,
    PayeeAsset,
)

Check = Callable[[ChainSnapshot, BookSnapshot], list[Discrepancy]]
_Key = TypeVar("_Key", bound=Hashable)

_NOTHING = Committed(ZERO_HASH, ZERO_HASH)


def check_balance(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The contract holds what the books say it holds: no less, and no more."""
    return _differences(
        Kind.BALANCE,
        books.cash,
        chain.balances,
        subject=str,
        evidence=lambda asset: (f"{asset}.balanceOf(EpochPayouts)", "account cash"),
        chain=chain,
    )


def check_accounted(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The contract owes what the books say it owes."""
    return _differences(
        Kind.ACCOUNTED,
        books.owed,
        chain.accounted,
        subject=str,
        evidence=lambda asset: (f"accounted({asset})", "sum of all accounts that are owed"),
        chain=chain,
    )


def check_paid_in(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """Every epoch was paid what the books say, also epochs that the books have not seen."""
    return _differences(
        Kind.PAID_IN,
        books.paid_in,
        chain.paid_in,
        subject=_epoch_asset,
        evidence=lambda key: (f"paidIn({key[0]}, {key[1]})", f"credits of paid_in:{key[0]}"),
        chain=chain,
    )


def check_remaining(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The leaves of every epoch are still owed the same."""
    return _differences(
        Kind.REMAINING,
        books.remaining,
        chain.remaining,
        subject=_epoch_asset,
        evidence=lambda key: (
            f"remaining({key[0]}, {key[1]})",
            f"accounts committed:{key[0]}, fees:{key[0]} and payable:{key[0]}:…",
        ),
        chain=chain,
    )


def check_escrowed(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The escrow of every epoch is the same."""
    return _differences(
        Kind.ESCROWED,
        books.escrowed,
        chain.escrowed,
        subject=_epoch_asset,
        evidence=lambda key: (
            f"escrowed({key[0]}, {key[1]})",
            f"accounts escrowed:{key[0]}, escrow:{key[0]}:… and suspense:{key[0]}:…",
        ),
        chain=chain,
    )


def check_unallocated(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """Every epoch left the same to nobody."""
    return _differences(
        Kind.UNALLOCATED,
        books.unallocated,
        chain.unallocated,
        subject=_epoch_asset,
        evidence=lambda key: (
            f"unallocated({key[0]}, {key[1]})",
            f"account unallocated:{key[0]}",
        ),
        chain=chain,
    )


def check_announced(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The same part of what is unallocated is about to leave."""
    return _differences(
        Kind.ANNOUNCED,
        books.announced,
        chain.announced,
        subject=_epoch_asset,
        evidence=lambda key: (
            f"unallocatedReserved({key[0]}, {key[1]})",
            "events of transfers of unallocated money",
        ),
        chain=chain,
    )


def check_unclaimed(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """Every payee's pull balance is the same."""
    return _differences(
        Kind.UNCLAIMED,
        books.unclaimed,
        chain.unclaimed,
        subject=_payee_asset,
        evidence=lambda key: (f"unclaimed({key[0]}, {key[1]})", f"account unclaimed:{key[0]}"),
        chain=chain,
    )


def check_paid_lines(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The same lines of every leaf are settled; shown as bitmaps, line 0 rightmost."""
    return _differences(
        Kind.PAID_LINES,
        books.paid_lines,
        chain.paid_lines,
        subject=lambda leaf: leaf.subject,
        evidence=lambda leaf: (f"paidLines({leaf.subject})", f"postings of payable:{leaf.subject}"),
        chain=chain,
        spell="{:#b}".format,
    )


def check_holds(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The same payees are held until the same second: who is held gets no payout planned."""
    return _differences(
        Kind.HOLDS,
        books.holds,
        chain.holds,
        subject=str,
        evidence=lambda payee: (f"heldUntil({payee})", "events of holds"),
        chain=chain,
    )


def check_commitment(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The chain holds the root and manifest digest that the books were posted from."""
    found = []
    for epoch in sorted(chain.committed.keys() | books.committed.keys()):
        expected = books.committed.get(epoch, _NOTHING)
        actual = chain.committed.get(epoch, _NOTHING)
        if expected != actual:
            found.append(
                Discrepancy(
                    kind=Kind.COMMITMENT,
                    subject=str(epoch),
                    expected=f"manifest {expected.manifest_digest} root {expected.root}",
                    actual=f"manifest {actual.manifest_digest} root {actual.root}",
                    evidence=(_block(chain), f"epochOf({epoch})", "commitments of the ledger"),
                )
            )
    return found


def check_manifest(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """The root on chain is the one that we computed for its manifest."""
    found = []
    for epoch, committed in sorted(chain.committed.items()):
        expected = books.computed_roots.get(committed.manifest_digest)
        if expected != committed.root:
            found.append(
                Discrepancy(
                    kind=Kind.MANIFEST,
                    subject=str(epoch),
                    expected=str(expected) if expected else "a manifest that we computed",
                    actual=f"{committed.root} for manifest {committed.manifest_digest}",
                    evidence=(_block(chain), f"epochOf({epoch})", "computed epochs"),
                )
            )
    return found


def check_trial_balance(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """Debits equal credits, and cash equals what is owed, in every asset."""
    lines = books.trial_balance
    found: list[Discrepancy] = []
    for asset in sorted({line.asset for line in lines}):
        debits = sum(line.debits for line in lines if line.asset == asset)
        credits = sum(line.credits for line in lines if line.asset == asset)
        cash, owed = books.cash.get(asset, 0), books.owed.get(asset, 0)
        sides = ((f"{asset} sides", debits, credits), (f"{asset} cash and owed", cash, owed))
        found.extend(
            Discrepancy(
                kind=Kind.TRIAL_BALANCE,
                subject=subject,
                expected=str(left),
                actual=str(right),
                evidence=(_block(chain), "trial balance"),
            )
            for subject, left, right in sides
            if left != right
        )
    return found


def check_overdrawn(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """No account is below zero."""
    return [
        Discrepancy(
            kind=Kind.OVERDRAWN,
            subject=f"{account}/{asset}",
            expected="0 or more",
            actual=str(balance),
            evidence=(_block(chain), f"postings of {account}"),
        )
        for (account, asset), balance in sorted(books.overdrawn.items())
        if balance < 0
    ]


CHECKS: tuple[Check, ...] = (
    check_balance,
    check_accounted,
    check_paid_in,
    check_remaining,
    check_escrowed,
    check_unallocated,
    check_announced,
    check_unclaimed,
    check_paid_lines,
    check_holds,
    check_commitment,
    check_manifest,
    check_trial_balance,
    check_overdrawn,
)


def discrepancies(chain: ChainSnapshot, books: BookSnapshot) -> list[Discrepancy]:
    """All that every check finds, in the order of the checks."""
    return [one for check in CHECKS for one in check(chain, books)]


def _differences(
    kind: Kind,
    expected: Mapping[_Key, int],
    actual: Mapping[_Key, int],
    *,
    subject: Callable[[_Key], str],
    evidence: Callable[[_Key], tuple[str, ...]],
    chain: ChainSnapshot,
    spell: Callable[[int], str] = str,
) -> list[Discrepancy]:
    """One discrepancy per key whose values differ; a key that one side lacks is zero there."""
    keys = sorted(expected.keys() | actual.keys(), key=subject)
    return [
        Discrepancy(
            kind=kind,
            subject=subject(key),
            expected=spell(expected.get(key, 0)),
            actual=spell(actual.get(key, 0)),
            evidence=(_block(chain), *evidence(key)),
        )
        for key in keys
        if expected.get(key, 0) != actual.get(key, 0)
    ]


def _block(chain: ChainSnapshot) -> str:
    return f"block {chain.block.number} {chain.block.hash}"


def _epoch_asset(key: EpochAsset) -> str:
    return f"{key[0]}/{key[1]}"


def _payee_asset(key: PayeeAsset) -> str:
    return f"{key[0]}/{key[1]}"
