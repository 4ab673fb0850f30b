"""Operation ids: one permanent name for every obligation to pay.

Mirrors `src/settlement/OperationLib.sol`. Every obligation is line `index` of a list, so that its
id needs no database: whoever knows the chain knows the id, and a second payment of the same
obligation would carry the same id.
"""

from eth_abi.abi import encode

from contracts.evm import Address, ChainId, Epoch, Hash32, keccak

DOMAIN = keccak(b"quittance.operation.v1")
KIND_WITHDRAW = keccak(b"WITHDRAW")
KIND_COMMIT = keccak(b"COMMIT")
"""The commitment of an epoch: list = epoch, index = attempt. Only the engine uses this kind."""


def operation_id(
    kind: Hash32, list_id: Hash32, index: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """keccak256(abi.encode(DOMAIN, chainId, contract, kind, listId, index))."""
    return keccak(
        encode(
            ("bytes32", "uint256", "address", "bytes32", "bytes32", "uint256"),
            (bytes(DOMAIN), chain_id, bytes(contract), bytes(kind), bytes(list_id), index),
        )
    )


def leaf_list_id(epoch: Epoch) -> Hash32:
    """The list of an epoch's leaves: bytes32(epoch)."""
    return Hash32.from_int(epoch)


def leaf_index(work_id: Hash32, part: int, asset: Address) -> int:
    """The line of a leaf: uint256(keccak256(abi.encode(workId, part, asset)))."""
    words = encode(("bytes32", "uint32", "address"), (bytes(work_id), part, bytes(asset)))
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


def commit_operation_id(
    epoch: Epoch, attempt: int, *, chain_id: ChainId, contract: Address
) -> Hash32:
    """The op-id of committing one attempt at an epoch."""
    return operation_id(
        KIND_COMMIT, leaf_list_id(epoch), attempt, chain_id=chain_id, contract=contract
    )
