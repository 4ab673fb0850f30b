"""Faults in the books of payment contracts, each in three places of a live chain and its books.

Types that only epochs have (a root, dust of a division) or only wallets (gas, outflows) are not
among them. Imports nothing of what is supposed to find them.
"""

from collections.abc import Callable
from typing import Any

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, keccak
from tests.faults.forgeries import (
    Fault,
    left_out,
    of_another_contract,
    of_entry,
    of_failed,
    uncaused,
    waiting,
)
from tests.faults.injector import STRANGER, Injector
from tests.faults.journal import Entry, at
from tests.faults.liar import Lie, hidden_log
from tests.faults.payment_world import (
    BATCH,
    COIN_REFUSER,
    RELAY,
    SPLITTER,
    TIP_REFUSER,
    TOKEN_REFUSER,
    PaymentWorld,
)

BEHIND_S, UNCLAIMED_S = 1_001, 2_001
_TAKING = "0x"


class PaymentInjector:
    """One fault each; the world is thrown away afterwards."""

    def __init__(self, world: PaymentWorld, url: str) -> None:
        self.world, self.node = world, world.node
        self.epochs = Injector(world, url)
        self.journal = self.epochs.journal

    # Books

    def missing_on_chain(self, place: int) -> Fault:
        return uncaused(self.journal, self._moved(place), 900 + place)

    def missing_in_books(self, place: int) -> Fault:
        if place == 2:
            relay = str(self.world.payments[RELAY])
            self.node.send(self.world.money.functions.mint(relay, 5))
            block = self.node.call("eth_getBlockByNumber", "latest", False)
            self.world.post()
            hashed = bytes.fromhex(block["transactions"][0][2:])
            return Fault(type="missing_in_books", transaction_hash=hashed)
        return left_out(self.journal, self._moved(place))

    def amount(self, place: int) -> Fault:
        ordered = self.journal.entries("documents", "owed", kind="document")[0]
        entry = ordered if place == 2 else self._moved(place)
        self.journal.add_to_amount(entry, 7)
        return Fault(type="amount", entry_id=entry.id, block_number=entry.block_number)

    def payee(self, place: int) -> Fault:
        entry = self._moved(place)
        self.journal.set_payee(entry, ("credit", "debit", "credit")[place], STRANGER)
        return of_entry("payee", entry)

    def asset_or_contract(self, place: int) -> Fault:
        if place < 2:
            entry = self._moved(place)
            self.journal.set_asset(entry, bytes(STRANGER))
            return of_entry("asset_or_contract", entry)
        return of_another_contract(self.journal, self.node, self._moved(2), self.epochs.token)

    def duplicate(self, place: int) -> Fault:
        model = self._moved(place)
        head: dict[str, object] = at(model, 950) if place == 1 else {"leg": 1}
        return Fault(type="duplicate", entry_id=self.journal.forge(model, {}, **head))

    def uncounted(self, place: int) -> None:
        """A posting that balances leave out, of an entry that stands."""
        entry = self._moved(place)
        self.journal.execute(
            "UPDATE posting SET status = 'pending' WHERE entry_id = %s AND ordinal = %s",
            *(entry.id, entry.ordinal),
        )

    # Time

    def timing(self, place: int) -> Fault:
        if place == 0:
            entry = self._moved(0)
            self.journal.execute(
                "UPDATE journal_entry SET effective_at = effective_at - 60 WHERE id = %s", entry.id
            )
            return of_entry("timing", entry)
        if place == 1:
            self.node.advance(BEHIND_S)
            self.world.post(but=[BATCH])
            return Fault(type="timing")
        return waiting(self.journal, self._moved(1), is_line=True)

    def unclaimed_or_expired(self, place: int) -> Fault:
        """All but one of the pull balances are taken."""
        token = self.world.place.token
        self.node.send(self.world.money.functions.refuse(str(TOKEN_REFUSER), False))
        waiting = (
            (RELAY, TIP_REFUSER, ZERO_ADDRESS),
            (BATCH, TOKEN_REFUSER, token),
            (BATCH, COIN_REFUSER, ZERO_ADDRESS),
        )
        for number, (name, payee, asset) in enumerate(waiting):
            if number != place:
                if asset == ZERO_ADDRESS:
                    self.node.call("anvil_setCode", str(payee), _TAKING)
                self.world.act(name, "pushUnclaimed", str(payee), str(asset))
        self.node.advance(UNCLAIMED_S)
        self.world.post()
        return Fault(type="unclaimed_or_expired", block_number=self._cursor(waiting[place][0]))

    # Chain

    def reorged(self, place: int) -> Fault:
        gone = bytes(keccak(b"gone"))
        if place == 2:
            batch = bytes(self.world.payments[BATCH])
            self.journal.execute(
                "UPDATE ledger_cursor SET block_hash = %s WHERE contract = %s", gone, batch
            )
            return Fault(type="reorged", block_number=self._cursor(BATCH))
        entry = self._moved(place)
        self.journal.execute(
            "UPDATE journal_entry SET block_hash = %s WHERE id = %s", gone, entry.id
        )
        return of_entry("reorged", entry)

    def reverted(self, place: int) -> Fault:
        """A payment is booked from a transaction of ours that failed."""
        hashed, number = self.epochs.failed_payment("reverted")
        self.world.post()
        return of_failed(self.journal, self.node, self._moved(place), hashed, number)

    def insolvency(self, place: int) -> Fault:
        relay, batch = (self.world.payments[name] for name in (RELAY, BATCH))
        if place == 0:
            self.node.call("anvil_setBalance", str(relay), "0x1")
        elif place == 1:
            self.epochs.set_token_balance(batch, 1)
        else:
            self.node.call("anvil_impersonateAccount", str(batch))
            transfer = {"from": str(batch), "to": str(STRANGER), "value": "0x64", "gasPrice": "0x0"}
            self.node.call("anvil_setNextBlockBaseFeePerGas", "0x0")
            self.node.call("eth_sendTransaction", transfer)
        self.node.mine()
        self.world.post()
        return Fault(type="insolvency", block_number=self._cursor(BATCH if place else RELAY))

    def source_divergence(self, place: int) -> Fault:
        if place == 2:
            relay = str(self.world.payments[RELAY])
            return Fault(type="source_divergence", lie=other_coins(relay))
        entry = self._moved(place)
        assert entry.block_number is not None
        lie = hidden_log(entry.block_number, entry.log_index)
        return Fault(type="source_divergence", lie=lie, block_number=entry.block_number)

    def all(self) -> dict[str, Callable[[int], Fault]]:
        """Every type of fault that payment books have."""
        names = (
            *("missing_on_chain", "missing_in_books", "amount", "payee", "asset_or_contract"),
            *("duplicate", "timing", "unclaimed_or_expired", "reorged", "reverted", "insolvency"),
            "source_divergence",
        )
        return {name: getattr(self, name) for name in names}

    def _moved(self, place: int) -> Entry:
        """A tip to the relay, a line that the batch paid in tokens, a sale."""
        sides = (("cash", "owed"), ("owed", "cash"), ("cash", "earned"))[place]
        contract = bytes(self.world.payments[(RELAY, BATCH, SPLITTER)[place]])
        return next(one for one in self.journal.entries(*sides) if one.contract == contract)

    def _cursor(self, name: ContractName) -> int:
        return self.epochs.cursor_of(self.world.payments[name])


def other_coins(holder: str) -> Lie:
    """One wei more than somebody has."""

    def lie(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getBalance" and params[0].lower() == holder.lower():
            return str(hex(int(result, 16) + 1))
        return result

    return lie
