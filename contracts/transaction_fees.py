"""What a transaction costs beside gas used at the effective price, and how a receipt says so.

    blob fee       blobs that it carries (EIP-4844): blob gas at its price
    L1 data fee    stated whole, as `l1Fee`, by OP-stack rollups and those that followed them
    operator fee   OP stack since Isthmus: two parameters of its chain; nothing for deposits

Mirrors `GasPriceOracle.getOperatorFee` of the OP stack. Isthmus and Jovian charge by other formulas
with the same parameters; which one holds is in the header: `extraData` has 9 bytes of version 0
since Holocene, 17 bytes of version 1 since Jovian. No receipt says it, and a header cannot lie.

    Isthmus   gas * scalar / 10**6 + constant      rounded down
    Jovian    gas * scalar * 100 + constant

Fees of a chain that we know nothing of are not guessed: their names are told.

Source: OP Stack specification, Isthmus and Jovian (exec-engine, operator fee); Optimism docs,
"Setting the operator fee"; EIP-4844.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.units import mul_div_down

BLOB_TYPE = 3
"""The transaction type whose blob gas is paid. Since Jovian, OP-stack receipts of other types state
`blobGasUsed` too: there it is the footprint of their data, and costs nothing by itself."""

_SCALAR_UNIT = 10**6
_JOVIAN_FACTOR = 100
_HOLOCENE_EXTRA, _JOVIAN_EXTRA = (0, 9), (1, 17)
"""Version and length of `extraData`."""

FEE_FIELDS = frozenset(
    {
        "l1Fee",
        "l1FeeScalar",
        "l1BaseFeeScalar",
        "l1BlobBaseFee",
        "l1BlobBaseFeeScalar",
        "operatorFeeScalar",
        "operatorFeeConstant",
    }
)
"""Fields of receipts that name a fee, and that are accounted for here (or only explain one)."""


class UnknownFeeRule(ValueError):
    """An operator fee on a block whose header is of no fork that is known here."""

    def __init__(self, extra_data: bytes) -> None:
        super().__init__(f"an operator fee by no known rule: extraData 0x{extra_data.hex()}")


@dataclass(frozen=True, slots=True)
class OperatorFee:
    """Both parameters, as a receipt states them; it states neither where both are zero."""

    scalar: int
    constant: int


def operator_fee_wei(gas_used: int, fee: OperatorFee, extra_data: bytes) -> int:
    """The operator fee of a transaction, in a block with this `extraData`.

    Raises:
        UnknownFeeRule: the header is of neither fork.
    """
    form = (extra_data[0], len(extra_data)) if extra_data else None
    if form == _JOVIAN_EXTRA:
        return gas_used * fee.scalar * _JOVIAN_FACTOR + fee.constant
    if form == _HOLOCENE_EXTRA:
        return mul_div_down(gas_used, fee.scalar, _SCALAR_UNIT) + fee.constant
    raise UnknownFeeRule(extra_data)


def unknown_fees(names: Iterable[str]) -> tuple[str, ...]:
    """Fields of a receipt that seem to name a fee, and of which nothing is known; ascending."""
    return tuple(sorted(one for one in names if "fee" in one.lower() and one not in FEE_FIELDS))
