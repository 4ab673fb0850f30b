import json
from typing import Any

import pytest

from contracts.batches import ParametersColumns
from contracts.evm import BlockNumber, Epoch, LogIndex, keccak
from settlement.errors import BadParameters, NoParametersInForce
from settlement.royalties.certificate import Level
from settlement.royalties.parameters import parameters_from_bytes, parameters_in_force
from tests.royalties_builders import REGION, parameters_json


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
        ({"ruleset": ["x"]}, "ruleset: .* is not a name"),
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
    "data", [b"", b"{", b"\xff", b"[]", b'{"k_ppm":"1","k_ppm":"2"}', parameters_json() + b" "]
)
def test_parameters__not_one_canonical_object__refused(data: bytes) -> None:
    with pytest.raises(BadParameters, match="document"):
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
