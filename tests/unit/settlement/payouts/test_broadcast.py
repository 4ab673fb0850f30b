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
        (-32000, "INTERNAL_ERROR: could not replace existing tx", Answer.UNDERPRICED),
        (-32000, "max fee per gas less than block base fee: address 0x1", Answer.UNDERPRICED),
        (-32000, "FEE_TOO_LOW: fee too low", Answer.UNDERPRICED),
        (-32000, "Gas price below configured minimum gas price", Answer.UNDERPRICED),
        (-32004, "Upfront cost exceeds account balance", Answer.NO_FUNDS),
        (-32000, "nonce has already been used", Answer.NONCE_SPENT),
        (-32000, "transaction nonce is lower than the current nonce", Answer.NONCE_SPENT),
        (-32003, "transaction already exists", Answer.ALREADY_KNOWN),
        (-32000, "nonce too high: address 0x1, tx: 9 state: 3", Answer.NONCE_AHEAD),
        (-32000, "gapped-nonce tx from delegated accounts", Answer.NONCE_AHEAD),
        (-32000, "in-flight transaction limit reached for delegated accounts", Answer.NONCE_AHEAD),
        (-32010, "NonceGap, Future nonce. Expected nonce: 3", Answer.NONCE_AHEAD),
        (-32000, "execution reverted: invalid transaction nonce", Answer.REFUSED),
        (-32000, "execution reverted: Nonce already known", Answer.REFUSED),
        (-32603, "execution reverted: insufficient funds", Answer.REFUSED),
        (3, "execution reverted: replacement transaction underpriced", Answer.REFUSED),
        (-32000, "txpool is full", Answer.REFUSED),
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
