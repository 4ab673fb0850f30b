"""Documents of lines: what the operator's books should owe, as somebody submits it.

A document names its list, the payout batch that pays it, and its lines, numbered from 0 in the
order in which they stand:

    {"list": "grants-2026-11", "chain_id": "8453", "contract": "0x…",
     "lines": [{"payee": "0x…", "asset": "0x…", "amount": "1000000"}, …]}

The list's name is what keeps a line from being owed twice: the same name with the same lines is the
same document, however it is spelled, and with other lines it is refused. A name that differs from
another in letter case or separators alone is refused too. So who submits again after
a lost answer never makes a second payment. An asset of zeros is the native coin.

One person adds a document, another accepts it; from then on it is owed. `adapters.document_file`
reads the file.

Op-ids follow from the list's name, and the chain keeps them. So a document that a restored backup
has lost is added and accepted again from its file: each line that the chain has settled is seen to
be that line, to the unit, and is not owed again (`settled_lines`); the others are. Lines that the
chain has settled otherwise are a conflict, as with a document that is kept.
"""

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.evm import ZERO_ADDRESS, Address, ChainId, Hash32, keccak
from contracts.operations import payout_operation_id
from contracts.payment_events import LinePaid, LineUnclaimed
from settlement.ledger.documents import DocumentLine
from settlement.payouts.errors import BadDocument, DocumentConflict

_LIST_DOMAIN = "quittance.payout-list.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutDocument:
    """A document that can be read; lines are numbered from 0."""

    name: str
    chain_id: ChainId
    contract: Address
    lines: tuple[DocumentLine, ...]

    @property
    def list_id(self) -> Hash32:
        """The list that its lines are of: a function of its name alone."""
        return list_id_of(self.name)

    @property
    def source(self) -> bytes:
        """The one spelling that is kept."""
        lines = [
            {"payee": str(line.payee), "asset": str(line.asset), "amount": str(line.amount)}
            for line in self.lines
        ]
        document = {
            "list": self.name,
            "chain_id": str(self.chain_id),
            "contract": str(self.contract),
            "lines": lines,
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> Hash32:
        """What names it for ever."""
        return keccak(self.source)


def list_id_of(name: str) -> Hash32:
    """keccak256(abi.encode(domain, name))."""
    return keccak(encode(("string", "string"), (_LIST_DOMAIN, name)))


def require_payable(
    document: PayoutDocument, *, chain_id: ChainId, contract: Address, assets: Collection[Address]
) -> None:
    """Check a document against the place that shall pay it.

    Raises:
        BadDocument: it is for another chain or contract, or names an asset that is not paid there.
    """
    problems: list[str] = []
    if document.chain_id != chain_id:
        problems.append(f"chain_id: {document.chain_id} is not {chain_id}")
    if document.contract != contract:
        problems.append(f"contract: {document.contract} is not the payout batch {contract}")
    for line in document.lines:
        if line.asset != ZERO_ADDRESS and line.asset not in assets:
            problems.append(f"lines[{line.index}].asset: {line.asset} is not an asset paid here")
        if line.payee in assets:
            what = f"{line.payee} is a token, and keeps what it gets"
            problems.append(f"lines[{line.index}].payee: {what}")
    if problems:
        raise BadDocument(tuple(problems))


def require_distinct(document: PayoutDocument, known: Iterable[str]) -> None:
    """Check that a name is not that of another list, in other letters or with other separators.

    Raises:
        DocumentConflict: it is: two people who mean one list would owe it twice.
    """
    for name in known:
        if name != document.name and _folded(name) == _folded(document.name):
            raise DocumentConflict(document.name, f"it is called {name!r} there")


def require_same(stored: PayoutDocument, given: PayoutDocument) -> None:
    """Check that a name stands for the same lines as before.

    Raises:
        DocumentConflict: it does not; the first line that differs is named.
    """
    if stored.digest == given.digest:
        return
    for before, now in zip(stored.lines, given.lines, strict=False):
        if before != now:
            what = f"line {before.index} was {_said(before)}, and is {_said(now)} now"
            raise DocumentConflict(given.name, what)
    what = f"it had {len(stored.lines)} lines, and has {len(given.lines)} now"
    if len(stored.lines) == len(given.lines):
        what = f"it was for {stored.contract} on chain {stored.chain_id}"
    raise DocumentConflict(given.name, what)


def op_ids_of(document: PayoutDocument, count: int) -> tuple[Hash32, ...]:
    """The op-ids of the first `count` lines of its list, whether it says so many or not."""
    return tuple(
        payout_operation_id(
            document.list_id, index, chain_id=document.chain_id, contract=document.contract
        )
        for index in range(count)
    )


def settled_lines(
    document: PayoutDocument, ends: Sequence[LinePaid | LineUnclaimed]
) -> tuple[int, ...]:
    """The lines that the chain has settled, ascending, once they are seen to say the same.

    Args:
        document: as it is given.
        ends: what ended lines of its list, of those with an op-id of `op_ids_of`.

    Raises:
        DocumentConflict: one was settled otherwise, or is no line of this document.
    """
    for end in sorted(ends, key=lambda one: one.index):
        done = DocumentLine(index=end.index, payee=end.payee, asset=end.asset, amount=end.amount)
        where = f"in block {end.ref.block_number}"
        if end.index >= len(document.lines):
            what = (
                f"line {end.index} was settled {where} with {_said(done)}, and it has no such line"
            )
            raise DocumentConflict(document.name, what)
        if document.lines[end.index] != done:
            given = _said(document.lines[end.index])
            what = f"line {end.index} was settled {where} with {_said(done)}, and is {given} now"
            raise DocumentConflict(document.name, what)
    return tuple(sorted(end.index for end in ends))


def totals(lines: Sequence[DocumentLine]) -> dict[Address, int]:
    """What the lines of each asset sum to."""
    sums: dict[Address, int] = {}
    for line in lines:
        sums[line.asset] = sums.get(line.asset, 0) + line.amount
    return sums


def _folded(name: str) -> str:
    return re.sub(r"[._:/-]", "-", name.casefold())


def _said(line: DocumentLine) -> str:
    return f"{line.amount} of {line.asset} to {line.payee}"
