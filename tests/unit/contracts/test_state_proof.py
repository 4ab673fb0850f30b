"""Proofs of accounts and slots, against a trie that is built from the definition."""

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, Hash32, bytes_from_hex, keccak
from contracts.state_proof import (
    EMPTY_CODE_HASH,
    EMPTY_TRIE_ROOT,
    AccountState,
    BadStateProof,
    account_at,
    mapping_slot,
    storage_word,
)
from indexer.chain import Header
from tests.published import Exchange, chain_headers, exchanges
from tests.state_tries import StateTrie

WORDS = st.integers(0, 2**256 - 1).map(Hash32.from_int), st.integers(1, 2**256 - 1)
SLOTS = st.dictionaries(*WORDS, min_size=1, max_size=40)
FEW_SLOTS = st.dictionaries(*WORDS, min_size=1, max_size=6)


def word(value: int) -> bytes:
    encoded: bytes = rlp.encode(value)
    return encoded


def trie_of(slots: dict[Hash32, int]) -> StateTrie:
    return StateTrie({bytes(slot): word(value) for slot, value in slots.items()})


@given(SLOTS, st.integers(0, 2**256 - 1).map(Hash32.from_int))
def test_storage_word__any_slots__present_and_absent(
    slots: dict[Hash32, int], other: Hash32
) -> None:
    trie = trie_of(slots)

    for slot in [*slots, other]:
        assert storage_word(trie.root, slot, trie.proof(slot)) == slots.get(slot, 0)


@given(SLOTS, st.data())
def test_storage_word__one_changed_byte__never_another_value(
    slots: dict[Hash32, int], data: st.DataObject
) -> None:
    trie = trie_of(slots)
    slot = data.draw(st.sampled_from(sorted(slots)))
    nodes = trie.proof(slot)
    place = data.draw(st.integers(0, len(nodes) - 1))
    at = data.draw(st.integers(0, len(nodes[place]) - 1))
    flip = data.draw(st.integers(1, 255))
    changed = bytearray(nodes[place])
    changed[at] ^= flip
    nodes[place] = bytes(changed)

    with pytest.raises(BadStateProof):
        storage_word(trie.root, slot, nodes)


@given(SLOTS, st.data())
def test_storage_word__a_node_left_out__refused(
    slots: dict[Hash32, int], data: st.DataObject
) -> None:
    trie = trie_of(slots)
    slot = data.draw(st.sampled_from(sorted(slots)))
    nodes = trie.proof(slot)
    del nodes[data.draw(st.integers(0, len(nodes) - 1))]

    with pytest.raises(BadStateProof, match="missing"):
        storage_word(trie.root, slot, nodes)


@given(FEW_SLOTS)
def test_storage_word__proof_of_another_slot__refused_or_absent_alike(
    slots: dict[Hash32, int],
) -> None:
    """A proof for one slot says about another one the truth, or nothing."""
    trie = trie_of(slots)
    for slot in slots:
        for other, value in slots.items():
            try:
                found = storage_word(trie.root, other, trie.proof(slot))
            except BadStateProof:
                continue
            assert found == value


def test_storage_word__empty_trie__zero_without_nodes() -> None:
    assert storage_word(EMPTY_TRIE_ROOT, Hash32.from_int(1), []) == 0
    assert trie_of({}).root == EMPTY_TRIE_ROOT


def test_storage_word__no_nodes_for_a_root__refused() -> None:
    trie = trie_of({Hash32.from_int(1): 5})

    with pytest.raises(BadStateProof, match=f"the node {trie.root} is missing"):
        storage_word(trie.root, Hash32.from_int(1), [])


def test_storage_word__nodes_of_no_use__ignored() -> None:
    slots = {Hash32.from_int(1): 5, Hash32.from_int(2): 6}
    trie = trie_of(slots)
    slot = Hash32.from_int(1)

    assert storage_word(trie.root, slot, [rlp.encode([b"x"]), *trie.proof(slot)]) == 5


def account(nonce: int, balance: int, root: Hash32, code: Hash32) -> bytes:
    encoded: bytes = rlp.encode([nonce, balance, bytes(root), bytes(code)])
    return encoded


def test_account_at__present_and_absent__its_fields() -> None:
    addresses = [Address(bytes([place]) * 20) for place in range(1, 60)]
    storage, code = keccak(b"storage"), keccak(b"code")
    trie = StateTrie(
        {
            bytes(one): account(place, 10**18 * place, storage, code)
            for place, one in enumerate(addresses)
        }
    )

    found = account_at(trie.root, addresses[7], trie.proof(addresses[7]))
    stranger = Address(b"\xee" * 20)

    assert found == AccountState(
        nonce=7, balance_wei=7 * 10**18, storage_root=storage, code_hash=code
    )
    assert account_at(trie.root, stranger, trie.proof(stranger)) == AccountState(
        nonce=0, balance_wei=0, storage_root=EMPTY_TRIE_ROOT, code_hash=EMPTY_CODE_HASH
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (rlp.encode([1, 2]), "no account"),
        (rlp.encode(b"word"), "no account"),
        (rlp.encode([1, 2, b"short", bytes(32)]), "another length"),
        (rlp.encode([1, 2, bytes(32), bytes(31)]), "another length"),
        (b"\xc5\x01", "not RLP"),
    ],
)
def test_account_at__value_of_another_shape__refused(value: bytes, message: str) -> None:
    address = Address(b"\x01" * 20)
    trie = StateTrie({bytes(address): value})

    with pytest.raises(BadStateProof, match=message):
        account_at(trie.root, address, trie.proof(address))


@pytest.mark.parametrize(
    ("value", "message"),
    [(rlp.encode([1]), "no word"), (rlp.encode(b"\x01" * 33), "no word"), (b"", "not RLP")],
)
def test_storage_word__value_of_another_shape__refused(value: bytes, message: str) -> None:
    slot = Hash32.from_int(1)
    trie = StateTrie({bytes(slot): value})

    with pytest.raises(BadStateProof, match=message):
        storage_word(trie.root, slot, trie.proof(slot))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (rlp.encode(b"text"), "no list"),
        (rlp.encode([b"a", b"b", b"c"]), "neither a branch"),
        (rlp.encode([b"", b"b"]), "neither a branch"),
        (rlp.encode([b"\x40", b"b"]), "begins with 0x40"),
        (rlp.encode([b"\x05", b"b"]), "begins with 0x05"),
        (rlp.encode([b"\x00", b"short"]), "a reference of 5 bytes"),
    ],
)
def test_storage_word__malformed_node_with_the_right_hash__refused(
    node: bytes, message: str
) -> None:
    with pytest.raises(BadStateProof, match=message):
        storage_word(keccak(node), Hash32.from_int(1), [node])


def test_storage_word__way_longer_than_the_key__refused() -> None:
    slot = Hash32.from_int(1)
    whole = keccak(slot).hex()
    below = rlp.encode([b"\x20", b"value that is long enough to be hashed by its parent"])
    top = rlp.encode([bytes.fromhex("00" + whole), bytes(keccak(below))])

    with pytest.raises(BadStateProof, match="after the key's end"):
        storage_word(keccak(top), slot, [top, below])


def test_mapping_slot__known_example__as_solidity() -> None:
    """Element 1 of the mapping that stands first in a contract."""
    assert (
        str(mapping_slot(b"\x01", 0))
        == "0xada5013122d395ba3c54772283fb069b10426056ef8ca54750cb9bb552a59e7d"
    )


PROOFS = [one for one in exchanges("eth_getProof") if one.result is not None]


@pytest.mark.parametrize("one", PROOFS, ids=[one.name for one in PROOFS])
def test_account_at__published_proof__what_was_answered(one: Exchange) -> None:
    header = header_asked_for(one)
    if header is None:
        pytest.skip("its block is not in chain.rlp")
    result = one.result
    nodes = [bytes_from_hex(node) for node in result["accountProof"]]
    address = Address(bytes_from_hex(result["address"]))

    account = account_at(header.state_root, address, nodes)

    assert account == AccountState(
        nonce=int(result["nonce"], 16),
        balance_wei=int(result["balance"], 16),
        storage_root=Hash32(bytes_from_hex(result["storageHash"])),
        code_hash=Hash32(bytes_from_hex(result["codeHash"])),
    )
    for slot in result["storageProof"]:
        proof = [bytes_from_hex(node) for node in slot["proof"]]
        word = storage_word(account.storage_root, Hash32.from_int(int(slot["key"], 16)), proof)
        assert word == int(slot["value"], 16)


def header_asked_for(one: Exchange) -> Header | None:
    """The header of the block that a proof was asked at: a number, a hash, a tag or nothing."""
    asked = (one.request["params"][2:] or ["latest"])[0]
    place = str(next(iter(asked.values())) if isinstance(asked, dict) else asked)
    by_name = {str(header.hash): header for header in chain_headers()}
    by_name |= {hex(header.number): header for header in chain_headers()}
    newest = chain_headers()[-1] if chain_headers() else None
    return by_name.get(place) if place.startswith("0x") else newest
