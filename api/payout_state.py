"""The state of a payout operation, as far as the database knows it.

Whoever asks the node knows more (whether a transaction is in the mempool); what is final, and what
is mined in an indexed block, the database knows by itself.
"""

from collections.abc import Sequence

from settlement.payouts.decision import State
from settlement.payouts.operation import CLOSING_FATES, Fate

_STATE_OF_FATE = {
    Fate.SETTLED: State.FINAL,
    Fate.SETTLED_UNSEEN: State.FINAL,
    Fate.SETTLED_ELSEWHERE: State.USED_ELSEWHERE,
    Fate.SUPERSEDED: State.SUPERSEDED,
    Fate.REVERTED: State.REVERTED_FINAL,
    Fate.REFUSED: State.REFUSED_FINAL,
    Fate.DISPLACED: State.DISPLACED,
}


def payout_state(fates: Sequence[Fate], *, nonces_signed: int, is_on_chain: bool) -> State:
    """Derive the state.

    Args:
        fates: of the operation and of its spent nonces, oldest first.
        nonces_signed: how many nonces were ever signed for the operation.
        is_on_chain: an indexed block, final or not, settles it.
    """
    closing = [fate for fate in fates if fate in CLOSING_FATES]
    if closing:
        return _STATE_OF_FATE[closing[0]]
    if is_on_chain:
        return State.MINED if nonces_signed else State.USED_ELSEWHERE
    if nonces_signed == 0:
        return State.PLANNED
    return State.SIGNED if nonces_signed > len(fates) else _STATE_OF_FATE[fates[-1]]
