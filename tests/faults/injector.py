"""Faults of sixteen types, and of payout wallets, each in three places of a chain and its books.

Imports nothing of what is supposed to find them: types are words here.
"""

from collections.abc import Callable

from eth_abi.abi import encode
from eth_account import Account

from contracts.calls import withdraw_call
from contracts.evm import Address, Hash32, keccak
from tests.escrow_calls import expire_escrow_call
from tests.faults.forgeries import (
    Fault,
    left_out,
    of_another_contract,
    of_entry,
    of_failed,
    uncaused,
    waiting,
)
from tests.faults.journal import Entry, Journal, at
from tests.faults.liar import hidden_log, other_balance, other_block
from tests.payouts_settlement import CHAIN_ID, SENDER_KEY, escrow_leaf, withdrawal_of, withdrawals
from tests.reconciled_settlement import SENDER, World

ESCROW_OVER_S, UNCLAIMED_OVER_S = 5_001, 20_001
STRANGER = Address(b"\x99" * 20)
OTHER_ASSET = Address(b"\x77" * 20)


class Injector:
    """One fault each; the world is thrown away afterwards."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.node, self.journal = world, world.node, Journal(url)
        self.token = str(world.place.token)
        self.payouts = str(world.place.payouts)

    # Books

    def missing_on_chain(self, place: int) -> Fault:
        return uncaused(self.journal, self._moved(place), 900 + place)

    def missing_in_books(self, place: int) -> Fault:
        if place == 2:
            self.node.send(self.world.money.functions.mint(self.payouts, 5))
            block = self.node.call("eth_getBlockByNumber", "latest", False)
            self.world.post()
            hashed = bytes.fromhex(block["transactions"][0][2:])
            return Fault(type="missing_in_books", transaction_hash=hashed)
        return left_out(self.journal, self._moved(place))

    def amount(self, place: int) -> Fault:
        entry = self._moved(place)
        self.journal.add_to_amount(entry, 7)
        return of_entry("amount", entry)

    def payee(self, place: int) -> Fault:
        kinds = (("payable", "cash", "debit"), ("payable", "unclaimed", "credit"))
        source, target, side = (*kinds, ("unclaimed", "cash", "debit"))[place]
        entry = self.journal.entries(source, target)[0]
        self.journal.set_payee(entry, side, STRANGER)
        return of_entry("payee", entry)

    def asset_or_contract(self, place: int) -> Fault:
        entry = self._moved(place)
        if place < 2:
            self.journal.set_asset(entry, OTHER_ASSET)
            return of_entry("asset_or_contract", entry)
        return of_another_contract(self.journal, self.node, entry, self.token)

    def duplicate(self, place: int) -> Fault:
        model = self._moved(place)
        head: dict[str, object] = {"leg": 1} if place == 0 else at(model, 950)
        return Fault(type="duplicate", entry_id=self.journal.forge(model, {}, **head))

    def dust(self, place: int) -> Fault:
        first, second = self.journal.entries("committed", "payable", kind="manifest_leaf")[
            2 * place : 2 * place + 2
        ]
        assert first.id == second.id
        self.journal.add_to_amount(first, 1)
        self.journal.add_to_amount(second, -1)
        return Fault(type="dust", entry_id=first.id)

    def gas(self, place: int) -> Fault:
        model = self.journal.entries("gas", "wallet", kind="gas")[0]
        if place == 0:
            self.journal.add_to_amount(model, 1)
        elif place == 1:
            self.journal.delete(model)
            return Fault(type="gas", transaction_hash=model.source_id)
        else:
            unknown = bytes(keccak(b"unknown"))
            forged = self.journal.forge(model, {}, source_id=unknown)
            return Fault(type="gas", entry_id=forged, transaction_hash=unknown)
        return Fault(type="gas", entry_id=model.id, transaction_hash=model.source_id)

    def wallet_opening(self, place: int) -> Fault:
        """What a wallet's book begins with is left out, too much, or too little."""
        opening = self.journal.entries("wallet", "float", kind="opening")[0]
        if place == 0:
            self.journal.delete(opening)
        else:
            self.journal.add_to_amount(opening, (5, -5)[place - 1])
        kind = "unauthorised_outflow" if place == 1 else "gas"
        return Fault(type=kind, block_number=self.cursor_of(SENDER))

    def wallet_coins(self, place: int) -> Fault:
        """Coins come that nobody booked: as if from nowhere, from somebody; or are only booked."""
        if place == 2:
            opening = self.journal.entries("wallet", "float", kind="opening")[0]
            invented = bytes(keccak(b"invented"))
            self.journal.forge(opening, {"amount": 9}, source_kind="manual", source_id=invented)
            return Fault(type="unauthorised_outflow", block_number=self.cursor_of(SENDER))
        if place == 0:
            held = int(self.node.call("eth_getBalance", str(SENDER), "latest"), 16)
            self.node.call("anvil_setBalance", str(SENDER), hex(held + 700))
        else:
            gift = {"from": self.node.admin, "to": str(SENDER), "value": "0x1"}
            self.node.call("eth_sendTransaction", gift)
        self.node.mine()
        self.world.post()
        return Fault(type="gas", block_number=self.cursor_of(SENDER))

    # Time

    def timing(self, place: int) -> Fault:
        entry = self._moved(0)
        if place == 0:
            self.journal.execute(
                "UPDATE journal_entry SET effective_at = effective_at - 60 WHERE id = %s", entry.id
            )
            return of_entry("timing", entry)
        if place == 1:
            self.node.advance(3_001)
            return Fault(type="timing", block_number=self._cursor())
        paid = self.journal.entries("payable", "cash")[0]
        return waiting(self.journal, paid, is_line=False)

    def unclaimed_or_expired(self, place: int) -> Fault:
        self.node.advance(ESCROW_OVER_S)
        if place:
            world = self.world
            world.call(expire_escrow_call(withdrawal_of(escrow_leaf(world.place), world.place)))
            waiting = self.waiting_payees()
            taken = waiting[place - 1]
            self.node.send(world.money.functions.refuse(str(taken), False))
            self.node.send(world.payouts.functions.pushUnclaimed(str(taken), self.token))
            self.node.advance(UNCLAIMED_OVER_S)
        self.world.post()
        return Fault(type="unclaimed_or_expired", block_number=self._cursor())

    # Chain

    def reorged(self, place: int) -> Fault:
        if place == 0:
            entry = self.journal.entries("payable", "cash")[0]
            self.journal.execute(
                "UPDATE journal_entry SET block_hash = %s WHERE id = %s",
                *(bytes(keccak(b"gone")), entry.id),
            )
            return of_entry("reorged", entry)
        if place == 1:
            self._fund(1, 11)
        else:
            self.node.mine(2)
        self.world.post()
        self.node.call("anvil_reorg", 2, [])
        if place == 2:
            return Fault(type="reorged", block_number=self._cursor())
        return Fault(type="reorged", entry_id=self.journal.entries("cash", "paid_in")[-1].id)

    def reverted(self, place: int) -> Fault:
        hashed, block_number = self.failed_payment({0: "settled", 1: None, 2: "reverted"}[place])
        if place == 1:
            self.node.advance(1_001)
        self.world.post()
        if place != 2:
            return Fault(type="reverted", transaction_hash=hashed, block_number=block_number)
        paid = self.journal.entries("payable", "cash")[0]
        return of_failed(self.journal, self.node, paid, hashed, block_number)

    def failed_payment(self, fate: str | None) -> tuple[bytes, int]:
        """A transaction of ours that fails, with what our records say of it; hash and block."""
        wrong = withdraw_call(withdrawals(self.world.place)[0])[:-1]
        hashed, block_number = self._from_wallet(wrong, self.payouts, status="0x0")
        self._store(hashed, block_number, fate)
        return hashed, block_number

    def unauthorised_outflow(self, place: int) -> Fault:
        if place == 0:
            hashed, number = self._from_wallet(b"", str(STRANGER), value=1_000, status="0x1")
            self.world.post()
            return Fault(type="unauthorised_outflow", transaction_hash=hashed, block_number=number)
        if place == 1:
            money = self.world.money
            self.node.send(money.functions.mint(str(SENDER), 50))
            self._set_slot(self.token, _nested(SENDER, Address.from_hex(self.node.admin), 1), 50)
            self.node.send(money.functions.transferFrom(str(SENDER), str(STRANGER), 50))
            self.world.post()
            return Fault(type="unauthorised_outflow", block_number=self._cursor())
        balance = int(self.node.call("eth_getBalance", str(SENDER), "latest"), 16)
        self.node.call("anvil_setBalance", str(SENDER), hex(balance - 1_000_000))
        self.node.mine()
        self.world.post()
        return Fault(type="unauthorised_outflow", block_number=self._cursor())

    def root_mismatch(self, place: int) -> Fault:
        forged = bytes(keccak(b"another root"))
        statement = (
            ("UPDATE computed_epoch SET root = %s", forged),
            ("UPDATE ledger_commitment SET root = %s", forged),
            ("UPDATE computed_line SET amount = amount + %s WHERE line = 0", 1),
        )[place]
        self.journal.execute(*statement)
        return Fault(type="root_mismatch", block_number=self._commit_block())

    def insolvency(self, place: int) -> Fault:
        if place == 0:
            self.node.call("anvil_impersonateAccount", self.payouts)
            self.node.call("anvil_setNextBlockBaseFeePerGas", "0x0")  # it has no coins
            call = keccak(b"transfer(address,uint256)")[:4] + encode(
                ("address", "uint256"), (bytes(STRANGER), 100)
            )
            hashed = self.node.call(
                "eth_sendTransaction",
                {
                    "from": self.payouts,
                    "to": self.token,
                    "data": "0x" + call.hex(),
                    "gasPrice": "0x0",
                },
            )
            self.node.mine()
            self.world.post()
            return Fault(type="insolvency", transaction_hash=bytes.fromhex(hashed[2:]))
        held = self.node.balance(self.world.place.token, self.world.place.payouts)
        self.set_token_balance(self.world.place.payouts, 0 if place == 1 else held - 1)
        self.node.mine()
        self.world.post()
        return Fault(type="insolvency", block_number=self._cursor())

    def source_divergence(self, place: int) -> Fault:
        cursor, paid = self._cursor(), self.journal.entries("payable", "cash")[0]
        assert paid.block_number is not None
        lie = (
            other_block(cursor),
            hidden_log(paid.block_number, paid.log_index),
            other_balance(self.token),
        )[place]
        where = (cursor, paid.block_number, cursor)[place]
        return Fault(type="source_divergence", lie=lie, block_number=where)

    def all(self) -> dict[str, Callable[[int], Fault]]:
        """Every type of fault; a wallet's are told as gas, or as an outflow."""
        names = (
            *("missing_on_chain", "missing_in_books", "amount", "payee", "asset_or_contract"),
            *("duplicate", "timing", "reorged", "reverted", "gas", "dust", "root_mismatch"),
            *("unauthorised_outflow", "insolvency", "source_divergence", "unclaimed_or_expired"),
            *("wallet_opening", "wallet_coins"),
        )
        return {name: getattr(self, name) for name in names}

    def waiting_payees(self) -> list[Address]:
        """Payees with a pull balance."""
        found = {
            Address(one.payee)
            for source in ("payable", "suspense")
            for one in self.journal.entries(source, "unclaimed")
            if one.payee is not None
        }
        view = self.world.payouts.functions.unclaimed
        return [one for one in sorted(found) if view(str(one), self.token).call()]

    def _moved(self, place: int) -> Entry:
        """A funding, a payment to a payee, a payment set aside."""
        sides = (("cash", "paid_in"), ("payable", "cash"), ("payable", "unclaimed"))[place]
        return self.journal.entries(*sides)[0]

    def set_token_balance(self, holder: Address, units: int) -> None:
        """Storage of the token, changed under its feet."""
        self._set_slot(self.token, _slot(holder, 0), units)

    def _cursor(self) -> int:
        return self.cursor_of(self.world.place.payouts)

    def cursor_of(self, contract: Address) -> int:
        """The block that a contract's books are posted up to."""
        with self.journal.open() as connection:
            row = connection.execute(
                "SELECT block_number FROM ledger_cursor WHERE contract = %s",
                (bytes(contract),),
            ).fetchone()
        assert row is not None
        return int(row["block_number"])

    def _commit_block(self) -> int | None:
        return self.journal.entries("paid_in", "committed")[0].block_number

    def _fund(self, epoch: int, amount: int) -> None:
        self.node.send(self.world.money.functions.mint(self.node.admin, amount))
        self.node.send(self.world.money.functions.approve(self.payouts, amount))
        self.node.send(self.world.payouts.functions.fund(epoch, self.token, amount))

    def _from_wallet(
        self, data: bytes, to: str, *, status: str, value: int = 0
    ) -> tuple[bytes, int]:
        """A transaction signed with the payout key, outside the submitter; hash and block."""
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": CHAIN_ID,
                "nonce": int(self.node.call("eth_getTransactionCount", str(SENDER), "latest"), 16),
                "to": to,
                "value": value,
                "data": data,
                "gas": 500_000,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
            },
            SENDER_KEY,
        )
        hashed = self.node.call("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
        self.node.mine()
        receipt = self.node.call("eth_getTransactionReceipt", hashed)
        assert receipt["status"] == status
        return bytes.fromhex(hashed[2:]), int(receipt["blockNumber"], 16)

    def _store(self, hashed: bytes, block_number: int, fate: str | None) -> None:
        """Our records of a transaction that carried one withdrawal, and of its outcome."""
        op_id = bytes(keccak(hashed))
        nonce = int(self.node.call("eth_getTransactionCount", str(SENDER), "latest"), 16) - 1
        block = self.node.call("eth_getBlockByNumber", hex(block_number), False)
        copy = self.journal.copy_row
        copy("payout_transaction", "true", {"tx_hash": hashed, "nonce": nonce})
        copy("payout_operation", "kind = 'withdraw'", {"op_id": op_id})
        copy("payout_inclusion", "true", {"op_id": op_id, "nonce": nonce})
        if fate is not None:
            outcome = {
                "op_id": op_id,
                "fate": fate,
                "nonce": nonce,
                "tx_hash": hashed,
                "block_number": block_number,
                "block_hash": bytes.fromhex(block["hash"][2:]),
            }
            copy("payout_outcome", "fate = 'settled'", outcome)

    def _set_slot(self, contract: str, slot: Hash32, value: int) -> None:
        self.node.call("anvil_setStorageAt", contract, str(slot), str(Hash32.from_int(value)))


def _slot(key: Address, position: int) -> Hash32:
    return keccak(bytes(12) + key + position.to_bytes(32, "big"))


def _nested(owner: Address, spender: Address, position: int) -> Hash32:
    return keccak(bytes(12) + spender + _slot(owner, position))
