import json
from typing import Any

import pytest

from contracts.batches import ParametersColumns
from contracts.evm import ZERO_ADDRESS, BlockNumber, Epoch, LogIndex, keccak
from settlement.errors import BadParameters, NoParametersInForce
from settlement.royalties.certificate import Level
from settlement.royalties.fees import FeeEntry
from settlement.royalties.parameters import (
    parameters_from_bytes,
    parameters_in_force,
    row_in_force,
)
from tests.royalties_builders import ANN, BOB, CAT, REGION, fee_json, parameters_json


def columns_of(*changes: tuple[int, bytes]) -> ParametersColumns:
    return ParametersColumns(
        block_number=[BlockNumber(at) for at in range(len(changes))],
        log_index=[LogIndex(0)] * len(changes),
        effective_epoch=[epoch for epoch, _ in changes],
        digest=[keccak(data) for _, data in changes],
        parameters=[data for _, data in changes],
    )


def test_parameters__published_form__read() -> None:
    data = parameters_json(k_ppm="5", plays_max="64")

    parameters = parameters_from_bytes(data)

    assert (parameters.ruleset, parameters.k_ppm, parameters.plays_max) == ("usercentric-v1", 5, 64)
    assert parameters.regions == {REGION: 1_000_000}
    assert parameters.digest == keccak(data)


@pytest.mark.parametrize("level", Level)
def test_parameters__completeness__under_the_digest(level: Level) -> None:
    data = parameters_json(completeness=level.value)

    parameters = parameters_from_bytes(data)

    assert parameters.completeness is level
    assert parameters.digest == keccak(data) != parameters_from_bytes(parameters_json()).digest


def test_parameters__completeness_left_out__receipts() -> None:
    assert parameters_from_bytes(parameters_json()).completeness is Level.RECEIPTS


def test_parameters__completeness_instead_of_another_field__refused() -> None:
    document = json.loads(parameters_json(completeness="headers"))
    del document["k_ppm"]

    with pytest.raises(BadParameters, match=r"document: .*completeness"):
        parameters_from_bytes(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k_ppm": 1}, "k_ppm: 1 is not a decimal string"),
        ({"k_ppm": "-1"}, "k_ppm: '-1' is not a decimal string"),
        ({"k_ppm": "01"}, "k_ppm: '01'"),
        ({"k_ppm": str(2**64)}, "k_ppm: '18446744073709551616'"),
        ({"plays_max": "0"}, "plays_max: '0' is not positive"),
        ({"plays_max": "100001"}, "plays_max: '100001' is not a decimal string up to 100000"),
        ({"regions": []}, r"regions: \[\] is not an object"),
        ({"regions": {"0xAB": "1"}}, "regions: '0xAB' is not a region rule"),
        ({"regions": {str(REGION): "x"}}, f"regions.{REGION}: 'x'"),
        ({"ruleset": ["x"]}, r"ruleset: \['x'\] is not a name"),
        ({"completeness": "none"}, "completeness: 'none' is not one of .'headers', 'receipts'."),
        ({"completeness": "Headers"}, "completeness: 'Headers' is not one of"),
        ({"completeness": ["headers"]}, "completeness: .'headers'. is not one of"),
        ({"alpha": "1"}, "document: .*alpha.* is not exactly"),
    ],
)
def test_parameters__wrong_field__named(changes: dict[str, Any], message: str) -> None:
    document = json.loads(parameters_json()) | changes
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    with pytest.raises(BadParameters, match=message):
        parameters_from_bytes(data)


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"\xff", "JSON"),
        (b'{"k_ppm":"1","k_ppm":"2"}', "JSON .*k_ppm"),
        (b"[]", "an object"),
        (parameters_json() + b" ", "canonical JSON"),
        (b'{"\\ud800":"1"}', "JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "JSON"),
    ],
)
def test_parameters__not_one_canonical_object__refused(data: bytes, wanted: str) -> None:
    with pytest.raises(BadParameters, match=f"document: .* is not {wanted}"):
        parameters_from_bytes(data)


def test_parameters_in_force__later_change__not_yet() -> None:
    now, later = parameters_json(k_ppm="1"), parameters_json(k_ppm="2")
    columns = columns_of((3, now), (4, later))

    assert parameters_in_force(columns, Epoch(3)).k_ppm == 1
    assert parameters_in_force(columns, Epoch(4)).k_ppm == 2


def test_parameters_in_force__two_of_one_epoch__last_counts() -> None:
    columns = columns_of((3, parameters_json(k_ppm="1")), (3, parameters_json(k_ppm="2")))

    assert parameters_in_force(columns, Epoch(3)).k_ppm == 2


def test_parameters_in_force__none__refused() -> None:
    with pytest.raises(NoParametersInForce, match="epoch 3"):
        parameters_in_force(columns_of((4, parameters_json())), Epoch(3))


def test_parameters__options_left_out__all_off() -> None:
    parameters = parameters_from_bytes(parameters_json())

    assert (parameters.has_half_life, parameters.fees, parameters.minutes_max) == (False, (), None)


def test_parameters__all_options__read() -> None:
    fees = [fee_json("protocol", ANN, 25_000), fee_json("eco_reserve", BOB, 475_000)]

    parameters = parameters_from_bytes(
        parameters_json(half_life="v1", fees=fees, minutes_max="4294967295")
    )

    assert parameters.has_half_life
    assert parameters.minutes_max == 2**32 - 1
    assert parameters.fees == (
        FeeEntry(name="protocol", payee=ANN, rate_ppm=25_000),
        FeeEntry(name="eco_reserve", payee=BOB, rate_ppm=475_000),
    )


def test_parameters__one_payee_under_two_names__allowed() -> None:
    fees = [fee_json(name, ANN, 1) for name in ("a", "b", "c", "d", "e", "f", "g", "_" * 16)]

    assert len(parameters_from_bytes(parameters_json(fees=fees)).fees) == 8


ONE_FEE = fee_json("one", ANN, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"half_life": "v2"}, "half_life: 'v2' is not 'v1'"),
        ({"half_life": ""}, "half_life: '' is not 'v1'"),
        ({"minutes_max": "0"}, "minutes_max: '0' is not positive"),
        ({"minutes_max": "4294967296"}, "minutes_max: '4294967296' is not a decimal string up to"),
        ({"minutes_max": 5}, "minutes_max: 5 is not a decimal string"),
        ({"fees": []}, r"fees: \[\] is not a list of 1 to 8 entries"),
        ({"fees": {}}, r"fees: \{\} is not a list"),
        (
            {"fees": [fee_json("a" * n, ANN, 1) for n in range(1, 10)]},
            "is not a list of 1 to 8 entries",
        ),
        ({"fees": ["x"]}, r"fees\[0\]: 'x' is not an object of exactly"),
        ({"fees": [ONE_FEE | {"note": ""}]}, r"fees\[0\]: .* is not an object of exactly"),
        ({"fees": [{"name": "one", "ppm": "1"}]}, r"fees\[0\]: .* is not an object of exactly"),
        ({"fees": [ONE_FEE | {"name": "One"}]}, r"fees\[0\].name: 'One' is not"),
        ({"fees": [ONE_FEE | {"name": ""}]}, r"fees\[0\].name: '' is not"),
        ({"fees": [ONE_FEE | {"name": "a" * 17}]}, r"fees\[0\].name: 'a{17}' is not"),
        ({"fees": [ONE_FEE | {"name": "a\n"}]}, r"fees\[0\].name"),
        ({"fees": [ONE_FEE, ONE_FEE]}, r"fees: \['one', 'one'\] is not a list of names without"),
        ({"fees": [ONE_FEE | {"payee": str(CAT)}]}, r"fees\[0\].payee: .* lower-case"),
        ({"fees": [ONE_FEE | {"payee": "0x12"}]}, r"fees\[0\].payee: '0x12' is not an address"),
        ({"fees": [fee_json("a", ZERO_ADDRESS, 1)]}, r"fees\[0\].payee: .* that can be paid"),
        ({"fees": [fee_json("a", ANN, 0)]}, r"fees\[0\].ppm: '0' is not positive"),
        ({"fees": [fee_json("a", ANN, 500_001)]}, r"fees\[0\].ppm: '500001' is not a decimal"),
        (
            {"fees": [ONE_FEE, fee_json("two", BOB, 500_000)]},
            "fees: '500001' is not at most 500000 ppm in all",
        ),
    ],
)
def test_parameters__wrong_option__named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadParameters, match=message):
        parameters_from_bytes(parameters_json(**changes))


def test_parameters__fees_instead_of_another_field__refused() -> None:
    document = json.loads(parameters_json(fees=[ONE_FEE], half_life="v1"))
    del document["plays_max"]

    with pytest.raises(BadParameters, match=r"document: .*half_life"):
        parameters_from_bytes(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def test_row_in_force__two_of_one_epoch__last_counts() -> None:
    columns = columns_of((3, b"{}"), (3, b"{}"), (4, b"{}"))

    assert row_in_force(columns, Epoch(3)) == 1
