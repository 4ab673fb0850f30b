"""Solvency statements: what one contract owes in one asset at the end of an epoch, committed to.

The lines are what the books owe at the boundary block of the epoch, the highest block before its
end: one line for each payee, of everything payable and unclaimed, and one for each account that is
owed to nobody by name yet (paid in, committed, in escrow, unallocated …). Their total is what the
contract must hold. Books and finalized facts decide every byte, so anybody who has the events comes
to the same root.

    total of the lines  ≤  what the chain proves that the contract holds, at the same block

A creator checks their own line: that it is under the root with the right amount, and that it is the
line of their address. `solvency_proof_check` does that from the document alone.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.evm import Address, BlockRef, ChainId, Epoch, Hash32, keccak
from reconciliation.errors import BadLiabilities
from reconciliation.liability_tree import LiabilityLeaf, LiabilityTree, SumNode, liability_tree
from reconciliation.reading import Reading
from settlement.ledger.accounts import LIABILITIES, Account, AccountKind

OWED = (*LIABILITIES, AccountKind.EARNED, AccountKind.OWED, AccountKind.PLATFORM_FEES)
"""Kinds of accounts that a contract must be able to pay, or holds for somebody."""

PROOF_VERSION = "quittance-solvency-v1"
_PAYEE = "payee:"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedBalance:
    """The balance of one account that somebody is owed, at a block."""

    account: Account
    asset: Address
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Liability:
    """One line of a statement; `holder` is `payee:0x…`, or the path of an account without one."""

    holder: str
    account_id: Hash32
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a statement is about: one contract and one asset at the end of one epoch."""

    chain_id: ChainId
    contract: Address
    epoch: Epoch
    asset: Address
    block: BlockRef


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvencyStatement:
    """Lines ascending by account id, with the tree over them."""

    subject: Subject
    lines: tuple[Liability, ...]
    tree: LiabilityTree

    @property
    def total(self) -> int:
        """All that is owed."""
        return self.tree.root.sum

    @property
    def digest(self) -> Hash32:
        """What the statement is named and signed by: the root with everything that it is about."""
        return statement_digest(self.subject, self.tree.root, len(self.lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a statement says without its lines, and what the contract held, if that is known."""

    subject: Subject
    digest: Hash32
    root: SumNode
    line_count: int
    reserve: Reading | None

    @property
    def is_covered(self) -> bool | None:
        """Whether the contract holds all that it owes; None if it is not known what it holds."""
        return None if self.reserve is None else self.reserve.value >= self.root.sum


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProof:
    """One line and its way to the root."""

    subject: Subject
    line: Liability
    index: int
    count: int
    siblings: tuple[SumNode, ...]
    root: SumNode


def solvency_statement(subject: Subject, balances: Iterable[OwedBalance]) -> SolvencyStatement:
    """Make the statement from all balances of the contract's book in the subject's asset.

    Raises:
        BadLiabilities: a balance is below zero, or the total does not fit 256 bits.
    """
    owed: Counter[str] = Counter()
    for balance in balances:
        if balance.asset != subject.asset:
            raise BadLiabilities(f"a balance in {balance.asset} in a statement in {subject.asset}")
        if balance.amount < 0:
            raise BadLiabilities(f"{balance.account.path} is owed {balance.amount}")
        owed[holder_of(balance.account)] += balance.amount
    lines = sorted(
        (
            Liability(holder=holder, account_id=account_id(subject, holder), amount=amount)
            for holder, amount in owed.items()
            if amount
        ),
        key=lambda line: line.account_id,
    )
    leaves = [LiabilityLeaf(line.account_id, line.amount) for line in lines]
    return SolvencyStatement(subject=subject, lines=tuple(lines), tree=liability_tree(leaves))


def holder_of(account: Account) -> str:
    """Whose line an account belongs to: all accounts of a payee are one line."""
    return account.path if account.payee is None else payee_holder(account.payee)


def payee_holder(payee: Address) -> str:
    """The name of a payee's line."""
    return f"{_PAYEE}0x{payee.hex()}"


def account_id(subject: Subject, holder: str) -> Hash32:
    """The hashed id of a line, the same in every epoch of one contract."""
    return keccak(f"{subject.chain_id}/0x{subject.contract.hex()}/{holder}".encode())


def statement_digest(subject: Subject, root: SumNode, count: int) -> Hash32:
    """keccak256 over the domain, everything that the statement is about, and its root."""
    words = (
        subject.chain_id.to_bytes(32, "big"),
        subject.contract.rjust(32, b"\0"),
        subject.epoch.to_bytes(32, "big"),
        subject.asset.rjust(32, b"\0"),
        subject.block.number.to_bytes(32, "big"),
        bytes(subject.block.hash),
        count.to_bytes(32, "big"),
        root.encoded(),
    )
    return keccak(keccak(PROOF_VERSION.encode()) + b"".join(words))


def proof_document(proof: LineProof, reserve: Reading | None) -> dict[str, object]:
    """The document that `solvency_proof_check` reads; numbers are decimal strings."""
    subject, root = proof.subject, proof.root
    return {
        "version": PROOF_VERSION,
        "chain_id": str(subject.chain_id),
        "contract": str(subject.contract),
        "epoch": str(subject.epoch),
        "asset": str(subject.asset),
        "block": {"number": str(subject.block.number), "hash": str(subject.block.hash)},
        "digest": str(statement_digest(subject, root, proof.count)),
        "root": _spelled(root),
        "leaf_count": str(proof.count),
        "line": {
            "holder": proof.line.holder,
            "account_id": str(proof.line.account_id),
            "amount": str(proof.line.amount),
            "index": str(proof.index),
        },
        "siblings": [_spelled(sibling) for sibling in proof.siblings],
        "reserve": None
        if reserve is None
        else {
            "amount": str(reserve.value),
            "is_proven": reserve.is_proven,
            "evidence": reserve.evidence,
        },
    }


def _spelled(node: SumNode) -> dict[str, str]:
    return {"hash": str(node.hash), "sum": str(node.sum)}
