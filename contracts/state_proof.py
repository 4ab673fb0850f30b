"""Proofs of state: what an account or a storage slot held at a block, without trusting a node.

A header's state root commits to every account; an account's storage root commits to every slot of a
contract. A proof is the way of trie nodes from a root to a value, or to the place where it would
stand. It proves absence as well as presence.

Source: EIP-1186 (`eth_getProof`); Ethereum yellow paper §4.1 and appendix D.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp

from contracts.evm import Address, Hash32, keccak

EMPTY_TRIE_ROOT = keccak(rlp.encode(b""))
EMPTY_CODE_HASH = keccak(b"")

_HASH_BYTES = 32
_BRANCH_ITEMS, _PAIR_ITEMS = 17, 2
_ACCOUNT_FIELDS = 4
_ODD, _LEAF = 1, 2  # flags of the hex-prefix encoding


class BadStateProof(ValueError):
    """Nodes that do not lead from the root to the value: nothing is proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account at one block; an account that does not exist has the values of an empty one."""

    nonce: int
    balance_wei: int
    storage_root: Hash32
    code_hash: Hash32


_NO_ACCOUNT = AccountState(
    nonce=0, balance_wei=0, storage_root=EMPTY_TRIE_ROOT, code_hash=EMPTY_CODE_HASH
)


def account_at(state_root: Hash32, address: Address, nodes: Sequence[bytes]) -> AccountState:
    """What the state holds for an address.

    Args:
        state_root: of a header whose hash is known to be the chain's.
        address: the account.
        nodes: `accountProof` of `eth_getProof`.

    Raises:
        BadStateProof: the nodes are not the way to it.
    """
    value = _value(state_root, keccak(address), nodes)
    if value is None:
        return _NO_ACCOUNT
    fields = _decoded(value)
    if not isinstance(fields, list) or len(fields) != _ACCOUNT_FIELDS:
        raise BadStateProof("the proved value is no account")
    nonce, balance, storage_root, code_hash = fields
    if len(storage_root) != _HASH_BYTES or len(code_hash) != _HASH_BYTES:
        raise BadStateProof("the proved account has a root or code hash of another length")
    return AccountState(
        nonce=int.from_bytes(nonce, "big"),
        balance_wei=int.from_bytes(balance, "big"),
        storage_root=Hash32(storage_root),
        code_hash=Hash32(code_hash),
    )


def storage_word(storage_root: Hash32, slot: Hash32, nodes: Sequence[bytes]) -> int:
    """The 256-bit word in a slot; zero if it was never set.

    Args:
        storage_root: of a proved account.
        slot: the place of the word, before hashing.
        nodes: `proof` of this slot in `storageProof` of `eth_getProof`.

    Raises:
        BadStateProof: the nodes are not the way to it.
    """
    value = _value(storage_root, keccak(slot), nodes)
    if value is None:
        return 0
    word = _decoded(value)
    if not isinstance(word, bytes) or len(word) > _HASH_BYTES:
        raise BadStateProof("the proved value is no word")
    return int.from_bytes(word, "big")


def mapping_slot(key: bytes, position: int) -> Hash32:
    """Where Solidity keeps `mapping[key]`, of a mapping at storage position `position`.

    Source: Solidity documentation, "Layout of State Variables in Storage": keccak256(key ‖
    position), both 32 bytes.
    """
    return keccak(key.rjust(_HASH_BYTES, b"\0") + position.to_bytes(_HASH_BYTES, "big"))


def _value(root: Hash32, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """The value under a key; None if the way ends where it would stand."""
    if root == EMPTY_TRIE_ROOT:
        return None
    by_hash = {bytes(keccak(node)): node for node in nodes}
    way = key.hex()
    node = _node(bytes(root), by_hash)
    while True:
        if len(node) == _BRANCH_ITEMS:
            # All keys have one length, so none ends at a branch.
            child, way = node[int(way[0], 16)], way[1:]
        elif len(node) == _PAIR_ITEMS and isinstance(node[0], bytes) and node[0]:
            digits, is_leaf = _path(node[0])
            if is_leaf:
                return _string(node[1]) if digits == way else None
            if not way.startswith(digits):
                return None
            child, way = node[1], way[len(digits) :]
        else:
            raise BadStateProof("a node is neither a branch nor a leaf nor an extension")
        if child == b"":
            return None
        if not way:
            raise BadStateProof("the way goes on after the key's end")
        node = _node(child, by_hash)


def _node(reference: Any, by_hash: Mapping[bytes, bytes]) -> list[Any]:  # noqa: ANN401
    """The node that a reference names: by its hash, or itself if its RLP is shorter than that."""
    if isinstance(reference, list):
        return reference
    if len(reference) != _HASH_BYTES:
        raise BadStateProof(f"a reference of {len(reference)} bytes")
    if reference not in by_hash:
        raise BadStateProof(f"the node 0x{reference.hex()} is missing")
    node = _decoded(by_hash[reference])
    if not isinstance(node, list):
        raise BadStateProof("a node is no list")
    return node


def _path(encoded: bytes) -> tuple[str, bool]:
    """Digits of a leaf or an extension, and whether it is a leaf (hex-prefix encoding)."""
    text = encoded.hex()
    flag = int(text[0], 16)
    if flag > _ODD + _LEAF or (not flag & _ODD and text[1] != "0"):
        raise BadStateProof(f"a path that begins with 0x{text[:2]}")
    return text[1 if flag & _ODD else 2 :], bool(flag & _LEAF)


def _string(value: Any) -> bytes:  # noqa: ANN401
    if not isinstance(value, bytes):
        raise BadStateProof("a leaf holds a list")
    return value


def _decoded(data: bytes) -> Any:  # noqa: ANN401
    try:
        return rlp.decode(data)
    except rlp.exceptions.DecodingError as error:
        raise BadStateProof(f"not RLP: {error}") from error
