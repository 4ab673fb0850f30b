"""Builders of solvency statements, with a book of a few accounts."""

from collections.abc import Mapping

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Timestamp, keccak
from reconciliation.liability_tree import sibling_places
from reconciliation.solvency import (
    LineProof,
    OwedBalance,
    SolvencyStatement,
    Subject,
    payee_holder,
    proof_document,
    solvency_statement,
)
from settlement.ledger import accounts

ASSET = Address(b"\xaa" * 20)
CONTRACT = Address(b"\xee" * 20)
SUBJECT = Subject(
    chain_id=ChainId(31337),
    contract=CONTRACT,
    epoch=Epoch(4),
    asset=ASSET,
    block=BlockRef(
        number=BlockNumber(49),
        hash=keccak(b"block 49"),
        parent_hash=keccak(b"block 48"),
        timestamp=Timestamp(1_490),
    ),
)


def payee(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def balance(account: accounts.Account, amount: int) -> OwedBalance:
    return OwedBalance(account=account, asset=ASSET, amount=amount)


def statement_of(owed: Mapping[int, int], *, unallocated: int = 0) -> SolvencyStatement:
    """A statement of pull balances, by number of the payee."""
    balances = [balance(accounts.unclaimed(payee(one)), owed[one]) for one in owed]
    balances.append(balance(accounts.unallocated(Epoch(3)), unallocated))
    return solvency_statement(SUBJECT, balances)


def proof_of(statement: SolvencyStatement, number: int) -> LineProof:
    """The proof of a payee's line, cut from the tree in memory."""
    holders = [line.holder for line in statement.lines]
    index, levels = holders.index(payee_holder(payee(number))), statement.tree.levels
    places = sibling_places(index, len(holders))
    return LineProof(
        subject=statement.subject,
        line=statement.lines[index],
        index=index,
        count=len(holders),
        siblings=tuple(levels[level][place] for level, place in places),
        root=statement.tree.root,
    )


def document_of(statement: SolvencyStatement, number: int) -> dict[str, object]:
    return proof_document(proof_of(statement, number), None)
