"""Header hashes against real chains, and against an independent RLP."""

from dataclasses import replace
from typing import Any

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import keccak
from indexer.adapters.rpc_answers import header_from_answer
from indexer.chain import (
    Header,
    LocalChain,
    check_links,
    header_hash,
    header_rlp,
    rlp_integer,
    rlp_list,
    rlp_string,
    verified,
)
from indexer.errors import AnswersDisagree, HeaderRefused
from tests.fakes_chain import FakeChain
from tests.published import REASON, chain_headers, node_blocks

BLOCKS = node_blocks()


def changed(value: int | bytes) -> int | bytes:
    if isinstance(value, int):
        return value + 1
    return type(value)(bytes((value[0] ^ 1,)) + value[1:]) if value else b"\x02"


@pytest.mark.skipif(not chain_headers(), reason=REASON)
def test_header_hash__published_chain__every_block_links() -> None:
    headers = chain_headers()

    assert [header_hash(header) for header in headers] == [header.hash for header in headers]
    assert [keccak(header_rlp(header)) for header in headers] == [one.hash for one in headers]
    check_links(headers, parent=None)


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_verified__published_block__has_the_hash_that_it_claims(block: dict[str, Any]) -> None:
    header = header_from_answer(block)

    assert verified(header) is header


@pytest.mark.skipif(not BLOCKS, reason=REASON)
@pytest.mark.parametrize("field", [name for name in Header.__slots__ if name != "hash"])
def test_verified__any_field_changed__refused(field: str) -> None:
    headers = [header_from_answer(block) for _, block in BLOCKS]
    header = next((one for one in headers if getattr(one, field) is not None), None)
    if header is None:
        pytest.skip(f"no published block has {field}")
    changes: dict[str, Any] = {field: changed(getattr(header, field))}

    with pytest.raises(HeaderRefused):
        verified(replace(header, **changes))


@given(st.binary(max_size=300), st.integers(0, 2**256 - 1))
def test_rlp__any_string_or_integer__equals_reference(payload: bytes, value: int) -> None:
    assert rlp_string(payload) == rlp.encode(payload)
    assert rlp_integer(value) == rlp.encode(value)
    assert rlp_list([rlp_string(payload), rlp_integer(value)]) == rlp.encode([payload, value])


def test_check_links__wrong_parent__disagrees() -> None:
    chain = FakeChain()
    chain.mine((), ())
    headers = [block.header for block in chain.canonical]
    chain.reorg(1, ())
    twin = chain.canonical[-1].header

    check_links(headers, parent=None)
    with pytest.raises(AnswersDisagree):
        check_links(
            [chain.canonical[0].header, headers[1], replace(twin, parent_hash=twin.hash)], None
        )


def test_check_links__gap__refused() -> None:
    chain = FakeChain()
    chain.mine((), ())

    with pytest.raises(HeaderRefused, match="came after block 0"):
        check_links([chain.canonical[0].header, chain.canonical[2].header], None)


def test_check_links__time_runs_back__refused() -> None:
    chain = FakeChain()
    chain.mine((), seconds=-1)

    with pytest.raises(HeaderRefused, match="time 999 is before 1000"):
        check_links([chain.canonical[1].header], chain.canonical[0].header.ref)


def test_check_links__same_timestamp__accepted() -> None:
    chain = FakeChain()
    chain.mine((), (), seconds=0)

    check_links([block.header for block in chain.canonical], None)


def test_local_chain__at__only_from_finalized_up() -> None:
    chain = FakeChain()
    chain.mine((), (), ())
    refs = [block.header.ref for block in chain.canonical]
    local = LocalChain(refs[1], (refs[2], refs[3]))

    assert [local.at(number) for number in range(-1, 5)] == [None, None, *refs[1:], None]
    assert local.head == refs[3]
    assert LocalChain(refs[1], ()).head == refs[1]
    assert LocalChain(None, ()).head is None
