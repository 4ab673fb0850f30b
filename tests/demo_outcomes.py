"""Builders of demo outcomes, for the tests of report and outcome."""

from contracts.evm import Address, Epoch, Hash32
from scripts.demo.outcome import DemoOutcome, EpochOutcome, EscrowClaim, PayeeHold, Veto


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
        discrepancies=0,
        verifier="OK",
        restarts=1,
        omission_refused_at=77,
        api=None,
    )
