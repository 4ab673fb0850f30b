"""Making and checking proofs.

A proof is of the attempt that stands: committed, or computed and not committed yet, which its
`state` says. The stored leaf is hashed again, looked up in the stored tree, and its proof folded: a
proof that leaves here always verifies.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from api.adapters.epochs import EpochRow, is_paid_out, read_epoch_row, state_of
from api.adapters.holds import read_holds
from api.adapters.leaves import (
    LeafRow,
    SettledLine,
    is_under_verdict,
    read_leaves,
    read_settled_lines,
    read_tree_nodes,
)
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.epoch_state import EpochState
from api.errors import BadValue, NotFound, StoredLeafDiffers
from api.schemas.proofs import ProofAnswer, SplitLineOut, VerifyAnswer, VerifyRequest, Withdrawable
from api.trees import TreeCache, TreeKey, proof_of
from contracts.calls import Withdrawal, release_escrow_call, withdraw_call
from contracts.evm import ZERO_ADDRESS, Address, Epoch, Hash32
from contracts.leaves import (
    SPLIT_LINES_MAX,
    Leaf,
    LeafKind,
    SplitLine,
    leaf_hash,
    split_hash,
)
from contracts.operations import withdraw_operation_id
from contracts.units import UINT256_MAX, BaseUnits
from settlement.royalties.tree import folded

_KINDS: dict[LeafKind, Literal["work", "fees", "escrow", "suspense"]] = {
    LeafKind.WORK: "work",
    LeafKind.FEES: "fees",
    LeafKind.ESCROW: "escrow",
    LeafKind.SUSPENSE: "suspense",
}
_ACTIVE = (EpochState.ACTIVE, EpochState.SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofQuestion:
    """Which leaf is asked for; asset and part may be left out where there is no choice."""

    epoch: int
    work_id: Hash32
    asset: Address | None
    part: int | None


async def proof_answer(
    trees: TreeCache, reads: Snapshot, at: Standpoint, question: ProofQuestion
) -> ProofAnswer:
    """Answer with the leaf, its proof, and its withdrawal.

    Raises:
        NotFound: no attempt is computed here, or it has no such leaf.
        BadValue: the question names several leaves.
        StoredRootDiffers, StoredLeafDiffers: what is stored contradicts itself.
    """
    row = await read_epoch_row(reads, at, question.epoch)
    attempt = row.computed
    if attempt is None:
        raise NotFound(
            f"no standing attempt at epoch {row.epoch} is computed here",
            field="epoch",
            value=row.epoch,
        )
    stored = await read_leaves(reads, attempt.manifest_digest, question.work_id)
    chosen = the_leaf(stored, question)
    leaf = chosen.leaf(question.epoch, question.work_id)
    chain_id, contract = at.settlement.chain_id, at.settlement.payouts
    hashed = leaf_hash(leaf, chain_id=chain_id, contract=contract)
    key = TreeKey(
        chain_id=chain_id,
        contract=contract,
        epoch=leaf.epoch,
        attempt=attempt.number,
        root=attempt.root,
    )
    tree = await trees.tree(key, lambda: read_tree_nodes(reads, attempt.manifest_digest))
    proof = proof_of(tree, hashed)
    if proof is None:
        raise StoredLeafDiffers(row.epoch, attempt.number, str(hashed))
    op_id = withdraw_operation_id(
        leaf.epoch, leaf.work_id, leaf.part, leaf.asset, chain_id=chain_id, contract=contract
    )
    settled = await read_settled_lines(reads, at, [op_id], upto=at.finalized.number)
    # While this leaf is open the epoch is not settled: its money need not be summed up.
    is_settled = bool(settled) and await is_paid_out(reads, at, row.epoch)
    state = state_of(at, row, is_paid_out=is_settled)
    is_under = await is_under_verdict(reads, at, leaf.work_id)
    holds = await read_holds(
        reads, at.settlement, [line.payee for line in leaf.lines], at.finalized
    )
    lines = _lines(leaf, settled, holds)
    return ProofAnswer(
        **at.envelope,
        epoch=leaf.epoch,
        attempt=attempt.number,
        state=state,
        root=attempt.root,
        manifest_digest=attempt.manifest_digest,
        reference_block=attempt.reference_block,
        work_id=leaf.work_id,
        part=leaf.part,
        parts=sum(1 for one in stored if one.asset == leaf.asset),
        asset=leaf.asset,
        amount=leaf.amount,
        split_hash=split_hash(leaf.lines),
        lines=lines,
        leaf=hashed,
        proof=list(proof),
        op_id=op_id,
        withdrawal=withdrawable(state, leaf.kind, lines, is_under_verdict=is_under),
        kind=_KINDS[leaf.kind],
        function="releaseEscrow" if leaf.kind.is_escrow else "withdraw",
        calldata=_calldata(leaf, proof),
    )


def _calldata(leaf: Leaf, proof: tuple[Hash32, ...]) -> bytes:
    withdrawal = Withdrawal(leaf, proof)
    return release_escrow_call(withdrawal) if leaf.kind.is_escrow else withdraw_call(withdrawal)


def the_leaf(stored: Sequence[LeafRow], question: ProofQuestion) -> LeafRow:
    """The one leaf that the question names.

    Raises:
        NotFound: there is none.
        BadValue: there are several; the message lists what to choose from.
    """
    of_asset = [row for row in stored if question.asset in (None, row.asset)]
    matching = [row for row in of_asset if question.part in (None, row.part)]
    if not matching:
        raise NotFound(
            f"work {question.work_id} has no such leaf in epoch {question.epoch}",
            field="work",
            value=question.work_id,
        )
    if len(matching) == 1:
        return matching[0]
    assets = sorted({Address(row.asset) for row in matching})
    if len(assets) > 1:
        names = ", ".join(str(asset) for asset in assets)
        raise BadValue(f"asset: name one of {names}", field="asset", value="")
    parts = ", ".join(str(row.part) for row in matching)
    raise BadValue(f"part: name one of {parts}", field="part", value="")


def withdrawable(
    state: EpochState, kind: LeafKind, lines: Sequence[SplitLineOut], *, is_under_verdict: bool
) -> Withdrawable:
    """What the contract would say, checked in its order."""
    if state not in _ACTIVE:
        return Withdrawable.EPOCH_NOT_ACTIVE
    if is_under_verdict:
        return Withdrawable.WORK_UNDER_VERDICT
    outcomes = {line.outcome for line in lines}
    if not outcomes & {None, "held"}:
        return Withdrawable.ALREADY_WITHDRAWN
    if kind.is_escrow:
        return Withdrawable.IN_ESCROW
    return Withdrawable.OPEN if None in outcomes else Withdrawable.ALL_LINES_HELD


def verdict(at: Standpoint, claim: VerifyRequest, row: EpochRow, state: EpochState) -> VerifyAnswer:
    """Compare what a claim leads to with what is committed.

    Raises:
        BadValue: the lines sum to more than a uint256.
    """
    leaf = _claimed_leaf(claim)
    contract = at.settlement.payouts
    hashed = leaf_hash(leaf, chain_id=at.settlement.chain_id, contract=contract)
    proven = Hash32(folded(hashed, claim.proof))
    committed = None if row.committed_root is None else Hash32(row.committed_root)
    is_well_formed = is_split_well_formed(leaf, contract)
    return VerifyAnswer(
        **at.envelope,
        epoch=claim.epoch,
        leaf=hashed,
        proven_root=proven,
        committed_root=committed,
        state=state,
        is_split_well_formed=is_well_formed,
        is_valid=is_well_formed and proven == committed,
    )


def is_split_well_formed(leaf: Leaf, contract: Address) -> bool:
    """Whether the contract accepts the lines of a leaf, in `withdraw` or in `releaseEscrow`."""
    payees = [line.payee for line in leaf.lines]
    if leaf.work_id[0] in (LeafKind.ESCROW, LeafKind.SUSPENSE):
        return payees == [contract] and leaf.part == 0 and leaf.amount > 0
    return (
        0 < len(payees) <= SPLIT_LINES_MAX
        and payees == sorted(set(payees))
        and not {ZERO_ADDRESS, leaf.asset, contract} & set(payees)
        and all(line.amount > 0 for line in leaf.lines)
    )


def _claimed_leaf(claim: VerifyRequest) -> Leaf:
    leaf = Leaf(
        epoch=Epoch(claim.epoch),
        work_id=claim.work_id,
        part=claim.part,
        asset=claim.asset,
        lines=tuple(
            SplitLine(payee=line.payee, amount=BaseUnits(line.amount)) for line in claim.lines
        ),
    )
    if leaf.amount > UINT256_MAX:
        raise BadValue("lines: the amounts sum to 2^256 or more", field="lines", value=leaf.amount)
    return leaf


def _lines(
    leaf: Leaf, settled: Sequence[SettledLine], held: Collection[Address]
) -> list[SplitLineOut]:
    outcomes = {
        position: "held" for position, line in enumerate(leaf.lines) if line.payee in held
    } | {line.line: line.outcome for line in settled}
    return [
        SplitLineOut.model_validate(
            {"payee": line.payee, "amount": line.amount, "outcome": outcomes.get(position)}
        )
        for position, line in enumerate(leaf.lines)
    ]
