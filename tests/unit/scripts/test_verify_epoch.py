"""The verifier's own keccak, ABI, DAPR and tree, and a hand-made bundle with known answers.

Oracles: pysha3, eth-abi, the golden vectors of the cwe formula, and the amounts worked out on paper
in `tests/bundle_builder.py`.
"""

import ast
import json
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import rlp
import sha3
from eth_abi.abi import encode

from contracts.event_spec import ContractName
from contracts.evm import Address
from indexer.trie import trie_root
from scripts import verify_epoch
from settlement.royalties.certificate import settlement_filter
from tests import bundle_builder as story
from tests.published import PublishedBlock, published_blocks

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "scripts" / "verify_epoch.py"
SMALL = ROOT / "tests" / "vectors" / "verify_epoch" / "small"
ONE = 10**6
PUBLISHED = [one for one in published_blocks() if one.receipts and "status" in one.receipts[-1]]
"""Blocks since Byzantium: before it there was no contract of ours."""


def pysha3(data: bytes) -> bytes:
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_keccak256__known_answers(message: bytes, digest: str) -> None:
    assert verify_epoch.keccak256(message).hex() == digest


def test_keccak256_many__lengths_around_a_block__equal_pysha3() -> None:
    lengths = (0, 1, 7, 8, 134, 135, 136, 137, 271, 272, 273, 408)
    messages = [bytes(range(256)) * 2 for _ in lengths]
    messages = [message[:length] for message, length in zip(messages, lengths, strict=True)]

    assert [verify_epoch.keccak256(message) for message in messages] == [*map(pysha3, messages)]
    assert verify_epoch.keccak256_many(messages) == [*map(pysha3, messages)]


def test_keccak256_many__random_messages_in_any_order__equal_pysha3() -> None:
    chance = random.Random(20)
    messages = [chance.randbytes(chance.randrange(600)) for _ in range(150)]

    assert verify_epoch.keccak256_many(messages) == [*map(pysha3, messages)]
    assert verify_epoch.keccak256_many([]) == []


def random_value(kind: str, chance: random.Random) -> Any:
    if kind.endswith("[]"):
        return [random_value(kind[:-2], chance) for _ in range(chance.randrange(5))]
    if kind.startswith("("):
        return tuple(random_value(member, chance) for member in kind[1:-1].split(","))
    if kind == "bytes":
        return chance.randbytes(chance.choice((0, 1, 31, 32, 33, 70)))
    if kind in ("address", "bytes32"):
        return chance.randbytes(20 if kind == "address" else 32)
    bits = int(kind.removeprefix("uint"))
    return chance.choice((0, 1, 2**bits - 1, chance.randrange(2**bits)))


ALL_EVENTS = verify_epoch.EVENTS + verify_epoch.PAYMENT_EVENTS


@pytest.mark.parametrize("event", verify_epoch.declared(ALL_EVENTS), ids=lambda event: event.name)
def test_decode_log__round_trip_with_eth_abi(event: verify_epoch.Event) -> None:
    chance = random.Random(event.name)
    parameters = event.indexed + event.plain

    for _ in range(20):
        values = {name: random_value(kind, chance) for kind, name in parameters}
        raw = story.raw_log(7, 3, event.contract, event.name, list(values.values()))
        log = log_from(raw)
        fact = verify_epoch.decode_log(log, story.CONTRACTS, ALL_EVENTS)

        assert fact is not None
        addresses = {name for kind, name in parameters if kind == "address"}
        assert {name: fact[name] for name in values} == values
        assert all(len(fact[name]) == 20 for name in addresses)


def log_from(raw: Mapping[str, Any]) -> verify_epoch.Log:
    return verify_epoch.Log(
        place="a log",
        block_number=int(raw["block_number"]),
        block_hash=bytes.fromhex(raw["block_hash"][2:]),
        log_index=int(raw["log_index"]),
        address=bytes.fromhex(raw["address"][2:]),
        topics=tuple(bytes.fromhex(topic[2:]) for topic in raw["topics"]),
        data=bytes.fromhex(raw["data"][2:]),
    )


def test_decode_log__right_topic_of_another_contract__no_event_of_ours() -> None:
    raw = story.verdict_log(7, 3, "VerdictPlaced", story.A)
    address = story.hex0x(story.CONTRACTS["EpochPayouts"])

    assert verify_epoch.decode_log(log_from(raw | {"address": address}), story.CONTRACTS) is None
    assert verify_epoch.decode_log(log_from(raw | {"topics": []}), story.CONTRACTS) is None


PLAIN = [("uint16", "part"), ("uint32[]", "plays"), ("bytes", "text"), ("address", "payee")]
GOOD = encode(["uint16", "uint32[]", "bytes", "address"], [5, [6, 7], b"quittance", b"\x11" * 20])
WORDS = [GOOD[at : at + 32] for at in range(0, len(GOOD), 32)]


def replaced(index: int, value: int | bytes) -> bytes:
    word = value if isinstance(value, bytes) else value.to_bytes(32, "big")
    return b"".join([*WORDS[:index], word, *WORDS[index + 1 :]])


def test_decode_data__well_formed__values() -> None:
    values = verify_epoch.decode_data(PLAIN, GOOD, "here")

    assert values == {"part": 5, "plays": [6, 7], "text": b"quittance", "payee": b"\x11" * 20}


# Words of GOOD: 0 part, 1 offset of plays, 2 offset of text, 3 payee, 4 length 2, 5, 6, 7 length 9,
# 8 text.
@pytest.mark.parametrize(
    ("data", "about"),
    [
        pytest.param(b"", "length", id="empty"),
        pytest.param(GOOD[:96], "length", id="head cut"),
        pytest.param(GOOD[:-1], "length", id="not whole words"),
        pytest.param(GOOD + b"\0", "length", id="one byte more"),
        pytest.param(GOOD + bytes(32), "after the last", id="one word more"),
        pytest.param(GOOD[:-32], "passes the end", id="last word cut"),
        pytest.param(GOOD[:224], "does not start", id="last array cut"),
        pytest.param(replaced(0, 2**16), "uint16", id="uint16 too wide"),
        pytest.param(replaced(0, 2**255), "uint16", id="highest bit"),
        pytest.param(replaced(1, 160), "does not start", id="gap before the array"),
        pytest.param(replaced(1, 96), "does not start", id="offset into the head"),
        pytest.param(replaced(1, 2**256 - 1), "does not start", id="offset far outside"),
        pytest.param(replaced(2, 128), "does not start", id="two offsets to one tail"),
        pytest.param(
            replaced(3, b"\x01" + bytes(11) + b"\x11" * 20), "address", id="dirty address"
        ),
        pytest.param(replaced(4, 1), "does not start", id="array shorter than its words"),
        pytest.param(replaced(4, 3), "does not start", id="array longer than its words"),
        pytest.param(replaced(4, 2**255), "passes the end", id="huge array"),
        pytest.param(replaced(6, 2**32), "uint32", id="dirty element"),
        pytest.param(replaced(7, 33), "passes the end", id="bytes longer than the data"),
        pytest.param(replaced(7, 8), "not padded", id="bytes shorter than written"),
        pytest.param(
            replaced(8, b"quittance" + bytes(22) + b"\1"), "not padded", id="dirty padding"
        ),
    ],
)
def test_decode_data__malformed__refused(data: bytes, about: str) -> None:
    with pytest.raises(verify_epoch.BadInput, match=about):
        verify_epoch.decode_data(PLAIN, data, "here")


def test_decode_log__topics_missing_added_or_dirty__refused() -> None:
    raw = story.payment_logs(7, 3, story.S1, story.TIER_1, (story.TOKEN_X, 1))[0]
    topics = raw["topics"]
    dirty = "0x01" + topics[1][4:]

    for wrong in (topics[:-1], [*topics, topics[3]], [topics[0], dirty, *topics[2:]]):
        with pytest.raises(verify_epoch.BadInput, match="Subscribed"):
            verify_epoch.decode_log(log_from(raw | {"topics": wrong}), story.CONTRACTS)


def test_multipliers__k_one__golden_values() -> None:
    golden = {
        0: 1000000, 1: 1000000, 2: 750000, 3: 611111, 4: 520833, 5: 456666, 6: 408333, 7: 370408,
        8: 339732, 16: 211295, 32: 126827, 64: 74122, 100: 51873, 1000: 7485, 5000: 1818,
        100_000: 120, 4_000_000_000: 120,
    }  # fmt: skip

    assert verify_epoch.multipliers(golden, ONE, 100_000) == golden
    assert verify_epoch.multipliers([100], ONE, 64) == {100: 74122}
    assert verify_epoch.multipliers([0, 9], 0, 64) == {0: ONE, 9: ONE}


def weights(*rows: tuple[int, int]) -> list[int]:
    """Raw weights of rows (minutes, plays) at price 1 and region 1."""
    factor = verify_epoch.multipliers([plays for _, plays in rows], ONE, 100_000)
    return [minutes * ONE * factor[plays] for minutes, plays in rows]


@pytest.mark.parametrize(
    ("fee", "raw", "credibility_ppm", "credited"),
    [
        pytest.param(10, [7, 7, 7], ONE, [4, 3, 3], id="equal rows, the first gets the unit"),
        pytest.param(ONE, weights((60, 1), (20, 1)), ONE, [750000, 250000], id="60 to 20"),
        pytest.param(ONE, weights((10, 1), (10, 4)), ONE, [657534, 342466], id="replays"),
        pytest.param(ONE, weights((60, 1)), 250_000, [250000], id="credibility 1/4"),
        pytest.param(100_000, weights((60, 5000)), 100_000, [10000], id="5,000 plays, 1/10"),
        pytest.param(100_000, weights((60, 5000)), ONE, [100000], id="5,000 plays"),
        pytest.param(ONE, [0, 0], ONE, [0, 0], id="no weight"),
        pytest.param(ONE, [], ONE, [], id="no rows"),
    ],
)
def test_divide_fee__golden_vectors(
    fee: int, raw: list[int], credibility_ppm: int, credited: list[int]
) -> None:
    credible = [weight * credibility_ppm // ONE for weight in raw]

    assert verify_epoch.divide_fee(fee, raw, credible) == credited


def test_divide_fee__row_without_credibility__stays_in_the_denominator() -> None:
    assert verify_epoch.divide_fee(ONE, [300, 100], [0, 100]) == [0, 250000]
    assert verify_epoch.divide_fee(ONE, [300, 100], [150, 100]) == [375000, 250000]
    assert verify_epoch.divide_fee(ONE, [300, 100], [0, 0]) == [0, 0]


def fact_of(raw: Mapping[str, Any]) -> verify_epoch.Fact:
    fact = verify_epoch.decode_log(log_from(raw), story.CONTRACTS)
    assert fact is not None
    return fact


def shared_out(parts: int) -> dict[bytes, int]:
    """Addresses 1, 2, … with as equal shares as ppm allow."""
    shares = [ONE // parts + (index < ONE % parts) for index in range(parts)]
    return {index.to_bytes(20, "big"): share for index, share in enumerate(shares, start=1)}


def registry_of(
    payees: Mapping[bytes, int],
    splits: Mapping[bytes, Mapping[bytes, int]] | None = None,
    payouts: bytes = bytes(20),
) -> verify_epoch.Registry:
    """A registry with work A, and split accounts with these payees."""
    work = verify_epoch.Work(fact_of(story.Terms(work_id=story.A, payees=payees).log(12, 0)), 1110)
    accounts = {}
    for account, shares in (splits or {}).items():
        values = (account, story.REGISTRANT, 1, 1, list(shares), list(shares.values()))
        raw = story.raw_log(12, 1, "SplitAccounts", "SplitTermsSet", values)
        accounts[account] = fact_of(raw)
    contract = story.CONTRACTS["SplitAccounts"]
    return verify_epoch.Registry({story.A: work}, accounts, payouts, contract)


def earned_by_a(amount: int) -> dict[tuple[bytes, bytes], int]:
    return {(story.A, story.TOKEN_X): amount}


@pytest.mark.parametrize(
    ("payees", "sizes"), [(1, [1]), (32, [32]), (33, [32, 1]), (65, [32, 32, 1])]
)
def test_split_works__many_payees__parts_of_32(payees: int, sizes: list[int]) -> None:
    registry = registry_of(shared_out(payees))

    leaves, refused = verify_epoch.split_works(earned_by_a(10**9 + 7), registry)

    assert [len(leaf.lines) for leaf in leaves] == sizes
    assert [leaf.part for leaf in leaves] == list(range(len(sizes)))
    assert sum(leaf.amount for leaf in leaves) == 10**9 + 7
    assert refused == []


def test_split_works__two_units_for_three_payees__no_zero_line() -> None:
    leaves, _ = verify_epoch.split_works(earned_by_a(2), registry_of(shared_out(3)))

    assert [amount for _, amount in leaves[0].lines] == [1, 1]


def test_split_works__payouts_contract_as_payee__its_line_is_in_suspense() -> None:
    registry = registry_of(shared_out(3), payouts=(2).to_bytes(20, "big"))

    leaves, refused = verify_epoch.split_works(earned_by_a(30), registry)

    assert [(leaf.work_id[0], leaf.amount) for leaf in leaves] == [(0, 20), (3, 10)]
    assert leaves[1].lines == [(registry.payouts, 10)]
    assert leaves[1].work_id[1:] == story.A[1:]
    assert [(line.position, line.reason, line.amount) for line in refused] == [
        (1, "unpayable_payee", 10)
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 32, 33, 100])
def test_tree_root__any_size__equals_the_plain_heap(count: int) -> None:
    leaves = [pysha3(bytes([count, index])) for index in range(count)]
    heap = [b""] * (count - 1) + sorted(leaves, reverse=True)
    for node in range(count - 2, -1, -1):
        heap[node] = pysha3(b"".join(sorted(heap[2 * node + 1 : 2 * node + 3])))

    assert verify_epoch.tree_root(leaves) == heap[0]


def test_tree_root__no_leaves__zero() -> None:
    assert verify_epoch.tree_root([]) == bytes(32)


@pytest.mark.parametrize("count", [0, 1, 2, 16, 17, 127, 128, 129, 256, 300])
def test_trie_root__any_count__equals_the_engines(count: int) -> None:
    values = [bytes([at % 251]) * (1 + at % 70) for at in range(count)]

    assert verify_epoch.trie_root(values) == trie_root(values)


@pytest.mark.parametrize("one", PUBLISHED, ids=[one.name for one in PUBLISHED])
def test_trie_root__receipts_of_a_real_block__the_root_of_its_header(one: PublishedBlock) -> None:
    receipts = one.receipts
    expected = bytes.fromhex(one.block["receiptsRoot"][2:])

    def root(answer: list[dict[str, Any]]) -> bytes:
        return verify_epoch.trie_root([verify_epoch.encode_receipt(one) for one in answer])

    assert root(receipts) == expected
    assert root(receipts[:-1]) != expected
    assert root([receipts[1], receipts[0], *receipts[2:]]) != expected


def test_encode_receipt__deposit_of_the_op_stack__two_more_fields() -> None:
    deposit = {
        "type": "0x7e",
        "status": "0x1",
        "cumulativeGasUsed": "0xffff",
        "logs": [],
        "depositNonce": "0x10",
        "depositReceiptVersion": "0x1",
    }
    plain = [b"\x01", 0xFFFF, bytes(256), []]

    assert verify_epoch.encode_receipt(deposit) == b"\x7e" + rlp.encode([*plain, 0x10, 1])
    before_canyon = deposit | {"depositReceiptVersion": None}
    assert verify_epoch.encode_receipt(before_canyon) == b"\x7e" + rlp.encode(plain)


def test_settlement_filter__equals_the_engines() -> None:
    contracts = {ContractName(name): Address(one) for name, one in story.CONTRACTS.items()}

    ours, theirs = settlement_filter(contracts), verify_epoch.settlement_filter(story.CONTRACTS)

    assert (list(ours.addresses), list(ours.topics0)) == theirs


def test_check_first_header__start_block_in_the_epoch_but_anchored__refused() -> None:
    """A range that hides the first blocks of the first epoch."""
    bundle = verify_epoch.read_bundle(str(SMALL))
    moved = bundle._replace(inputs=bundle.inputs._replace(start_block=17))

    with pytest.raises(verify_epoch.Difference, match="no anchor in the first epoch"):
        verify_epoch.check_first_header(moved)


def test_vectors__in_another_epoch__first_header_by_its_time() -> None:
    bundle = verify_epoch.read_bundle(str(SMALL))
    zero = story.hex0x(bytes(32))
    named = bundle.manifest["completeness"] | {"previous": zero}
    manifest = bundle.manifest | {"completeness": named, "previous_manifest_digest": zero}
    first = bundle.headers[0]._replace(claim="proved")
    headers = [first, *bundle.headers[1:]]
    inputs = bundle.inputs._replace(start_block=16)
    right = bundle._replace(manifest=manifest, headers=headers, inputs=inputs)

    verify_epoch.check_first_header(right)
    for wrong in (inputs._replace(start_block=15), inputs._replace(epoch=3)):
        with pytest.raises(verify_epoch.Difference, match=r"headers\.jsonl line 1"):
            verify_epoch.check_first_header(right._replace(inputs=wrong))


def code_of(directory: Path, *options: str) -> int:
    return verify_epoch.main([str(directory), *options])


def test_vectors__in_the_repository__are_the_story() -> None:
    files = story.story_files()
    stored = {path.name: path.read_bytes() for path in SMALL.iterdir()}

    assert stored == {**files, "bundle.json": story.bundle_json(files)}


def test_main__known_bundle__summary(capsys: pytest.CaptureFixture[str]) -> None:
    code = code_of(SMALL)

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("OK  epoch 2, attempt 1")
    for amount in ("1500060", "1375003", "125057", "101", "53", "22", "26"):
        assert f" {amount}\n" in out
    assert "not checked" in out


def test_main__isolated_without_site__one_json_object() -> None:
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(SMALL), "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)

    manifest = (SMALL / "manifest.json").read_bytes()
    assert json.loads(answer.stdout) == {
        "result": "OK",
        "epoch": 2,
        "manifest_digest": story.hex0x(pysha3(manifest)),
        "root": json.loads(manifest)["tree"]["root"],
        "rpc": None,
        "commitment": None,
        "payments": None,
    }


def test_program__source__standard_library_and_integers_only() -> None:
    tree = ast.parse(PROGRAM.read_text())

    for node in ast.walk(tree):
        assert not isinstance(node, ast.Div), "a division"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), "a float"
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [str(node.module)]
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
