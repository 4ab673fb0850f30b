"""What a failure says about the endpoint that was asked."""

from indexer.endpoint_health import ErrorClass
from indexer.errors import (
    AnswerMalformed,
    AnswersDisagree,
    AnswerTooLarge,
    HeaderRefused,
    IndexerError,
    LogRefused,
    ReceiptsRefused,
    RPCFailed,
    RPCForbidden,
    RPCUnreachable,
)
from indexer.ranges import (
    Advice,
    BlockRange,
    OtherProvider,
    Permanent,
    WaitAndRetry,
    advice_from,
    pause_s,
)

_TOO_MANY_REQUESTS = 429

_CLASSES: tuple[tuple[type[IndexerError], ErrorClass], ...] = (
    (RPCForbidden, ErrorClass.FORBIDDEN),
    (RPCUnreachable, ErrorClass.UNREACHABLE),
    (AnswerTooLarge, ErrorClass.TOO_LARGE),
    (AnswerMalformed, ErrorClass.MALFORMED),
    (AnswersDisagree, ErrorClass.MISSING),
    (LogRefused, ErrorClass.DISPROVED),
    (ReceiptsRefused, ErrorClass.DISPROVED),
    (HeaderRefused, ErrorClass.DISPROVED),
)
"""The first that matches counts."""


def class_of(error: IndexerError, about: BlockRange) -> ErrorClass:
    """The class of a failed question about these blocks.

    One that is about a single block is never too large: it cannot be made smaller.
    """
    if limited_s(error, about) is not None:
        return ErrorClass.LIMITED
    if isinstance(error, RPCFailed):
        found = _class_of_words(_advice(error, about))
    else:
        found = next((one for kind, one in _CLASSES if isinstance(error, kind)), ErrorClass.REFUSED)
    is_alone = found is ErrorClass.TOO_LARGE and len(about) == 1
    return ErrorClass.REFUSED if is_alone else found


def limited_s(error: IndexerError, about: BlockRange) -> int | None:
    """How long the endpoint wants not to be asked; None if the failure is about something else."""
    if isinstance(error, RPCUnreachable):
        is_limit = error.status == _TOO_MANY_REQUESTS or error.retry_after_s is not None
        return pause_s(WaitAndRetry(error.retry_after_s)) if is_limit else None
    if isinstance(error, RPCFailed):
        advice = _advice(error, about)
        return pause_s(advice) if isinstance(advice, WaitAndRetry) else None
    return None


def _advice(error: RPCFailed, about: BlockRange) -> Advice:
    return advice_from(error.message, code=error.code, data=error.data, asked=about)


def _class_of_words(advice: Advice) -> ErrorClass:
    match advice:
        case OtherProvider():
            return ErrorClass.MISSING
        case Permanent():
            return ErrorClass.REFUSED
        case _:
            return ErrorClass.TOO_LARGE
