"""Header hashes against real chains, and against an independent RLP."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import Address, BlockNumber, Hash32, Timestamp, keccak
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

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "vectors"
CHAIN = VECTORS / "execution-apis" / "tests" / "chain.rlp"
BLOCKS = VECTORS / "execution-apis" / "tests" / "eth_getBlockByNumber"
MAINNET = VECTORS / "ethereum-etl" / "test_stream"
needs_vectors = pytest.mark.skipif(not CHAIN.exists(), reason="../shared/vectors is absent")

FORKS = ("genesis", "london-fork", "merge-fork", "shanghai-fork", "cancun-fork", "prague-fork")


def optional_hash(fields: list[bytes], place: int) -> Hash32 | None:
    return Hash32(fields[place]) if len(fields) > place else None


def optional_integer(fields: list[bytes], place: int) -> int | None:
    return int.from_bytes(fields[place], "big") if len(fields) > place else None


def header_from_rlp(fields: list[bytes]) -> Header:
    numbers = [int.from_bytes(field, "big") for field in fields[7:12]]
    return Header(
        hash=keccak(rlp.encode(fields)),
        parent_hash=Hash32(fields[0]),
        uncles_hash=Hash32(fields[1]),
        miner=Address(fields[2]),
        state_root=Hash32(fields[3]),
        transactions_root=Hash32(fields[4]),
        receipts_root=Hash32(fields[5]),
        logs_bloom=fields[6],
        difficulty=numbers[0],
        number=BlockNumber(numbers[1]),
        gas_limit=numbers[2],
        gas_used=numbers[3],
        timestamp=Timestamp(numbers[4]),
        extra_data=fields[12],
        mix_hash=Hash32(fields[13]),
        nonce=fields[14],
        base_fee_wei=optional_integer(fields, 15),
        withdrawals_root=optional_hash(fields, 16),
        blob_gas_used=optional_integer(fields, 17),
        excess_blob_gas=optional_integer(fields, 18),
        parent_beacon_block_root=optional_hash(fields, 19),
        requests_hash=optional_hash(fields, 20),
    )


def headers_of_chain_file() -> list[Header]:
    headers = []
    content = CHAIN.read_bytes()
    while content:
        block, _, length = rlp.codec.consume_item(content, 0)
        headers.append(header_from_rlp(list(block[0])))
        content = content[length:]
    return headers


def answered_block(fork: str) -> dict[str, object]:
    name = "get-genesis.io" if fork == "genesis" else f"get-block-{fork}.io"
    answer = next(line for line in (BLOCKS / name).read_text().splitlines() if line[:2] == "<<")
    result = json.loads(answer[3:])["result"]
    assert isinstance(result, dict)
    return result


def changed(value: int | bytes) -> int | bytes:
    if isinstance(value, int):
        return value + 1
    return type(value)(bytes((value[0] ^ 1,)) + value[1:]) if value else b"\x02"


@needs_vectors
def test_header_hash__published_chain__every_block_links() -> None:
    headers = headers_of_chain_file()

    assert len(headers) == 54
    assert [header_hash(header) for header in headers] == [header.hash for header in headers]
    assert [keccak(header_rlp(header)) for header in headers] == [one.hash for one in headers]
    check_links(headers, parent=None)
    assert {header.requests_hash is None for header in headers} == {True, False}


@needs_vectors
@pytest.mark.parametrize("fork", FORKS)
def test_header_hash__block_of_each_fork__equals_published(fork: str) -> None:
    header = header_from_answer(answered_block(fork))

    assert header_hash(header) == header.hash


@needs_vectors
@pytest.mark.parametrize(
    "name",
    [
        "blocks_508110_508110/web3_response.eth_getBlockByNumber_0x7c0ce_false.json",
        "blocks_1755634_1755635/web3_response.eth_getBlockByNumber_0x1ac9f2_true.json",
        "blocks_2112234_2112234/web3_response.eth_getBlockByNumber_0x203aea_false.json",
    ],
)
def test_header_hash__legacy_mainnet_block__equals_published(name: str) -> None:
    header = header_from_answer(json.loads((MAINNET / name).read_text())["result"])

    assert header.base_fee_wei is None
    assert verified(header) is header


@needs_vectors
@pytest.mark.parametrize("field", [name for name in Header.__slots__ if name != "hash"])
def test_verified__any_field_changed__refused(field: str) -> None:
    header = header_from_answer(answered_block("prague-fork"))
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
