"""Node errors by code and text."""

import pytest

from settlement.payouts.broadcast import Answer, read_error


@pytest.mark.parametrize(
    ("code", "message", "answer"),
    [
        (-32000, "already known", Answer.ALREADY_KNOWN),
        (-32000, "AlreadyKnown", Answer.ALREADY_KNOWN),
        (-32000, "ALREADY_EXISTS: already known", Answer.ALREADY_KNOWN),
        (-32003, "transaction already imported", Answer.ALREADY_KNOWN),
        (-32000, "Known transaction", Answer.ALREADY_KNOWN),
        (-32000, "nonce too low: next nonce 5, tx nonce 4", Answer.NONCE_SPENT),
        (-32603, "Internal error: nonce too low", Answer.NONCE_SPENT),
        (-32010, "OldNonce, Current nonce: 9, nonce of rejected tx: 3", Answer.NONCE_SPENT),
        (-32001, "Nonce is too low", Answer.NONCE_SPENT),
        (-32000, "replacement transaction underpriced", Answer.UNDERPRICED),
        (-32000, "transaction underpriced: tip needed 1, tip permitted 0", Answer.UNDERPRICED),
        (-32000, "FeeTooLow, MaxFeePerGas too low", Answer.UNDERPRICED),
        (-32000, "insufficient funds for gas * price + value", Answer.NO_FUNDS),
        (-32000, "execution reverted: nonce too low", Answer.REFUSED),
        (3, "nonce too low", Answer.REFUSED),
        (-32603, "VM Exception while processing transaction: reverted", Answer.REFUSED),
        (-32000, "exceeds block gas limit", Answer.REFUSED),
        (-32602, "invalid params", Answer.REFUSED),
        (-32603, "Internal error", Answer.UNCLEAR),
        (-32005, "request limit reached", Answer.UNCLEAR),
        (429, "Too many requests", Answer.UNCLEAR),
    ],
)
def test_read_error__code_and_text__classified(code: int, message: str, answer: Answer) -> None:
    result = read_error(code, message)

    assert result.answer is answer
    assert message in result.detail
