"""The state of a submission as the facts say it now, whatever was recorded when it was looked at.

The worker looks at every open submission again and again; between two looks the facts move on. So
an answer takes the recorded verdict, and what has become of its block: a block that the index does
not have any more takes the payment with it at once.
"""

from settlement.payments.states import LIVE, State


def live_state(
    recorded: State | None,
    *,
    is_terminal: bool,
    is_from_facts: bool,
    is_covered: bool,
    is_on_chain: bool,
    is_final: bool,
) -> State:
    """Derive the state.

    Args:
        recorded: by the last look; None if nobody has looked yet.
        is_terminal: that look said that it was the last.
        is_from_facts: that look saw it in the index, and not in a node.
        is_covered: the index has reached the height of the block that it was seen in.
        is_on_chain: the index has that very block.
        is_final: that height is final.
    """
    if recorded is None:
        return State.AWAITED
    if is_terminal or recorded not in LIVE or not is_covered:
        return recorded
    if not is_on_chain:
        return State.GONE
    return State.FINAL if is_final and is_from_facts else recorded
