"""Operation ids: one permanent name for every obligation to pay.

Mirrors `src/settlement/OperationLib.sol`. Every obligation is line `index` of a list, so that its
id needs no database: whoever knows the chain knows the id, and a second payment of the same
obligation would carry the same id.

All that is hashed are words of 32 bytes, so they are spelled here: the general encoder takes twenty
times as long, and the books name every leaf.
"""

from contracts.evm import ZERO_HASH, Address, ChainId, Epoch, Hash32, keccak

DOMAIN = keccak(b"quittance.operation.v1")
KIND_WITHDRAW = keccak(b"WITHDRAW")
KIND_COMMIT = keccak(b"COMMIT")
"""The commitment of an epoch: list = epoch, index = attempt. Only the engine uses this kind."""

KIND_PAYOUT = keccak(b"PAYOUT")
"""A line that `PayoutBatch` pays: list and line are those of our books."""

KIND_TIP = keccak(b"TIP")
"""A tip that `TipRelay` owes: one list, index = the tip's number."""

TIP_LIST = ZERO_HASH
"""The one list of a relay."""

KIND_REMAINDER = keccak(b"REMAINDER")
"""The lines of a leaf that a hold left open: list = the leaf's op-id, index = bitmap of the lines
settled before. Only the engine uses this kind: the contract's events name the leaf."""


def operation_id(
    kind: Hash32, list_id: Hash32, index: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """keccak256(abi.encode(DOMAIN, chainId, contract, kind, listId, index))."""
    return keccak(
        b"".join(
            (
                DOMAIN,
                _number(chain_id),
                _address(contract),
                Hash32(kind),
                Hash32(list_id),
                _number(index),
            )
        )
    )


def leaf_list_id(epoch: Epoch) -> Hash32:
    """The list of an epoch's leaves: bytes32(epoch)."""
    return Hash32.from_int(epoch)


def leaf_index(work_id: Hash32, part: int, asset: Address) -> int:
    """The line of a leaf: uint256(keccak256(abi.encode(workId, part, asset)))."""
    words = Hash32(work_id) + _number(part, size=4) + _address(asset)
    return int.from_bytes(keccak(words), "big")


def withdraw_operation_id(
    epoch: Epoch,
    work_id: Hash32,
    part: int,
    asset: Address,
    *,
    chain_id: ChainId,
    contract: Address,
) -> Hash32:
    """The op-id of paying one epoch leaf."""
    return operation_id(
        KIND_WITHDRAW,
        leaf_list_id(epoch),
        leaf_index(work_id, part, asset),
        chain_id=chain_id,
        contract=contract,
    )


def remainder_operation_id(
    leaf_op_id: Hash32, settled: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """The op-id of paying what is open of a leaf once the lines in `settled` are settled."""
    return operation_id(KIND_REMAINDER, leaf_op_id, settled, chain_id=chain_id, contract=contract)


def commit_operation_id(
    epoch: Epoch, attempt: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """The op-id of committing one attempt at an epoch."""
    return operation_id(
        KIND_COMMIT, leaf_list_id(epoch), attempt, chain_id=chain_id, contract=contract
    )


def payout_operation_id(
    list_id: Hash32, index: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """The op-id of one line that a payout batch pays."""
    return operation_id(KIND_PAYOUT, list_id, index, chain_id=chain_id, contract=contract)


def tip_operation_id(number: int, *, chain_id: ChainId, contract: Address) -> Hash32:
    """The op-id of paying one tip to its creator."""
    return operation_id(KIND_TIP, TIP_LIST, number, chain_id=chain_id, contract=contract)


def _number(value: int, *, size: int = 32) -> bytes:
    """The word of an unsigned integer of so many bytes; one that is not is an `OverflowError`."""
    return value.to_bytes(size, "big").rjust(32, b"\0")


def _address(value: Address) -> bytes:
    return bytes(12) + Address(value)
