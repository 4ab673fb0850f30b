"""Receipts roots and blooms of published blocks, and the consensus encoding."""

from typing import Any

import pytest
import rlp

from contracts.evm import keccak
from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.receipts import (
    NOT_COMMITTED,
    Place,
    block_bloom,
    encoded_receipt,
    receipt_bloom,
    receipts_root,
)
from tests.block_answers import made_up_receipts
from tests.published import (
    PublishedBlock,
    exchanges,
    folders,
    node_answers,
    published_blocks,
)

PUBLISHED = published_blocks()
RECEIPTS = [
    *((one.name, one.result) for one in exchanges("eth_getTransactionReceipt") if one.result),
    *(
        (f"{folder.name}-{name[:10]}", result)
        for folder in folders()
        for name, result in node_answers(folder, "eth_getTransactionReceipt")
    ),
]


@pytest.mark.parametrize("one", PUBLISHED, ids=[one.name for one in PUBLISHED])
def test_receipts_root__published_block__equals_that_of_its_header(one: PublishedBlock) -> None:
    header = block_from_document(one.block, "block").header
    receipts = receipts_from_document(one.receipts, "receipts")

    assert receipts_root(receipts) == header.receipts_root
    assert block_bloom(receipts) == header.logs_bloom


@pytest.mark.parametrize(
    ("name", "answer"),
    RECEIPTS,
    ids=[f"{place}-{name}" for place, (name, _) in enumerate(RECEIPTS)],
)
def test_encoded_receipt__published__type_byte_and_bloom(name: str, answer: Any) -> None:
    (receipt,) = receipts_from_document([answer], name)
    kind, encoded = receipt.type, encoded_receipt(receipt)

    assert receipt.logs_bloom == receipt_bloom(receipt).to_bytes(256, "big")
    assert (encoded[0] if kind else 0) == kind == int(answer.get("type", "0x0"), 16)
    outcome, gas, bloom, logs = rlp.decode(encoded[1:] if kind else encoded)
    assert (outcome, int.from_bytes(gas, "big")) == (receipt.outcome, receipt.cumulative_gas_used)
    assert (bloom, len(logs)) == (receipt.logs_bloom, len(receipt.logs))


def test_encoded_receipt__made_up__equals_reference_encoding() -> None:
    receipts = receipts_from_document(made_up_receipts(5), "made up")
    for receipt in receipts:
        logs = [[log.address, list(log.topics), log.data] for log in receipt.logs]
        fields = [receipt.outcome, receipt.cumulative_gas_used]
        body = rlp.encode([*fields, receipt_bloom(receipt).to_bytes(256, "big"), logs])
        assert encoded_receipt(receipt) == bytes([receipt.type][: receipt.type]) + body

    assert [receipt.outcome for receipt in receipts[:2]] == [b"", b"\x01"]


def test_receipt_bloom__one_value__its_three_bits() -> None:
    receipt = receipts_from_document(made_up_receipts(2), "made up")[1]
    digests = [keccak(value) for value in (receipt.logs[0].address, *receipt.logs[0].topics)]
    bits = {
        int.from_bytes(digest[place : place + 2], "big") % 2048
        for digest in digests
        for place in (0, 2, 4)
    }

    assert receipt_bloom(receipt) == sum(1 << bit for bit in bits)


def test_not_committed__names__are_the_fields_of_a_place() -> None:
    plain = {"".join(c if c.islower() else "_" + c.lower() for c in name) for name in NOT_COMMITTED}

    assert plain == set(Place.__slots__)


def deposit(gas: int, **fields: str) -> dict[str, object]:
    plain = {"type": "0x7e", "status": "0x1", "cumulativeGasUsed": hex(gas), "logs": []}
    return {**plain, **fields}


@pytest.mark.parametrize(
    ("gas", "nonce", "root"),
    [
        (0xF9F5, 0xD2DF2, "3c715dd96d2597ccd46fde046da5e4b13e0a5b7d0a2ff60c3ee6c92fee9600ea"),
        (0xCCFD, 0x86147, "dbf9def3e8d930433596aa91b3ad3279652031ca45b1a3ca92785703f84aa6b0"),
        (0xC545, 0xAA547, "0e7c255df3e2b7ca4d55b82047531f7f3e7437ab1eb33e22eca70653c874982d"),
    ],
)
def test_receipts_root__deposit_before_canyon__published_and_without_its_nonce(
    gas: int, nonce: int, root: str
) -> None:
    """Blocks 863731, 549192 and 697672 of Manta Sepolia: each has one deposit, and a nonce."""
    (receipt,) = receipts_from_document([deposit(gas, depositNonce=hex(nonce))], "manta")

    assert receipt.deposit is None
    assert receipts_root([receipt]).hex() == root


def test_receipts_root__deposit_and_transfer_before_canyon__published() -> None:
    """Block 836765 of Manta Sepolia."""
    transfer = {
        "address": "0x9c76c6304885661cdb97f3984b13114b6d4b5248",
        "topics": [
            "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
            "0x00000000000000000000000070ce2d9bb8502e302b9cbe5c56a5d0f1067da713",
            "0x000000000000000000000000717c7f9822e8c2ae6a64773f7a92727755a7e2fc",
        ],
        "data": "0x00000000000000000000000000000000000000000000003635c9adc5dea00000",
    }
    ordinary = {"type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x18336", "logs": [transfer]}
    given = [deposit(0xCCFD, depositNonce="0xcc49c"), ordinary]

    assert receipts_root(receipts_from_document(given, "manta")).hex() == (
        "11e432ab48d8ffcb3278758a25fb2e10ba1267feae336da97a0f7bc861c74bbe"
    )


def test_encoded_receipt__deposit_since_canyon__nonce_and_version_at_the_end() -> None:
    fields = {"depositNonce": "0x3d3bbf", "depositReceiptVersion": "0x1"}
    (receipt,) = receipts_from_document([deposit(46_913, **fields)], "canyon")

    published = "7ef9010d0182b741b90100" + "00" * 256 + "c0833d3bbf01"
    assert encoded_receipt(receipt).hex() == published


def test_encoded_receipt__fields_of_a_deposit_on_another_type__not_encoded() -> None:
    fields = {"depositNonce": "0x3d3bbf", "depositReceiptVersion": "0x1", "type": "0x2"}
    with_them, without = receipts_from_document(
        [deposit(46_913, **fields), deposit(46_913, type="0x2")], "other"
    )

    assert encoded_receipt(with_them) == encoded_receipt(without)
