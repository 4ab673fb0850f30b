"""What a node's answer to a broadcast means.

Nodes agree neither on codes nor on texts. A wrong reading here costs a log line or a delay and
never money: whatever the answer, the stored transaction keeps its identity, and only the finalized
chain decides whether another is signed.

The texts are those of geth, Erigon, Nethermind, Besu, Reth and anvil.
"""

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """The classes that a person reading the log needs to tell apart."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"
    NONCE_SPENT = "nonce_spent"
    NONCE_AHEAD = "nonce_ahead"  # the node does not keep what has a gap before it
    UNDERPRICED = "underpriced"
    NO_FUNDS = "no_funds"
    REFUSED = "refused"
    UNCLEAR = "unclear"  # no answer, or one that may come after acceptance


@dataclass(frozen=True, slots=True)
class SendResult:
    """The class of an answer, with the node's own words."""

    answer: Answer
    detail: str


_TEXTS = (
    (Answer.ALREADY_KNOWN, ("already known", "already imported", "known transaction")),
    (Answer.ALREADY_KNOWN, ("alreadyknown", "already_exists", "already in mempool")),
    (Answer.ALREADY_KNOWN, ("transaction already exists", "already in the tx pool")),
    (Answer.NONCE_SPENT, ("nonce too low", "nonce is too low", "oldnonce", "nonce_too_low")),
    (Answer.NONCE_SPENT, ("nonce has already been used", "lower than the current nonce")),
    (Answer.NONCE_SPENT, ("invalid transaction nonce",)),
    (Answer.NONCE_AHEAD, ("nonce too high", "nonce gap", "noncegap", "gapped-nonce")),
    (Answer.NONCE_AHEAD, ("nonce_too_high", "nonce too distant", "in-flight transaction limit")),
    (Answer.UNDERPRICED, ("underpriced", "replacement fee too low", "feetoolow")),
    (Answer.UNDERPRICED, ("could not replace existing", "fee too low", "fee_too_low")),
    (Answer.UNDERPRICED, ("less than block base fee", "gas price below", "gas price too low")),
    (Answer.NO_FUNDS, ("insufficient funds", "insufficientfunds", "insufficient balance")),
    (Answer.NO_FUNDS, ("insufficient_funds", "exceeds account balance", "overshot")),
)
_REFUSING_CODES = frozenset({-32000, -32003, -32010, -32602})
"""Server error, transaction rejected, transaction error (OpenEthereum, Besu), bad parameters."""

_REVERT_CODE = 3


def read_error(code: int, message: str) -> SendResult:
    """Classify a JSON-RPC error of eth_sendRawTransaction.

    A revert reason is the contract's text, not the node's: "execution reverted: nonce too low"
    says nothing about our nonce.
    """
    text = message.lower()
    detail = f"{code}: {message}"
    if code == _REVERT_CODE or "revert" in text:
        return SendResult(Answer.REFUSED, detail)
    for answer, fragments in _TEXTS:
        if any(fragment in text for fragment in fragments):
            return SendResult(answer, detail)
    return SendResult(Answer.REFUSED if code in _REFUSING_CODES else Answer.UNCLEAR, detail)
