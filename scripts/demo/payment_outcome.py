"""What became of single payments: where each stands, who is let in, and what was passed on."""

from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One payment as the API tells it at the end, and as it should be told."""

    what: str
    payer: Address
    asset: Address
    amount: int
    fee: int
    state: str
    expected: str

    @property
    def is_native(self) -> bool:
        """Whether it was paid in native coins."""
        return self.asset == ZERO_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether somebody was let in, and why, as the API said at that moment."""

    who: str
    answer: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsOutcome:
    """All of them; a tip through the relay is passed on by the engine, to the last unit."""

    sales: tuple[Sale, ...]
    admissions: tuple[Admission, ...]
    tipped: int
    passed_on: int

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as it should be."""
        found = [
            f"payment of {one.what}: {one.state}, not {one.expected}"
            for one in self.sales
            if one.state != one.expected
        ]
        found += [
            f"{one.who}: {one.answer}, not {one.expected}"
            for one in self.admissions
            if one.answer != one.expected
        ]
        if not 0 < self.tipped == self.passed_on:
            found.append(f"of tips of {self.tipped} wei, {self.passed_on} were passed on")
        return tuple(found)

    def to_json(self) -> dict[str, object]:
        """Amounts as decimal strings."""
        return {
            "sales": [
                {
                    "what": one.what,
                    "payer": str(one.payer),
                    "asset": str(one.asset),
                    "amount": str(one.amount),
                    "fee": str(one.fee),
                    "state": one.state,
                }
                for one in self.sales
            ],
            "admissions": [{"who": one.who, "answer": one.answer} for one in self.admissions],
            "tipped": str(self.tipped),
            "passed_on": str(self.passed_on),
        }
