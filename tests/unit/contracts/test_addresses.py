import json
from dataclasses import replace

import pytest

from contracts.addresses import (
    BadAddressBook,
    Settlement,
    committed_settlements,
    settlements_from_json,
    settlements_to_json,
)
from contracts.event_spec import PAYMENT_CONTRACTS, ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, BlockNumber, ChainId

SETTLEMENT = Settlement(
    name="demo",
    chain_id=ChainId(31337),
    start_block=BlockNumber(3),
    contracts={
        name: Address(bytes([index]) * 20) for index, name in enumerate(ROYALTY_CONTRACTS, start=1)
    },
    tokens=(Address(b"\x99" * 20),),
    payments={
        name: Address(bytes([index]) * 20) for index, name in enumerate(PAYMENT_CONTRACTS, start=50)
    },
    collections=(Address(b"\x98" * 20),),
)


def test_address_book__written_and_read__is_equal() -> None:
    text = settlements_to_json((SETTLEMENT,))

    assert settlements_from_json(text, "book") == (SETTLEMENT,)


def test_sources__every_address__names_its_contract() -> None:
    sources = SETTLEMENT.sources()

    assert sources[SETTLEMENT.payouts] is ContractName.EPOCH_PAYOUTS
    assert sources[SETTLEMENT.tokens[0]] is ContractName.ERC20
    assert sources[SETTLEMENT.collections[0]] is ContractName.ERC721
    assert sources[SETTLEMENT.payments[ContractName.TIP_RELAY]] is ContractName.TIP_RELAY
    assert len(sources) == len(ContractName)


@pytest.mark.parametrize("missing", ["contracts", "tokens", "start_block"])
def test_address_book__field_missing__names_file_and_field(missing: str) -> None:
    book = json.loads(settlements_to_json((SETTLEMENT,)))
    del book["settlements"]["demo"][missing]

    with pytest.raises(BadAddressBook, match=rf"book\.json.*{missing}"):
        settlements_from_json(json.dumps(book), "book.json")


def test_address_book__not_json__names_the_file() -> None:
    with pytest.raises(BadAddressBook, match=r"book\.json"):
        settlements_from_json("{", "book.json")


def test_address_book__before_payments__has_none() -> None:
    book = json.loads(settlements_to_json((SETTLEMENT,)))
    del book["settlements"]["demo"]["payments"], book["settlements"]["demo"]["collections"]

    (read,) = settlements_from_json(json.dumps(book), "book.json")

    assert read == replace(SETTLEMENT, payments={}, collections=())


def test_address_book__unknown_payment_contract__named() -> None:
    book = json.loads(settlements_to_json((SETTLEMENT,)))
    book["settlements"]["demo"]["payments"]["EpochPayouts"] = "0x" + "11" * 20

    with pytest.raises(BadAddressBook, match=r"book\.json.*payments.*'EpochPayouts'"):
        settlements_from_json(json.dumps(book), "book.json")


def test_committed_settlements__unknown_chain__none() -> None:
    assert committed_settlements(ChainId(2**40)) == ()
