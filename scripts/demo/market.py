"""Single payments in the story: asked for through the API, paid on chain, reported, let in.

```
announce ──► pay (directly, relayed, by a smart account, in native coins) ──► report ──► let in?
                     │                                                                     ▲
                     └── a ticket is sold on, redeemed or refunded; a payment is reorganised away
```
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, Hash32, Timestamp
from contracts.payment_event_specs import TICKET_ISSUED
from scripts.demo import shop
from scripts.demo.actors import Stage
from scripts.demo.conditions import holds_head
from scripts.demo.front_end import Asked, FrontEnd
from scripts.demo.payment_outcome import Admission, PaymentsOutcome, Sale
from scripts.demo.shop import DOLLAR, ETHER, TIER
from scripts.demo.theatre import Theatre
from scripts.devnode import Call, address_of

_OFFER_S = 30 * 86_400
_TIP_WEI = ETHER // 100
_FINAL, _REFUNDED, _GONE = "final", "refunded", "gone"
_PAID = "granted: paid"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing that is paid for, and where its payment should stand in the end."""

    what: str
    asked: Asked
    expected: str

    def sale(self, state: str) -> Sale:
        """The payment, as it stands now."""
        order = self.asked.order
        return Sale(
            what=self.what,
            payer=order.payer,
            asset=self.asked.asset,
            amount=order.price,
            fee=self.asked.fee,
            state=state,
            expected=self.expected,
        )


@dataclass(slots=True)
class Market:
    """The trade so far: what was asked for, and who was let in."""

    theatre: Theatre
    front_end: FrontEnd
    wallet: Address
    offers: list[Offer] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)

    @classmethod
    def opened(cls, theatre: Theatre) -> "Market":
        """Money, allowances, a smart account and a concert; the API runs."""
        stage, node = theatre.scenes.stage, theatre.node
        owner = stage.key("owner")
        wallet = node.deploy(owner, "DemoWallet", owner.address)
        _, now = node.head()
        node.transact(shop.opening_calls(stage, wallet, now))
        shop.offer_contents(theatre.engine, stage)
        market = cls(theatre, FrontEnd(theatre.served_url()), wallet)
        market.follow()
        return market

    @property
    def stage(self) -> Stage:
        """The deployed contracts."""
        return self.theatre.scenes.stage

    def follow(self) -> None:
        """Wait until the index holds the head."""
        self.theatre.wait_until(
            "the index holds the head", lambda: holds_head(self.theatre), is_mining=False
        )

    def buy_contents(self) -> None:
        """Directly, relayed with a permit, and two by a smart account in one transaction."""
        fan, reader = self.stage.key("fan"), self.stage.key("reader")
        direct = self._content("a content, paid directly", "song", address_of(fan), 10 * DOLLAR)
        relayed = self._content(
            "a content, relayed with a permit", "story", address_of(reader), 5 * DOLLAR
        )
        first = self._content("two contents at once: one", "song", self.wallet, 10 * DOLLAR)
        second = self._content("two contents at once: the other", "film", self.wallet, 12 * DOLLAR)
        bought = [(one.contract, one.order) for one in (first, second)]
        hashes = self._in_one_block(
            shop.direct_call(fan, direct.contract, direct.order),
            shop.permitted_call(self.stage, reader, relayed.contract, relayed.order),
            shop.wallet_call(self.stage, self.wallet, bought),
        )
        paid = zip((direct, relayed, first, second), (*hashes, hashes[-1]), strict=True)
        for asked, tx_hash in paid:
            self.front_end.report(asked, tx_hash)
        self._look("the fan, who paid", direct, _PAID)
        self._look("the reader, whose relayer paid the gas", relayed, _PAID)
        self._look("the smart account, for the one", first, _PAID)
        self._look("the smart account, for the other", second, _PAID)
        self._ask("a stranger", address_of(self.stage.key("relayer")), direct.order.subject)

    def tip(self) -> None:
        """A smart account tips in the token through a relayer, the patron in native coins."""
        dollars = {"family": "tip", "amount": str(20 * DOLLAR)}
        token = self._tip("a tip by a smart account", self.wallet, dollars)
        coins = {"family": "tip_native", "asset": str(ZERO_ADDRESS), "amount": str(_TIP_WEI)}
        patron = address_of(self.stage.key("patron"))
        native = self._tip("a tip in native coins", patron, coins)
        hashes = self._in_one_block(
            shop.wallet_relayed_call(self.stage, token.contract, token.order),
            shop.native_tip_call(self.stage, native.contract, native.order),
        )
        for asked, tx_hash in zip((token, native), hashes, strict=True):
            self.front_end.report(asked, tx_hash)

    def sell_tickets(self) -> None:
        """One is sold on and redeemed by its buyer, the other given back."""
        stage, node = self.stage, self.theatre.node
        fan, waverer, collector = (stage.key(role) for role in ("fan", "waverer", "collector"))
        kept = self._ticket("a ticket, then sold on", address_of(fan), _FINAL)
        returned = self._ticket("a ticket, then given back", address_of(waverer), _REFUNDED)
        receipts = node.transact(
            [
                shop.direct_call(fan, kept.contract, kept.order),
                shop.direct_call(waverer, returned.contract, returned.order),
            ]
        )
        self.follow()
        for asked, receipt in zip((kept, returned), receipts, strict=True):
            self.front_end.report(asked, Hash32.from_hex(receipt["transactionHash"]))
        self._look("the fan, who bought a ticket", kept, "granted: ticket_held")
        mine, his = (ticket_id_of(receipt) for receipt in receipts)
        self._in_one_block(
            shop.resell_call(stage, fan, collector, mine),
            shop.ticket_refund_call(stage, returned.order, his),
        )
        self._look("the fan, who sold it on", kept, "denied: ticket_transferred")
        self._look("the waverer, who gave it back", returned, "denied: ticket_burned")
        _, now = node.head()
        self._in_one_block(shop.gate_call(stage, collector, mine, Timestamp(now + _OFFER_S)))
        self._ask(
            "the collector, at the gate",
            address_of(collector),
            kept.order.subject,
            "granted: ticket_redeemed",
        )

    def lose_payment(self) -> None:
        """A payment is confirmed, and a reorganisation takes it for ever."""
        node, spender = self.theatre.node, self.stage.key("spender")
        asked = self._content(
            "a content, reorganised away", "film", address_of(spender), 10 * DOLLAR, _GONE
        )
        (tx_hash,) = self._in_one_block(shop.direct_call(spender, asked.contract, asked.order))
        self.front_end.report(asked, tx_hash)
        self._look("the spender, who paid", asked, _PAID)
        instead = shop.approve_call(self.stage, spender, ContractName.PAY_PER_VIEW_SPLITTER, 0)
        spent = node.next_nonce(spender) - 1
        node.reorganise([[node.sign(instead, spent)]])
        self.follow()
        self._look("the spender, after the reorganisation", asked, "denied: payment_gone")

    def is_settled(self) -> bool:
        """Whether every payment stands where it should stand in the end, and tips are passed on."""
        states = [self.front_end.state(one.asked) for one in self.offers]
        return self._passed_on() == _TIP_WEI and states == [one.expected for one in self.offers]

    def outcome(self) -> PaymentsOutcome:
        """What became of all of it."""
        return PaymentsOutcome(
            sales=tuple(one.sale(self.front_end.state(one.asked)) for one in self.offers),
            admissions=tuple(self.admissions),
            tipped=_TIP_WEI,
            passed_on=self._passed_on(),
        )

    def _passed_on(self) -> int:
        """What the busker has of native coins: it had none, and pays no gas."""
        busker = self.stage.key("busker").address
        return int(self.theatre.node.request("eth_getBalance", busker, "latest"), 16)

    def _content(
        self, what: str, name: str, payer: Address, amount: int, expected: str = _FINAL
    ) -> Asked:
        wanted = {
            "family": "ppv",
            "payee": self.stage.key("artist").address,
            "subject": str(shop.content_id(self.stage, name)),
            "amount": str(amount),
        }
        return self._asked(what, payer, wanted, expected)

    def _ticket(self, what: str, payer: Address, expected: str) -> Asked:
        wanted = {
            "family": "ticket",
            "payee": self.stage.key("artist").address,
            "subject": str(shop.event_id(self.stage)),
            "tier_id": TIER,
            "amount": str(shop.TICKET_PRICE),
        }
        return self._asked(what, payer, wanted, expected)

    def _tip(self, what: str, payer: Address, wanted: Mapping[str, object]) -> Asked:
        busker = self.stage.key("busker").address
        return self._asked(what, payer, {"payee": busker, **wanted})

    def _asked(
        self, what: str, payer: Address, wanted: Mapping[str, object], expected: str = _FINAL
    ) -> Asked:
        _, now = self.theatre.node.head()
        usual = {
            "payer": str(payer),
            "asset": str(self.stage.deployment.token),
            "reference": what,
            "since": now,
            "until": now + _OFFER_S,
        }
        asked = self.front_end.announce({**usual, **wanted})
        self.offers.append(Offer(what=what, asked=asked, expected=expected))
        return asked

    def _in_one_block(self, *calls: Call) -> Sequence[Hash32]:
        """Mine calls, and wait until they are indexed; returns the transactions' hashes."""
        receipts = self.theatre.node.transact(calls)
        self.follow()
        return [Hash32.from_hex(receipt["transactionHash"]) for receipt in receipts]

    def _look(self, who: str, asked: Asked, expected: str) -> None:
        self._ask(who, asked.order.payer, asked.order.subject, expected)

    def _ask(
        self,
        who: str,
        wallet: Address,
        content: Hash32,
        expected: str = "denied: nothing_found",
    ) -> None:
        answer = self.front_end.admission(wallet, content)
        self.admissions.append(Admission(who=who, answer=answer, expected=expected))


def trade(theatre: Theatre, tell: Tell) -> Market:
    """Every way to pay a single thing, once."""
    market = Market.opened(theatre)
    market.buy_contents()
    tell("contents paid: directly, relayed with a permit, two at once by a smart account")
    market.tip()
    tell("tips: in the token by a smart account, in native coins through the relay")
    market.sell_tickets()
    tell("tickets: bought, sold on and redeemed, given back")
    market.lose_payment()
    tell("a payment is reorganised away, and its payer is not let in any more")
    return market


def ticket_id_of(receipt: Mapping[str, Any]) -> int:
    """The ticket that a purchase issued, by the receipt as JSON-RPC spells it."""
    topics = (log["topics"] for log in receipt["logs"])
    return next(int(one[1], 16) for one in topics if one[0] == str(TICKET_ISSUED.topic0))
