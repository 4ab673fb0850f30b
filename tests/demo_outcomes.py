"""Builders of demo outcomes, for the tests of report and outcome."""

from contracts.evm import ZERO_ADDRESS, Address, Epoch, Hash32
from scripts.demo.outcome import DemoOutcome, EpochOutcome, EscrowClaim, PayeeHold, Veto
from scripts.demo.payment_outcome import Admission, PaymentsOutcome, Sale


def epoch_outcome(number: int, *, withdrawn: int = 1_234_000_000) -> EpochOutcome:
    """An epoch whose money is all accounted for."""
    held, unclaimed, unallocated = 40_000_000, 2_000_001, 30
    fees, escrow = 25_000, 7_000_003
    allocated = withdrawn + held + unclaimed - fees
    return EpochOutcome(
        number=Epoch(number),
        root=Hash32(bytes([10 + number]) * 32),
        manifest_digest=Hash32(bytes([20 + number]) * 32),
        amounts={
            "paid": allocated + fees + escrow + unallocated,
            "allocated": allocated,
            "fees": fees,
            "escrow": escrow,
            "unallocated": unallocated,
            "withdrawn": withdrawn,
            "held": held,
            "unclaimed": unclaimed,
        },
    )


def good_payments() -> PaymentsOutcome:
    """A content, a tip in native coins, and one who may come in."""
    content = Sale(
        what="a content",
        payer=Address(b"\x07" * 20),
        asset=Address(b"\x06" * 20),
        amount=10_000_000,
        fee=1_000_000,
        state="final",
        expected="final",
    )
    tip = Sale(
        what="a tip",
        payer=Address(b"\x07" * 20),
        asset=ZERO_ADDRESS,
        amount=10**16,
        fee=5 * 10**14,
        state="final",
        expected="final",
    )
    return PaymentsOutcome(
        sales=(content, tip),
        admissions=(Admission(who="a fan", answer="granted: paid", expected="granted: paid"),),
        tipped=10**16,
        passed_on=10**16,
    )


def good_outcome(*epochs: EpochOutcome) -> DemoOutcome:
    """A demo without a problem; three epochs unless some are given."""
    return DemoOutcome(
        chain_id=31337,
        epochs=epochs or tuple(map(epoch_outcome, range(3))),
        refused_on_chain=6,
        quarantined={"unpaid_tier": 2},
        held=(Hash32(b"\x01" * 32),),
        hold=PayeeHold(
            account=Address(b"\x02" * 20),
            epoch=Epoch(1),
            held=5_000_005,
            balance_before=10,
            balance_after=5_000_015,
        ),
        claim=EscrowClaim(
            content_id=Hash32(b"\x03" * 32),
            claimant=Address(b"\x04" * 20),
            released=14_000_006,
            withdrawn=14_000_006,
        ),
        veto=Veto(epoch=Epoch(2), attempt=1, transaction=Hash32(b"\x05" * 32)),
        payments=good_payments(),
        discrepancies=0,
        verifier="OK",
        restarts=1,
        omission_refused_at=77,
        api=None,
    )
