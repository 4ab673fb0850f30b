"""Solvency statements and proofs as they are answered."""

from api.schemas.envelope import Block
from api.schemas.solvency import (
    LineProofOut,
    ProofBlockOut,
    ProofLineOut,
    ReserveOut,
    SolvencyStatementOut,
    SumNodeOut,
)
from reconciliation.liability_tree import SumNode
from reconciliation.reading import Reading
from reconciliation.solvency import PROOF_VERSION, LineProof, Stated


def statement_out(stated: Stated) -> SolvencyStatementOut:
    """A statement without its lines."""
    subject = stated.subject
    return SolvencyStatementOut(
        epoch=subject.epoch,
        contract=subject.contract,
        asset=subject.asset,
        block=Block(
            number=subject.block.number,
            hash=subject.block.hash,
            timestamp=subject.block.timestamp,
        ),
        digest=stated.digest,
        root=stated.root.hash,
        total=stated.root.sum,
        lines=stated.line_count,
        reserve=_reserve(stated.reserve),
        is_covered=stated.is_covered,
    )


def proof_out(proof: LineProof, stated: Stated) -> LineProofOut:
    """The document that `solvency_proof_check` reads; its JSON is that of `proof_document`."""
    subject, line = proof.subject, proof.line
    return LineProofOut(
        version=PROOF_VERSION,
        chain_id=str(subject.chain_id),
        contract=subject.contract,
        epoch=str(subject.epoch),
        asset=subject.asset,
        block=ProofBlockOut(number=str(subject.block.number), hash=subject.block.hash),
        digest=stated.digest,
        root=_node(proof.root),
        leaf_count=str(proof.count),
        line=ProofLineOut(
            holder=line.holder,
            account_id=line.account_id,
            amount=line.amount,
            index=str(proof.index),
        ),
        siblings=[_node(sibling) for sibling in proof.siblings],
        reserve=_reserve(stated.reserve),
    )


def _node(node: SumNode) -> SumNodeOut:
    return SumNodeOut(hash=node.hash, sum=node.sum)


def _reserve(reading: Reading | None) -> ReserveOut | None:
    if reading is None:
        return None
    return ReserveOut(amount=reading.value, is_proven=reading.is_proven, evidence=reading.evidence)
