"""Calls that place and lift holds over payees, as calldata for the compliance role.

Mirrors `src/settlement/IPayeeHolds.sol` and `HOLD_DURATION_MAX` of `PayeeHolds.sol`.
"""

from contracts.calls import Function
from contracts.evm import Address, Hash32, Timestamp

HOLD_DURATION_MAX_S = 366 * 86_400
"""The longest that a hold may last from the block that places it."""

PLACE_HOLD = Function("placeHold", ("address", "bytes32", "uint64"))


def place_hold_call(account: Address, reason_digest: Hash32, expires_at: Timestamp) -> bytes:
    """placeHold(address, bytes32, uint64); the account is held up to `expires_at`, exclusively."""
    return PLACE_HOLD.encode(bytes(account), bytes(reason_digest), expires_at)
