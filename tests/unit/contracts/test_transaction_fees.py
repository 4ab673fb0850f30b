"""`contracts.transaction_fees`, on numbers computed by hand."""

import pytest

from contracts.transaction_fees import (
    FEE_FIELDS,
    OperatorFee,
    UnknownFeeRule,
    operator_fee_wei,
    unknown_fees,
)

HOLOCENE = bytes.fromhex("00000000fa00000006")
JOVIAN = bytes.fromhex("01000000fa0000000600000000000f4240")


@pytest.mark.parametrize(
    ("gas_used", "scalar", "constant", "extra_data", "expected"),
    [
        # 21,000 x 500,000 / 10⁶ = 10,500
        (21_000, 500_000, 10**12, HOLOCENE, 1_000_000_010_500),
        # 21,001 x 1,439,103,868 / 10⁶ = 30,222,620.33…, rounded down
        (21_001, 1_439_103_868, 0, HOLOCENE, 30_222_620),
        (21_000, 0, 7, HOLOCENE, 7),
        # 1 x 999,999 / 10⁶ is less than one wei
        (1, 999_999, 0, HOLOCENE, 0),
        # 21,000 x 500,000 x 100 = 1,050,000,000,000
        (21_000, 500_000, 10**12, JOVIAN, 2_050_000_000_000),
        (21_000, 0, 7, JOVIAN, 7),
        (30_000_000, 2**32 - 1, 2**64 - 1, JOVIAN, 12_884_901_885_000_000_000 + 2**64 - 1),
    ],
)
def test_operator_fee__by_the_fork_of_the_header(
    gas_used: int, scalar: int, constant: int, extra_data: bytes, expected: int
) -> None:
    assert operator_fee_wei(gas_used, OperatorFee(scalar, constant), extra_data) == expected


@pytest.mark.parametrize("extra_data", [b"", b"geth", b"\x02" + bytes(16), b"\x01" + bytes(8)])
def test_operator_fee__header_of_another_fork__refused(extra_data: bytes) -> None:
    with pytest.raises(UnknownFeeRule, match="0x" + extra_data.hex()):
        operator_fee_wei(21_000, OperatorFee(1, 1), extra_data)


def test_unknown_fees__only_fees_that_nothing_is_known_of() -> None:
    known = ("gasUsed", "effectiveGasPrice", "blobGasPrice", "gasUsedForL1", *FEE_FIELDS)

    assert unknown_fees(known) == ()
    assert unknown_fees((*known, "sequencerFee", "daFeeScalar")) == ("daFeeScalar", "sequencerFee")
