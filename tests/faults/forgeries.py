"""Faults that are made alike in the books of epochs and of payments, from an entry that is right.

Imports nothing of what is supposed to find them: types are words here.
"""

from dataclasses import dataclass

from contracts.evm import keccak
from tests.faults.journal import Entry, Journal, at
from tests.faults.liar import Lie
from tests.payouts_settlement import DevNode

LATE_S = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What was done, in words that its finder must come to: its type, and where it is."""

    type: str
    entry_id: bytes | None = None
    transaction_hash: bytes | None = None
    block_number: int | None = None
    log_index: int | None = None
    lie: Lie | None = None


def of_entry(kind: str, entry: Entry) -> Fault:
    """A fault in an entry, which stays where it was."""
    return Fault(
        type=kind, entry_id=entry.id, block_number=entry.block_number, log_index=entry.log_index
    )


def uncaused(journal: Journal, model: Entry, log_index: int) -> Fault:
    """An entry of a log that does not exist."""
    posting: dict[str, object] = {"amount": model.amount + 13}
    forged = journal.forge(model, posting, **at(model, log_index))
    return Fault(type="missing_on_chain", entry_id=forged, block_number=model.block_number)


def left_out(journal: Journal, entry: Entry) -> Fault:
    """An entry that is gone."""
    journal.delete(entry)
    return Fault(
        type="missing_in_books", block_number=entry.block_number, log_index=entry.log_index
    )


def of_another_contract(journal: Journal, node: DevNode, entry: Entry, token: str) -> Fault:
    """An entry of a log that exists, of the token in the same block."""
    number = hex(entry.block_number or 0)
    logs = node.call("eth_getLogs", {"fromBlock": number, "toBlock": number})
    foreign = next(log for log in logs if log["address"].lower() == token.lower())
    index = int(foreign["logIndex"], 16)
    forged = journal.forge(entry, {"amount": entry.amount + 1}, **at(entry, index))
    return Fault(type="asset_or_contract", entry_id=forged, log_index=index)


def waiting(journal: Journal, model: Entry, *, is_line: bool) -> Fault:
    """A payout that was planned long ago, and neither paid nor given up."""
    op_id = bytes(keccak(b"waiting"))
    forged = journal.forge(
        model,
        {},
        status="pending",
        source_kind="reservation",
        source_id=op_id + bytes(4),
        effective_at=model.effective_at - LATE_S,
    )
    journal.execute(
        "INSERT INTO reservation (op_id, version, attempt, entry_id, is_line)"
        " VALUES (%s, 0, 1, %s, %s)",
        *(op_id, forged, is_line),
    )
    return Fault(type="timing", entry_id=forged)


def of_failed(
    journal: Journal, node: DevNode, model: Entry, hashed: bytes, block_number: int
) -> Fault:
    """An entry of a transaction of ours that failed."""
    block = node.call("eth_getBlockByNumber", hex(block_number), False)
    forged = journal.forge(
        model,
        {"amount": model.amount + 3},
        source_id=model.source_id[:8] + block_number.to_bytes(8, "big") + bytes(8),
        block_number=block_number,
        effective_block=block_number,
        block_hash=bytes.fromhex(block["hash"][2:]),
    )
    return Fault(type="reverted", entry_id=forged, transaction_hash=hashed)
