"""Faults, and what only looks like one, that come in other guises than the sixteen types are made.

Each says what must be found: its types, which may be none. Imports nothing of what finds them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from contracts.calls import withdraw_call
from contracts.evm import ZERO_ADDRESS, Address, Hash32, keccak
from tests.faults.injector import STRANGER, Injector
from tests.payouts_settlement import withdrawals
from tests.reconciled_settlement import SENDER, World

_FORGER = "0x00000000000000000000000000000000000F0126"
_REVERTING = "0x60006000fd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guise:
    """What was done: the type that every finding must have, how many there are, and of what."""

    type: str
    findings: int = 1
    asset: Address | None = None
    transaction_hash: bytes | None = None


class Variants:
    """One of them each; the world is thrown away afterwards."""

    def __init__(self, world: World, url: str) -> None:
        self.world, self.node = world, world.node
        self.injector = Injector(world, url)
        self.journal = self.injector.journal

    def token_never_paid_in(self) -> Guise:
        """A configured token that no epoch knows of comes to the contract, without an event."""
        other = self._second_token()
        minted = self._minted(other, self.world.place.payouts)
        return Guise(type="missing_in_books", asset=other, transaction_hash=minted)

    def coins_forced_in(self) -> Guise:
        """A contract ends itself, or a block's reward is sent, in favour of one without receive."""
        self.node.call("anvil_setBalance", str(self.world.place.payouts), "0x7")
        return self._posted(Guise(type="missing_in_books", asset=ZERO_ADDRESS))

    def token_that_grows(self) -> Guise:
        """A token that rebases: more for everybody, and no log."""
        place = self.world.place
        held = self.node.balance(place.token, place.payouts)
        self.injector.set_token_balance(place.payouts, held + 9)
        return self._posted(Guise(type="missing_in_books", asset=place.token))

    def token_that_answers_no_more(self) -> Guise:
        """A token that was upgraded badly: everything else is compared all the same."""
        self.node.call("anvil_setCode", str(self.world.place.token), _REVERTING)
        return self._posted(Guise(type="insolvency", asset=self.world.place.token))

    def transfer_that_a_stranger_logs(self) -> Guise:
        """A contract of somebody's logs that our wallet sent its token: anybody can."""
        words = (keccak(b"Transfer(address,address,uint256)"), _word(SENDER), _word(STRANGER))
        topics = b"".join(b"\x7f" + one for one in reversed(words))
        code = bytes.fromhex("6005600052") + topics + bytes.fromhex("60206000a300")
        self.node.call("anvil_setCode", _FORGER, "0x" + code.hex())
        self.world.call(b"", Address.from_hex(_FORGER))
        return self._posted(Guise(type="", findings=0))

    def owed_to_another_by_hand(self) -> Guise:
        """What a payee is owed is moved to somebody else by an entry that no event caused."""
        model = self.journal.entries("payable", "unclaimed")[0]
        self.journal.forge(
            model,
            {"amount": model.amount - 1},
            source_kind="manual",
            source_id=bytes(keccak(b"by hand")),
            block_number=None,
            block_hash=None,
        )
        return Guise(type="missing_on_chain", asset=self.world.place.token)

    def cause_of_another_book(self) -> Guise:
        """An entry whose kind of cause there is only in other books."""
        model = self.journal.entries("payable", "cash")[0]
        self.journal.forge(model, {"amount": model.amount + 1}, source_kind="document")
        return Guise(type="missing_on_chain", asset=self.world.place.token)

    def cause_of_another_book_in_a_wallet(self) -> Guise:
        """The same in the book of a wallet."""
        model = self.journal.entries("gas", "wallet", kind="gas")[0]
        self.journal.forge(model, {"amount": model.amount + 1}, source_kind="log")
        return Guise(type="missing_on_chain", asset=ZERO_ADDRESS)

    def payout_in_a_block_that_is_gone(self) -> Guise:
        """A leaf is withdrawn, posted, and its block replaced: every line of it was booked."""
        withdrawal = withdrawals(self.world.place)[3]
        self.world.call(withdraw_call(withdrawal))
        self.world.post()
        self.node.call("anvil_reorg", 1, [])
        lines = len(withdrawal.leaf.lines)
        return Guise(type="reorged", findings=lines, asset=self.world.place.token)

    def all(self) -> dict[str, Callable[[], Guise]]:
        """Every one of them."""
        return {name: getattr(self, name) for name in NAMES}

    def _second_token(self) -> Address:
        other = self.node.deploy("DemoToken", self.node.admin)
        tokens = (self.world.place.token, other)
        self.world.settlement = replace(self.world.settlement, tokens=tokens)
        return other

    def _minted(self, token: Address, to: Address) -> bytes:
        self.node.send(self.node.contract("DemoToken", token).functions.mint(str(to), 5))
        block = self.node.call("eth_getBlockByNumber", "latest", False)
        self.world.post()
        return bytes.fromhex(block["transactions"][0][2:])

    def _posted(self, guise: Guise) -> Guise:
        self.node.mine()
        self.world.post()
        return guise


def _word(address: Address) -> Hash32:
    return Hash32(bytes(12) + address)


NAMES = tuple(name for name in vars(Variants) if name[0] != "_" and name != "all")
