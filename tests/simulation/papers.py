"""What people say is owed: documents of lines, accepted by two of them, and kept on paper.

A backup that is restored has lost what was accepted since. The paper is there still, so it is
accepted again, sooner or later, as of then: what was paid meanwhile must not be paid again, and
must be explained.
"""

from dataclasses import replace
from random import Random

from contracts.calls import LinePayment
from contracts.evm import Address, Timestamp
from contracts.units import BaseUnits
from settlement.ledger.documents import AcceptedDocument, DocumentLine
from settlement.payouts.documents import PayoutDocument
from tests.ledger_builders import ASSET, BOOK
from tests.simulation.calls import BATCH, NATIVE, PayLines, PayTips
from tests.simulation.chain import State
from tests.simulation.lines import PayByHand, line_op_id, tip_op_id
from tests.simulation.settlement import PAYEES

LINES_MAX = 6


class Papers:
    """`AcceptedDocuments` of the batch: on paper, and as far as the database has them now."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.documents: list[AcceptedDocument] = []
        self.kept: tuple[AcceptedDocument, ...] = ()

    def accepted(self) -> list[AcceptedDocument]:
        """All that the database says were accepted, in the order of acceptance."""
        return sorted(self.kept, key=lambda one: (one.accepted_at, one.digest))

    @property
    def lost(self) -> list[AcceptedDocument]:
        """What is on paper alone."""
        kept = {one.digest for one in self.kept}
        return [one for one in self.documents if one.digest not in kept]

    def accept_again(self, at: Timestamp) -> int:
        """Accept everything that is lost, as of now; how many documents that were."""
        found = tuple(replace(one, accepted_at=at) for one in self.lost)
        self.kept = (*self.kept, *found)
        return len(found)

    def accept(self, at: Timestamp) -> AcceptedDocument:
        """Another document, owed from this time on."""
        random = Random(f"{self._seed}/document/{len(self.documents)}")
        lines = tuple(
            DocumentLine(
                index=index,
                payee=random.choice(PAYEES),
                asset=random.choice((ASSET, ASSET, NATIVE)),
                amount=BaseUnits(random.randint(1, 500)),
            )
            for index in range(random.randint(1, LINES_MAX))
        )
        document = PayoutDocument(
            name=f"list-{len(self.documents)}",
            chain_id=BOOK.chain_id,
            contract=BATCH,
            lines=lines,
        )
        accepted = AcceptedDocument(
            digest=document.digest, list_id=document.list_id, accepted_at=at, lines=lines
        )
        self.documents.append(accepted)
        self.kept = (*self.kept, accepted)
        return accepted

    def open_sum(self, asset: Address, state: State) -> int:
        """What is accepted and not settled of one asset."""
        return sum(
            line.amount
            for document in self.documents
            for line in document.lines
            if line.asset == asset and not state.lines.get(line_op_id(document.list_id, line.index))
        )

    def payable_by_hand(self, state: State) -> list[PayByHand]:
        """Each open tip and line, as another operator would pay it."""
        found = [
            PayByHand(PayTips((number,)))
            for number in range(len(state.tips))
            if not state.lines.get(tip_op_id(number))
        ]
        for document in self.documents:
            found += [
                PayByHand(
                    PayLines(
                        document.list_id,
                        line.asset,
                        (LinePayment(index=line.index, payee=line.payee, amount=line.amount),),
                    )
                )
                for line in document.lines
                if not state.lines.get(line_op_id(document.list_id, line.index))
            ]
        return found
