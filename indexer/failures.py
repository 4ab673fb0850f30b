"""What a failed request teaches: the error's own words, read by `ranges.advice_from`."""

from typing import assert_never

from contracts.evm import BlockNumber
from indexer.errors import BlockDisputed, RequestRefused, RPCFailed, RPCUnreachable, Transient
from indexer.ranges import (
    Advice,
    BlockRange,
    CapBlocks,
    Halve,
    OtherProvider,
    Permanent,
    SplitAddresses,
    SuggestedRange,
    WaitAndRetry,
    advice_from,
    pause_s,
)

_ONE_BLOCK = BlockRange(BlockNumber(0), BlockNumber(1))


def wanted_pause_s(error: Transient) -> int | None:
    """How long the provider wants us to wait; None if the error is about something else."""
    advice = _advice(error, _ONE_BLOCK)
    return pause_s(advice) if isinstance(advice, WaitAndRetry) else None


def narrower(error: Transient, asked: BlockRange) -> CapBlocks | SuggestedRange | Halve:
    """How to ask for less than `asked`, if that may help.

    Raises:
        RequestRefused: the node will never answer our request.
        Transient: the error itself, if asking for less cannot help.
    """
    advice = _advice(error, asked)
    if isinstance(advice, Permanent):
        raise RequestRefused(str(error)) from error
    if len(asked) == 1 or isinstance(error, BlockDisputed):
        raise error
    match advice:
        case OtherProvider() | WaitAndRetry():
            raise error
        case CapBlocks() | SuggestedRange() | Halve():
            return advice
        case SplitAddresses():  # the reader itself asks for addresses in parts
            return Halve()
        case _:
            assert_never(advice)


def _advice(error: Transient, asked: BlockRange) -> Advice:
    """What to do after this failure; those without a provider's words halve the range."""
    match error:
        case RPCFailed():
            return advice_from(error.message, code=error.code, data=error.data, asked=asked)
        case RPCUnreachable(retry_after_s=int(after_s)):
            return WaitAndRetry(after_s)
        case RPCUnreachable():
            return advice_from("", code=error.status, asked=asked)
        case _:
            return Halve()
