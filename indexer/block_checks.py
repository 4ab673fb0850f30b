"""Whether a block's header commits to the receipts that a node gives for it.

Three checks, each on its own: the header has the hash that it claims; its bloom, and its receipts
root, are those of the receipts. All three together prove every value of every log *if* the block
hash is one that the reader trusts: a node can make up a whole block, and its hash with it.

What no header commits to (hash and number of the block, hash and index of the transaction, index
of the log) is recomputed from the order of the receipts. Only the hash of a transaction cannot
be: it is compared with the list of the block, which itself is not checked here against the
header's transactions root.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.evm import Hash32, LogIndex
from indexer.chain import BLOOM_BYTES, Header, header_hash
from indexer.chain_profiles import ChainProfile, Check
from indexer.receipts import Place, Receipt, block_bloom, receipt_bloom, receipts_root


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockReport:
    """What was found of one block.

    `checks` holds None where the profile says that the check proves nothing; `unproved` says why,
    by name of the check. `left_out` are the receipts, by place, that the header does not commit
    to. `discrepancies` are sentences; none if all that is not committed fits.
    """

    checks: Mapping[Check, bool | None]
    unproved: Mapping[Check, str]
    left_out: tuple[int, ...]
    discrepancies: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing that could be checked is wrong."""
        return not self.discrepancies and False not in self.checks.values()


def check_block(
    header: Header,
    receipts: Sequence[Receipt],
    *,
    transactions: Sequence[Hash32] | None,
    profile: ChainProfile,
) -> BlockReport:
    """Hold receipts against the header of their block.

    Args:
        header: as the node gives it; its hash is checked here.
        receipts: all of the block, in order.
        transactions: hashes that the block lists, in order; None if it lists none.
        profile: how the chain differs from Ethereum.
    """
    left_out = {at for at, one in enumerate(receipts) if profile.is_left_out(header, one)}
    committed = [one for at, one in enumerate(receipts) if at not in left_out]
    unproved = {one.check: one.reason for one in profile.unproved if header.number < one.end_block}
    found = {
        Check.BLOCK_HASH: header_hash(header) == header.hash,
        Check.LOGS_BLOOM: block_bloom(committed) == header.logs_bloom,
        Check.RECEIPTS_ROOT: receipts_root(committed) == header.receipts_root,
    }
    return BlockReport(
        checks={check: None if check in unproved else one for check, one in found.items()},
        unproved=unproved,
        left_out=tuple(sorted(left_out)),
        discrepancies=tuple(_discrepancies(header, receipts, transactions)),
    )


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
