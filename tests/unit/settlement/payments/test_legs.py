"""Which transfers of a transaction belong to payments through our contracts.

Subjects: settlement.payments.legs, settlement.payments.paid.
"""

from contracts.event_spec import ContractName
from contracts.events import ERC20_TRANSFER
from contracts.evm import Address, BlockNumber
from settlement.payments.evidence import LogSeen
from settlement.payments.families import Family, family_named
from settlement.payments.legs import legs
from settlement.payments.rulebook import AllowedContract, Rulebook
from tests.payments_builders import (
    AMOUNT,
    CREATOR,
    OTHER_TOKEN,
    PAYER,
    START_BLOCK,
    STRANGER,
    TREASURY,
    UNIT,
    USDC,
    contract_of,
    intent_of,
    log_of,
    paying_log,
    seen_with,
    values_of,
)

PPV, TIP, TICKET, NATIVE_TIP = map(family_named, ("ppv", "tip", "ticket", "tip_native"))
FEE = 2_500_000
START = BlockNumber(START_BLOCK)


def ours(*families: Family) -> Rulebook:
    return Rulebook(
        contracts=[
            AllowedContract(
                name=one.event.contract,
                address=contract_of(one),
                start_block=BlockNumber(START_BLOCK),
            )
            for one in families
        ]
    )


def moved(
    index: int,
    amount: int,
    *,
    source: Address = PAYER,
    target: Address = CREATOR,
    token: Address = USDC,
) -> LogSeen:
    values = {"source": source, "target": target, "amount": amount}
    return log_of(ERC20_TRANSFER, token, values, log_index=index)


def paid(index: int, family: Family = PPV) -> LogSeen:
    return paying_log(intent_of(family), log_index=index)


def refunded(index: int) -> LogSeen:
    intent = intent_of(PPV)
    assert PPV.refund is not None
    return log_of(PPV.refund, intent.contract, values_of(intent), log_index=index)


def legs_of(*logs: LogSeen) -> set[int]:
    return set(legs(seen_with(*logs), ours(PPV, TIP, TICKET, NATIVE_TIP)))


def test_legs__payment__price_and_fee_after_its_event() -> None:
    logs = (paid(1), moved(2, AMOUNT), moved(3, FEE, target=TREASURY))

    assert legs_of(*logs) == {2, 3}


def test_legs__every_family_in_a_token__has_them() -> None:
    for family in (PPV, TIP, TICKET):
        logs = (paid(1, family), moved(2, AMOUNT), moved(3, FEE, target=TREASURY))
        assert legs_of(*logs) == {2, 3}
    assert legs_of(paid(1, NATIVE_TIP), moved(2, AMOUNT)) == set()


def test_legs__equal_transfers_beside_a_payment__one_is_the_leg() -> None:
    assert legs_of(moved(0, AMOUNT), paid(1), moved(2, AMOUNT), moved(3, AMOUNT)) == {2}
    twice = (paid(1), moved(2, AMOUNT), paid(3, TIP), moved(4, AMOUNT), moved(5, AMOUNT))
    assert legs_of(*twice) == {2, 4}


def test_legs__refund__comes_from_whoever_gives_it() -> None:
    back = moved(2, AMOUNT + FEE, source=STRANGER, target=PAYER)

    assert legs_of(refunded(1), back) == {2}
    assert legs_of(refunded(1), moved(2, AMOUNT, source=STRANGER, target=PAYER)) == set()
    assert legs_of(refunded(1), moved(2, AMOUNT + FEE, target=STRANGER)) == set()


def test_legs__other_token_payer_creator_or_amount__none() -> None:
    assert legs_of(paid(1), moved(2, AMOUNT, token=OTHER_TOKEN)) == set()
    assert legs_of(paid(1), moved(2, AMOUNT, source=STRANGER)) == set()
    assert legs_of(paid(1), moved(2, AMOUNT, target=STRANGER)) == set()
    assert legs_of(paid(1), moved(2, AMOUNT + UNIT)) == set()
    assert legs_of(paid(1), moved(2, FEE, source=STRANGER, target=TREASURY)) == set()
    assert legs_of(paid(1), moved(2, FEE, target=TREASURY, token=OTHER_TOKEN)) == set()


def test_legs__event_of_a_stranger__is_not_listened_to() -> None:
    """Bundled with a victim's transfer, it would take it away from its off-ramp."""
    forged = log_of(PPV.event, STRANGER, values_of(intent_of(PPV)), log_index=1)
    tickets = Rulebook(
        contracts=[
            AllowedContract(
                name=ContractName.TICKET_SALE,
                address=contract_of(PPV),
                start_block=BlockNumber(START_BLOCK),
            )
        ]
    )

    assert legs_of(forged, moved(2, AMOUNT)) == set()
    assert legs(seen_with(paid(1), moved(2, AMOUNT)), tickets) == frozenset()
