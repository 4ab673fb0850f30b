"""Answers about solvency: what a contract owes and holds, and where a creator's line stands."""

from pydantic import BaseModel, Field

from api.fields import AddressOut, AmountOut, HashOut
from api.schemas.envelope import Block, OfSettlement


class ReserveOut(BaseModel):
    """What a contract held: proven from the block's state root, or stated by a node."""

    amount: AmountOut
    is_proven: bool
    evidence: str


class SolvencyStatementOut(BaseModel):
    """One contract and asset at the end of an epoch; `block` is the epoch's boundary block.

    `digest` names the statement: it covers the root and everything that the statement is about.
    `is_covered` is null while it is not known what the contract held.
    """

    epoch: int
    contract: AddressOut
    asset: AddressOut
    block: Block
    digest: HashOut
    root: HashOut
    total: AmountOut
    lines: int
    reserve: ReserveOut | None
    is_covered: bool | None


class SolvencyPage(OfSettlement):
    """Statements of one epoch, or of the newest."""

    epoch: int | None
    statements: list[SolvencyStatementOut]


class SumNodeOut(BaseModel):
    """A node of the tree: its hash, and the sum of all lines below it."""

    hash: HashOut
    sum: AmountOut


class ProofBlockOut(BaseModel):
    """The boundary block, as the proof spells it."""

    number: str
    hash: HashOut


class ProofLineOut(BaseModel):
    """A line, and where it stands among the leaves."""

    holder: str
    account_id: HashOut
    amount: AmountOut
    index: str


class LineProofOut(BaseModel):
    """One line under one statement: everything that a check of it needs; numbers are text.

    `quittance solvency verify` checks it offline; its rules are those of
    `reconciliation/solvency_proof_check.py`.
    """

    version: str
    chain_id: str
    contract: AddressOut
    epoch: str
    asset: AddressOut
    block: ProofBlockOut
    digest: HashOut
    root: SumNodeOut
    leaf_count: str
    line: ProofLineOut
    siblings: list[SumNodeOut]
    reserve: ReserveOut | None


class SolvencyProofs(OfSettlement):
    """The lines of one account in the statements of one epoch: one for each contract and asset."""

    account: AddressOut
    epoch: int = Field(description="the epoch asked for, or the newest with statements")
    proofs: list[LineProofOut]
