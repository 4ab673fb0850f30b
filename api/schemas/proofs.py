"""Answers about proofs, and the one request that has a body."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.epoch_state import EpochState
from api.fields import (
    AddressIn,
    AddressOut,
    AmountIn,
    AmountOut,
    BytesOut,
    HashIn,
    HashOut,
    SmallNumber,
)
from api.schemas.envelope import Block, OfSettlement
from contracts.leaves import SPLIT_LINES_MAX

PROOF_NODES_MAX = 64
"""A proof of more nodes would be of a tree with more than 2⁶⁴ leaves."""


class SplitLineOut(BaseModel):
    """One payee's part of a leaf, and what became of it; `held` is open, and cannot be paid now."""

    payee: AddressOut
    amount: AmountOut
    outcome: Literal["paid", "unclaimed", "held", "released", "expired"] | None


class Withdrawable(StrEnum):
    """Whether the contract would pay a leaf now; the reasons are those of its refusals."""

    OPEN = "open"
    EPOCH_NOT_ACTIVE = "epoch_not_active"
    WORK_UNDER_VERDICT = "work_under_verdict"
    ALREADY_WITHDRAWN = "already_withdrawn"
    ALL_LINES_HELD = "all_lines_held"
    IN_ESCROW = "in_escrow"  # opened by `releaseEscrow`, once it has a beneficiary


class ProofAnswer(OfSettlement):
    """A leaf, the proof that the root contains it, and the call that withdraws it.

    `parts` counts the leaves of this work, epoch and asset; each has its own proof. `calldata` is
    for `contract` and calls `function`; before the epoch is active the contract refuses it. An
    escrow or suspense leaf, whose one line is for `contract` itself, is opened by `releaseEscrow`:
    anyone may call it, and it pays the beneficiary as soon as there is one.
    """

    epoch: int
    attempt: int
    state: EpochState
    root: HashOut
    manifest_digest: HashOut
    reference_block: Block
    work_id: HashOut
    part: int
    parts: int
    asset: AddressOut
    amount: AmountOut
    split_hash: HashOut
    lines: list[SplitLineOut]
    leaf: HashOut
    proof: list[HashOut]
    op_id: HashOut
    withdrawal: Withdrawable
    kind: Literal["work", "fees", "escrow", "suspense"]
    function: Literal["withdraw", "releaseEscrow"]
    calldata: BytesOut


class SplitLineIn(BaseModel):
    """One payee's part of the leaf to verify."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    payee: AddressIn
    amount: AmountIn


class VerifyRequest(BaseModel):
    """A leaf and its proof, as `GET …/proofs/…` answers them; the leaf hash is computed anew."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    epoch: SmallNumber
    work_id: HashIn
    part: Annotated[SmallNumber, Field(le=2**32 - 1)]
    asset: AddressIn
    lines: Annotated[list[SplitLineIn], Field(max_length=SPLIT_LINES_MAX)]
    proof: Annotated[list[HashIn], Field(max_length=PROOF_NODES_MAX)]


class VerifyAnswer(OfSettlement):
    """What the leaf and its proof lead to, beside what stands on chain.

    `is_valid` holds when the split is one that the contract accepts and the proof leads to the root
    of the standing commitment; then `withdrawal` says whether it can be paid now.
    """

    epoch: int
    leaf: HashOut
    proven_root: HashOut
    committed_root: HashOut | None
    state: EpochState
    is_split_well_formed: bool
    is_valid: bool
