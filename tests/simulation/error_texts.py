"""What each client answers to a broadcast: code, words, and the class that they must be read as."""

from settlement.payouts.broadcast import Answer
from tests.simulation.mempool import Verdict

ERROR_TEXTS: dict[Verdict, tuple[tuple[str, int, str], ...]] = {
    Verdict.ALREADY_KNOWN: (
        ("geth", -32000, "already known"),
        ("erigon", -32000, "ALREADY_EXISTS: already known"),
        ("nethermind", -32010, "AlreadyKnown"),
        ("besu", -32000, "Known transaction"),
        ("reth", -32003, "transaction already imported"),
        ("anvil", -32003, "transaction already imported"),
    ),
    Verdict.NONCE_SPENT: (
        ("geth", -32000, "nonce too low: next nonce 7, tx nonce 6"),
        ("erigon", -32000, "NONCE_TOO_LOW: nonce too low"),
        ("nethermind", -32010, "OldNonce, Current nonce: 7, nonce of rejected tx: 6."),
        ("besu", -32001, "Nonce too low"),
        ("reth", -32000, "nonce too low: next nonce 7, tx nonce 6"),
        ("anvil", -32003, "nonce too low"),
        ("a provider", -32603, "Transaction nonce too low"),
        ("hardhat", -32000, "nonce is too low. Expected nonce to be 7 but got 6."),
    ),
    Verdict.NONCE_AHEAD: (
        ("geth", -32000, "in-flight transaction limit reached for delegated accounts"),
        ("geth", -32000, "gapped-nonce tx from delegated accounts"),
        ("erigon", -32000, "nonce too high"),
    ),
    Verdict.UNDERPRICED: (
        ("geth", -32000, "replacement transaction underpriced"),
        ("erigon", -32000, "REPLACEMENT_UNDERPRICED: replacement transaction underpriced"),
        ("nethermind", -32010, "FeeTooLow, MaxFeePerGas too low."),
        ("besu", -32000, "Replacement transaction underpriced"),
        ("reth", -32000, "replacement transaction underpriced"),
        ("anvil", -32003, "replacement transaction underpriced"),
    ),
    Verdict.NO_FUNDS: (
        ("geth", -32000, "insufficient funds for gas * price + value: balance 0"),
        ("erigon", -32000, "INSUFFICIENT_FUNDS: insufficient funds for gas * price + value"),
        ("nethermind", -32010, "InsufficientFunds, Account balance: 0, cumulative cost: 9"),
        ("besu", -32004, "Upfront cost exceeds account balance: insufficient funds"),
        ("reth", -32003, "insufficient funds for gas * price + value"),
        ("anvil", -32003, "Insufficient funds for gas * price + value"),
    ),
    Verdict.REFUSED: (
        ("geth", -32000, "transaction gas limit too high (cap: 16777216, tx: 16777217)"),
        ("geth", -32000, "intrinsic gas too low: gas 21000, minimum needed 90000"),
        ("geth", 3, "execution reverted: nonce too low"),
        ("reth", -32000, "txpool is full"),
        ("besu", -32602, "Invalid params"),
    ),
}

CLASSES = {
    Verdict.ALREADY_KNOWN: Answer.ALREADY_KNOWN,
    Verdict.NONCE_SPENT: Answer.NONCE_SPENT,
    Verdict.NONCE_AHEAD: Answer.NONCE_AHEAD,
    Verdict.UNDERPRICED: Answer.UNDERPRICED,
    Verdict.NO_FUNDS: Answer.NO_FUNDS,
    Verdict.REFUSED: Answer.REFUSED,
}
