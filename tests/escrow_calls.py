"""The call that nobody of ours makes: whoever wants an escrow to expire makes it."""

from contracts.calls import RELEASE_ESCROW, Function, Withdrawal, release_escrow_call

_EXPIRE_ESCROW = Function("expireEscrow", RELEASE_ESCROW.types)


def expire_escrow_call(withdrawal: Withdrawal) -> bytes:
    """expireEscrow(EscrowLeaf), which takes what releaseEscrow takes."""
    arguments = release_escrow_call(withdrawal)[len(RELEASE_ESCROW.selector) :]
    return _EXPIRE_ESCROW.selector + arguments
