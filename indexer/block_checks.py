"""Whether a block's header commits to the receipts, and the transactions, that a node gives for it.

Each check stands on its own: the header has the hash that it claims; its bloom, and its receipts
root, are those of the receipts; where the block lists whole transactions, its transactions root is
theirs. Hash, bloom and receipts root together prove every value of every log *if* the block hash is
one that the reader trusts: a node can make up a whole block, and its hash with it.

What the receipts root does not commit to (hash and number of the block, hash and index of the
transaction, index of the log) is recomputed from the order of the receipts. Only the hash of a
transaction cannot be: it is compared with the list of the block. If that lists hashes, they are
the node's word; if it lists whole transactions, their hashes are recomputed, and proved by the
transactions root.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.bloom import BLOOM_BYTES
from contracts.evm import Hash32, LogIndex
from indexer.chain import Header, header_hash
from indexer.chain_profiles import ChainProfile, Check
from indexer.receipts import Place, Receipt, block_bloom, receipt_bloom, receipts_root
from indexer.transactions import FIELDS, Transaction, transaction_hash, transactions_root


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """What was found of one block.

    `checks` holds None where a check proves nothing, and `unproved` says why, by name of the check;
    that of the transactions root is there only if the block lists whole transactions. `left_out`
    are the receipts, by place, that the header does not commit to. `discrepancies` are sentences;
    none if all that is not committed fits.
    """

    checks: Mapping[Check, bool | None]
    unproved: Mapping[Check, str]
    left_out: tuple[int, ...]
    discrepancies: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing that could be checked is wrong."""
        return not self.discrepancies and False not in self.checks.values()

    @property
    def proves_transaction_hashes(self) -> bool:
        """Whether every hash of a transaction is proved; else it is only what the node states."""
        return self.holds and self.checks.get(Check.TRANSACTIONS_ROOT) is True


def check_block(
    header: Header,
    receipts: Sequence[Receipt],
    *,
    transactions: Sequence[Hash32] | None,
    whole_transactions: Sequence[Transaction] | None,
    profile: ChainProfile,
) -> BlockReport:
    """Hold receipts, and transactions where they are given whole, against their block's header.

    Args:
        header: as the node gives it; its hash is checked here.
        receipts: all of the block, in order.
        transactions: hashes that the block lists, in order; None if it lists none.
        whole_transactions: the same transactions; None if the block lists no more than hashes.
        profile: how the chain differs from Ethereum.
    """
    left_out = {at for at, one in enumerate(receipts) if _is_left_out(header, one, profile)}
    committed = [one for at, one in enumerate(receipts) if at not in left_out]
    unproved = {one.check: one.reason for one in profile.unproved if header.number < one.end_block}
    found = {
        Check.BLOCK_HASH: header_hash(header) == header.hash,
        Check.LOGS_BLOOM: block_bloom(committed) == header.logs_bloom,
        Check.RECEIPTS_ROOT: receipts_root(committed) == header.receipts_root,
    }
    discrepancies = list(_discrepancies(header, receipts, transactions))
    if whole_transactions is not None:
        unknown = _unknown(whole_transactions, left_out)
        if unknown:
            unproved[Check.TRANSACTIONS_ROOT] = unknown
        held = [one for at, one in enumerate(whole_transactions) if at not in left_out]
        found[Check.TRANSACTIONS_ROOT] = (
            not unknown and transactions_root(held) == header.transactions_root
        )
        discrepancies += _misnamed(whole_transactions, left_out)
    return BlockReport(
        checks={check: None if check in unproved else one for check, one in found.items()},
        unproved=unproved,
        left_out=tuple(sorted(left_out)),
        discrepancies=tuple(discrepancies),
    )


def _is_left_out(header: Header, receipt: Receipt, profile: ChainProfile) -> bool:
    return profile.is_left_out(header, receipt.place.transaction_hash, receipt.cumulative_gas_used)


def _unknown(transactions: Sequence[Transaction], left_out: Collection[int]) -> str:
    """Why the transactions root cannot be rebuilt; "" if it can."""
    for position, one in enumerate(transactions):
        if one.type not in FIELDS and position not in left_out:
            return f"transaction {position} has type {one.type:#x}, whose encoding is not known"
    return ""


def _misnamed(transactions: Sequence[Transaction], left_out: Collection[int]) -> Iterator[str]:
    """A sentence for each transaction that has another hash than the node states."""
    for position, one in enumerate(transactions):
        if one.type in FIELDS and position not in left_out:
            actual = transaction_hash(one)
            if actual != one.hash:
                yield f"transaction {position}: hash is {one.hash}, not {actual}"


def _discrepancies(
    header: Header, receipts: Sequence[Receipt], transactions: Sequence[Hash32] | None
) -> Iterator[str]:
    """What the node says beside the commitments, and the order of its receipts contradicts."""
    if transactions is not None and len(transactions) != len(receipts):
        yield f"transactions: the block lists {len(transactions)}, receipts are {len(receipts)}"
    log_index = 0
    for position, receipt in enumerate(receipts):
        name = f"receipt {position}"
        expected = Place(
            block_hash=header.hash,
            block_number=header.number,
            transaction_hash=_hash_at(position, transactions) or receipt.place.transaction_hash,
            transaction_index=position,
            log_index=None,
        )
        yield from _misplaced(name, receipt.place, expected)
        bloom = receipt_bloom(receipt).to_bytes(BLOOM_BYTES, "big")
        if receipt.logs_bloom not in {None, bloom}:
            yield f"{name}: logs_bloom is not that of its logs"
        for log in receipt.logs:
            place = replace(expected, log_index=LogIndex(log_index))
            yield from _misplaced(f"{name}, log {log_index}", log.place, place)
            log_index += 1


def _misplaced(name: str, stated: Place, expected: Place) -> Iterator[str]:
    """A sentence for each field that is stated, and is not as expected."""
    if stated == expected:
        return
    for field in Place.__slots__:
        actual, wanted = getattr(stated, field), getattr(expected, field)
        if actual is not None and wanted is not None and actual != wanted:
            yield f"{name}: {field} is {actual}, not {wanted}"


def _hash_at(position: int, transactions: Sequence[Hash32] | None) -> Hash32 | None:
    if transactions is None or position >= len(transactions):
        return None
    return transactions[position]
