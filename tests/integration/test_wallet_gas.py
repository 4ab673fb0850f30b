"""Gas of a payout wallet on a real chain with a real database: recorded, posted, tied out.

Subjects: settlement.payouts.record_gas, settlement.payouts.adapters.gas,
settlement.payouts.adapters.gas_tables, settlement.payouts.adapters.wallet_node,
settlement.ledger.gas, scripts.wallets, reconciliation.wallet_books,
reconciliation.adapters.wallet_history, reconciliation.adapters.receipt_proofs,
contracts.transaction_fees.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import DBAPIError

from contracts.addresses import Settlement
from contracts.calls import pay_tips_call
from contracts.event_spec import ROYALTY_CONTRACTS
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, BlockRef, Hash32, Timestamp
from contracts.units import BaseUnits
from indexer.chain_profiles import chain_profile_named
from reconciliation.adapters.books import SqlBook
from reconciliation.adapters.chain import RPCChain
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.overdue import Tolerances
from reconciliation.wallet_books import wallet_discrepancies
from reconciliation.wallets import (
    ReceiptBasis,
    WalletHistory,
    WalletRecords,
    contradicted,
    outflows,
)
from scripts.bookkeeping import WalletFacts
from scripts.bootstrap import open_database
from scripts.embedded.anvil import AnvilNode
from settlement.errors import ChainUnavailable
from settlement.ledger.accounts import FLOAT, GAS, UNEXPLAINED, WALLET, Book
from settlement.ledger.accounts import Account as LedgerAccount
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.journal import Posting
from settlement.ledger.manual import Decided, Decision, ManualEntry, decide, propose
from settlement.ledger.post_payments import post_payments_step
from settlement.ledger.rewind import rewind
from settlement.payouts.adapters.gas import SqlGas, known_wallets, recorded_wallets, retract_gas
from settlement.payouts.adapters.gas_tables import PAYOUT_GAS, RETENTION, TABLES
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION
from settlement.payouts.adapters.wallet_node import NodeWallet
from settlement.payouts.record_gas import Recorded, record_step
from tests.faults.liar import Lie, lying
from tests.payouts_settlement import CHAIN_ID, SENDER_KEY, DevNode
from tests.reconciled_settlement import SENDER

COINS_WEI = 10**19
STRANGER = Address(b"\x99" * 20)
BOOK = Book(chain_id=CHAIN_ID, contract=SENDER)
SETTLEMENT = Settlement(
    name="test",
    chain_id=CHAIN_ID,
    start_block=BlockNumber(1),
    contracts=dict.fromkeys(ROYALTY_CONTRACTS, STRANGER),
    tokens=(),
)


@dataclass
class Blocks:
    """The node's own blocks as if they were indexed; what is `depth` below the head is final."""

    node: DevNode
    depth: int = 0

    def finalized(self) -> BlockRef | None:
        return self.block(BlockNumber(self.node.web3.eth.block_number - self.depth))

    def block(self, number: BlockNumber) -> BlockRef | None:
        raw = self.node.call("eth_getBlockByNumber", hex(number), False)
        if raw is None:
            return None
        return BlockRef(
            number=BlockNumber(int(raw["number"], 16)),
            hash=Hash32.from_hex(raw["hash"]),
            parent_hash=Hash32.from_hex(raw["parentHash"]),
            timestamp=Timestamp(int(raw["timestamp"], 16)),
        )


@dataclass
class Site:
    """A wallet that sends what a test says, and our side of it."""

    node: DevNode
    engine: Engine
    blocks: Blocks
    hashes: list[Hash32] = field(default_factory=list)

    def sign(
        self,
        nonce: int,
        *,
        to: Address | None = STRANGER,
        data: bytes = b"",
        value: int = 0,
        tip: int = 10**9,
        is_stored: bool = True,
    ) -> str:
        """A signed transaction, raw; stored as the submitter does, if it is ours."""
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "value": value,
            "data": data,
            "gas": 100_000,
            "maxFeePerGas": 100 * tip,
            "maxPriorityFeePerGas": tip,
        }
        signed = Account.sign_transaction(
            fields | ({} if to is None else {"to": str(to)}), SENDER_KEY
        )
        self.hashes.append(Hash32(signed.hash))
        if is_stored:
            self._store(nonce, signed)
        return f"0x{signed.raw_transaction.hex()}"

    def send(self, *raws: str) -> None:
        for raw in raws:
            self.node.call("eth_sendRawTransaction", raw)
        self.node.mine()

    def record(self, url: str | None = None) -> int:
        """Everything final, from this endpoint; how many transactions."""
        count, is_caught_up = 0, False
        while not is_caught_up:
            with self.engine.begin() as connection:
                step = self.step(connection, url)
            count, is_caught_up = count + step.transactions, step.is_caught_up
        return count

    def step(self, connection: Connection, url: str | None = None) -> Recorded:
        record = SqlGas(connection, CHAIN_ID, SENDER)
        assert record.is_free()
        node = NodeWallet(url or self.node.url, SENDER, timeout_s=10, told=str)
        return record_step(node, self.blocks, record, start_block=BlockNumber(1))

    def post(self) -> int:
        """Every recorded transaction; how many entries are new."""
        with self.engine.begin() as connection:
            facts = WalletFacts(self.blocks, SqlGas(connection, CHAIN_ID, SENDER))  # type: ignore[arg-type]
            return post_payments_step(
                facts,
                (),
                LedgerStore(connection, BOOK),
                start_block=BlockNumber(1),
                blocks_max=10_000,
            ).entries

    def receipts(self) -> list[Any]:
        """Receipts of everything that was mined."""
        found = [
            self.node.call("eth_getTransactionReceipt", str(one))
            for one in dict.fromkeys(self.hashes)
        ]
        return [one for one in found if one is not None]

    def coins(self) -> int:
        return int(self.node.call("eth_getBalance", str(SENDER), "latest"), 16)

    def balance(self, account: LedgerAccount) -> int:
        with self.engine.connect() as connection:
            found = LedgerReads(connection, BOOK).balances_at(account, None)
        debits, credits = found.get(ZERO_ADDRESS, (0, 0))
        return account.balance(debits=debits, credits=credits)

    def differences(self, url: str | None = None) -> list[tuple[Kind, str]]:
        """What reconciliation says of the wallet, from this endpoint."""
        return [(one.kind, one.subject) for one in self.discrepancies(url)]

    def history(self, url: str | None = None) -> tuple[RPCChain, WalletHistory, BlockRef]:
        """The wallet as an endpoint shows it."""
        at = self.blocks.finalized()
        assert at is not None
        chain = RPCChain(
            url or self.node.url,
            SETTLEMENT,
            timeout_s=10,
            finality_tag="none",
            finality_depth_blocks=self.blocks.depth,
            profile=chain_profile_named("ethereum"),
        )
        return chain, chain.wallet(self.records(), at, proven_upto=0), at

    def discrepancies(self, url: str | None = None) -> list[Discrepancy]:
        """What reconciliation says of the wallet, whole."""
        chain, history, at = self.history(url)
        records = self.records()
        with self.engine.connect() as connection:
            found = wallet_discrepancies(
                chain,
                SqlBook(connection, BOOK),
                history,
                records,
                at=at,
                tolerances=Tolerances(),
            )
        return [*contradicted(history), *outflows(history, records, at), *found]

    def records(self) -> WalletRecords:
        with self.engine.connect() as connection:
            signed = connection.execute(text("SELECT tx_hash, nonce FROM payout_transaction")).all()
            recorded = connection.execute(text("SELECT tx_hash FROM payout_gas")).scalars().all()
        return WalletRecords(
            wallet=SENDER,
            signed=frozenset(Hash32(one.tx_hash) for one in signed),
            first_nonce=min((one.nonce for one in signed), default=None),
            settled=frozenset(),
            failures=frozenset(),
            book_nonce=0,
            recorded=frozenset(map(Hash32, recorded)),
        )

    def _store(self, nonce: int, signed: Any) -> None:
        with self.engine.begin() as connection:
            ordinal = connection.execute(
                text("SELECT count(*) FROM payout_transaction WHERE nonce = :nonce"),
                {"nonce": nonce},
            ).scalar_one()
            connection.execute(
                insert(PAYOUT_TRANSACTION).values(
                    tx_hash=Hash32(signed.hash),
                    chain_id=CHAIN_ID,
                    sender=SENDER,
                    nonce=nonce,
                    ordinal=ordinal,
                    raw=bytes(signed.raw_transaction),
                    recipient=STRANGER,
                    gas=100_000,
                    max_fee_wei=10**11,
                    tip_wei=10**9,
                    signed_at=1,
                )
            )


@pytest.fixture
def site(anvil: AnvilNode, database: str) -> Iterator[Site]:
    node, engine = DevNode(anvil.url), open_database(database)
    node.call("anvil_setBalance", str(SENDER), hex(COINS_WEI))
    node.mine(2)
    made = Site(node, engine, Blocks(node))
    yield made
    made.engine.dispose()


def eventful(site: Site) -> None:
    """A plain call, one that reverts, one that is replaced, a no-op, and one nobody remembers."""
    site.send(site.sign(0, data=pay_tips_call([1, 2])))
    site.send(site.sign(1, to=None, data=b"\xfd"))
    first, second = site.sign(2, data=b"\x02"), site.sign(2, data=b"\x03", tip=2 * 10**9)
    site.send(first, second)
    site.send(site.sign(3, to=SENDER), site.sign(4, to=SENDER, value=5, is_stored=False))


def test_gas__every_kind_of_transaction__books_are_what_is_left(site: Site) -> None:
    eventful(site)

    assert site.record() == 5
    assert site.post() == 6
    assert (site.record(), site.post()) == (0, 0)

    receipts = site.receipts()
    assert [one["status"] for one in receipts] == ["0x1", "0x0", "0x1", "0x1", "0x1"]
    spent = sum(int(one["gasUsed"], 16) * int(one["effectiveGasPrice"], 16) for one in receipts)
    assert site.balance(GAS) == spent > 0
    assert site.balance(FLOAT) == COINS_WEI
    assert site.balance(WALLET) == COINS_WEI - spent == site.coins()
    assert site.balance(UNEXPLAINED) == 0
    assert site.differences() == [(Kind.UNAUTHORISED_OUTFLOW, f"transaction {site.hashes[-1]}")]


def test_gas__database_is_lost__same_entries_found_by_nonces(
    site: Site, empty_database: str
) -> None:
    eventful(site)
    site.record()
    site.post()
    lost, paid_for = entries(site), operations(site)
    from scripts.bootstrap import migrate

    migrate(empty_database)
    site.engine.dispose()
    site.engine = open_database(empty_database)

    site.record()
    site.post()

    assert entries(site) == lost
    assert operations(site) == paid_for
    assert [kind for _, kind, _ in paid_for] == ["tip", "tip"]
    assert site.differences() == []
    with site.engine.connect() as connection:
        assert (
            known_wallets(connection, CHAIN_ID)
            == recorded_wallets(connection, CHAIN_ID)
            == [SENDER]
        )


def entries(site: Site) -> list[tuple[bytes, bytes]]:
    with site.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT id, content_digest FROM journal_entry WHERE contract = :wallet ORDER BY id"
            ),
            {"wallet": bytes(SENDER)},
        )
        return [(row.id, row.content_digest) for row in rows]


def operations(site: Site) -> list[tuple[bytes, str, int]]:
    with site.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT op_id, kind, ordinal FROM payout_gas_operation ORDER BY ordinal")
        )
        return [(bytes(row.op_id), row.kind, row.ordinal) for row in rows]


def test_gas__coins_sent__unexplained_and_told(site: Site) -> None:
    site.send(site.sign(0, value=1_000, is_stored=False))
    site.record()
    site.post()

    assert site.balance(UNEXPLAINED) == 1_000
    assert site.balance(WALLET) == site.coins()
    assert site.differences() == [(Kind.UNAUTHORISED_OUTFLOW, f"transaction {site.hashes[0]}")]


def test_gas__coins_come__a_surplus_until_a_second_person_approves_its_entry(site: Site) -> None:
    site.send(site.sign(0))
    site.node.call("anvil_setBalance", str(SENDER), hex(site.coins() + 700))
    site.node.mine()
    site.record()
    site.post()
    assert site.differences() == [(Kind.GAS, f"coins of wallet {SENDER}")]
    block = site.blocks.finalized()
    assert block is not None
    manual = ManualEntry(
        book=BOOK,
        maker="ann",
        reason="top-up of the payout wallet",
        document_digest=Hash32(b"\x0d" * 32),
        effective_at=block.timestamp,
        effective_block=block.number,
        postings=(Posting(asset=ZERO_ADDRESS, amount=BaseUnits(700), debit=WALLET, credit=FLOAT),),
    )

    with site.engine.begin() as connection:
        propose(LedgerStore(connection, BOOK), manual)
    proposed = site.differences()
    with site.engine.begin() as connection:
        approved = Decided(decision=Decision.APPROVED, checker="bob", reason="bank statement")
        decide(LedgerStore(connection, BOOK), manual.id, approved)

    assert len(proposed) == 1
    assert site.differences() == []
    assert site.balance(WALLET) == site.coins()


def test_gas__coins_gone_without_a_transaction__told_although_gas_agrees(site: Site) -> None:
    site.send(site.sign(0))
    site.record()
    site.post()
    site.node.call("anvil_setBalance", str(SENDER), hex(site.coins() - 1))
    site.node.mine()
    site.record()
    site.post()

    assert {one for one, _ in site.differences()} == {Kind.UNAUTHORISED_OUTFLOW}


def test_gas__receipt_moves_in_a_reorg__recorded_once_where_it_is_final(site: Site) -> None:
    site.blocks.depth = 3
    raw = site.sign(0)
    site.send(raw)
    (before,) = site.receipts()
    assert site.record() == 0
    site.node.call("anvil_reorg", 2, [])
    site.node.mine()
    site.send(raw)
    site.node.mine(4)

    assert site.record() == 1
    assert (site.post(), site.post()) == (2, 0)

    (after,) = site.receipts()
    assert after["blockHash"] != before["blockHash"]
    with site.engine.connect() as connection:
        (row,) = connection.execute(PAYOUT_GAS.select()).all()
    assert str(row.block_hash) == after["blockHash"]
    assert site.differences() == []


def test_gas__final_block_replaced__taken_back_and_booked_anew(site: Site) -> None:
    site.send(site.sign(0))
    to = site.blocks.finalized()
    assert to is not None
    raw = site.sign(1)
    site.send(raw)
    site.record()
    site.post()
    site.node.call("anvil_reorg", 1, [])
    site.node.call("anvil_setNextBlockBaseFeePerGas", hex(3 * 10**9))
    site.send(raw)

    with site.engine.begin() as connection:
        retract_gas(connection, CHAIN_ID, to)
        rewind(LedgerStore(connection, BOOK), to, reason="a deep reorg")
    assert site.balance(GAS) == 0

    assert site.record() == 1
    assert site.post() == 3
    assert site.balance(WALLET) == site.coins()
    assert site.differences() == []


def killed_while_recording(site: Site) -> None:
    """The session ends when everything is written, and nothing committed."""
    with site.engine.begin() as connection:
        site.step(connection)
        session = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with site.engine.begin() as other:
            other.execute(text("SET LOCAL ROLE NONE"))
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": session})


def test_gas__killed_while_recording_and_before_posting__recorded_and_posted_once(
    site: Site, database: str
) -> None:
    eventful(site)
    with pytest.raises(DBAPIError):
        killed_while_recording(site)
    assert site.post() == 0
    assert site.record() == 5
    site.engine.dispose()  # the process that recorded is gone before it posted
    site.engine = open_database(database)

    assert (site.record(), site.post(), site.post()) == (0, 6, 0)
    assert site.balance(WALLET) == site.coins()


def test_gas__receipt_of_a_rollup__with_the_fee_of_the_other_layer(site: Site) -> None:
    site.send(site.sign(0))

    def with_fee(method: str, _: list[Any], result: Any) -> Any:
        return result | {"l1Fee": "0x7"} if method == "eth_getTransactionReceipt" else result

    with lying(site.node.url, with_fee) as url:
        (one,) = NodeWallet(url, SENDER, timeout_s=10, told=str).mined(site.hashes).values()

    (receipt,) = site.receipts()
    assert (one.l1_fee_wei, hex(one.gas_used)) == (7, receipt["gasUsed"])


OPERATOR = {"operatorFeeScalar": "0x7a120", "operatorFeeConstant": "0xe8d4a51000"}
"""500,000 and a million million wei."""


def of_rollup(fields: dict[str, str], extra_data: str) -> Lie:
    """Receipts and headers with what a rollup writes into them."""

    def lie(method: str, _: list[Any], result: Any) -> Any:
        if method == "eth_getTransactionReceipt" and result:
            return result | fields
        if method.startswith("eth_getBlockBy") and result:
            return result | {"extraData": extra_data}
        return result

    return lie


def test_gas__receipt_with_an_operator_fee__by_the_fork_of_its_header(site: Site) -> None:
    """500,000 millionths are a half; since Jovian they are 50 million times the gas."""
    site.send(site.sign(0))
    forks = (
        ("0x00000000fa00000006", 10_500 + 10**12),
        ("0x01000000fa0000000600000000000f4240", 1_050_000_000_000 + 10**12),
        ("0x676574682f76312e31", 0),
    )

    for extra_data, expected in forks:
        with lying(site.node.url, of_rollup(OPERATOR, extra_data)) as url:
            (one,) = NodeWallet(url, SENDER, timeout_s=10, told=str).mined(site.hashes).values()
            (seen,) = site.history(url)[1].transactions

        assert (one.gas_used, one.other_fee_wei) == (21_000, expected)
        assert seen.cost_wei == 21_000 * one.effective_gas_price_wei + expected
        assert seen.unknown_fees == (() if expected else ("operatorFeeScalar",))


def test_gas__chain_that_charges_an_operator_fee__no_outflow(site: Site) -> None:
    """The node takes what an OP-stack chain would take; books and reconciliation know why."""
    site.send(site.sign(0))
    site.node.call("anvil_setBalance", str(SENDER), hex(site.coins() - 10_500 - 10**12))

    with lying(site.node.url, of_rollup(OPERATOR, "0x00000000fa00000006")) as url:
        site.record(url)
        site.post()
        found = site.differences(url)

    assert found == []
    assert site.balance(WALLET) == site.coins()


def test_gas__fee_of_a_chain_that_we_know_nothing_of__a_gas_finding_that_names_it(
    site: Site,
) -> None:
    site.send(site.sign(0))
    site.node.call("anvil_setBalance", str(SENDER), hex(site.coins() - 77))
    site.record()
    site.post()
    assert {one for one, _ in site.differences()} == {Kind.UNAUTHORISED_OUTFLOW}

    with lying(site.node.url, of_rollup({"sequencerFee": "0x4d"}, "0x")) as url:
        (found,) = site.discrepancies(url)

    assert (found.kind, found.subject) == (Kind.GAS, f"transaction {site.hashes[0]}")
    assert int(found.actual) - int(found.expected) == 77
    assert any("sequencerFee" in line for line in found.evidence)


def test_gas__several_transactions_in_a_block_with_a_fee_that_nobody_knows__gas_of_each(
    site: Site,
) -> None:
    """What left in the block is theirs, shared by what else they cost: no outflow."""
    site.send(site.sign(0), site.sign(1))
    site.node.call("anvil_setBalance", str(SENDER), hex(site.coins() - 77))
    site.record()
    site.post()

    with lying(site.node.url, of_rollup({"sequencerFee": "0x4d"}, "0x")) as url:
        found = site.discrepancies(url)

    assert {one.kind for one in found} == {Kind.GAS}
    more = sorted(int(one.actual) - int(one.expected) for one in found)
    assert (sum(more), more) == (77, [38, 39])


def test_receipts__what_their_headers_rule_out__source_divergence(site: Site) -> None:
    site.send(site.sign(0))
    site.record()
    site.post()
    names = ("gasUsed", "effectiveGasPrice", "status")

    for name in names:
        with lying(site.node.url, changed("eth_getTransactionReceipt", name)) as url:
            told = site.discrepancies(url)
        (one,) = [each for each in told if each.kind is Kind.SOURCE_DIVERGENCE]
        assert one.subject == f"receipt of transaction {site.hashes[0]}"
        assert "committed to" in one.actual
    with lying(site.node.url, changed("eth_getBlockReceipts", "cumulativeGasUsed")) as url:
        (whole,) = site.history(url)[1].transactions
    assert (whole.basis, whole.contradiction) == (ReceiptBasis.STATED, "receipts_root")


def changed(told_by: str, field: str) -> Lie:
    """A receipt with one bit that is not so, alone or in the list of its block."""

    def lie(method: str, _: list[Any], result: Any) -> Any:
        if method != told_by:
            return result
        listed = result if isinstance(result, list) else [result]
        lies = [one | {field: hex(int(one[field], 16) ^ 1)} for one in listed]
        return lies if isinstance(result, list) else lies[0]

    return lie


def test_receipts__of_earlier_blocks_or_without_whole_blocks__not_proven(site: Site) -> None:
    eventful(site)
    site.record()

    def no_receipts(method: str, _: list[Any], result: Any) -> Any:
        return None if method == "eth_getBlockReceipts" else result

    with lying(site.node.url, no_receipts) as url:
        stated = site.history(url)[1]
    chain, proven, at = site.history()
    earlier = chain.wallet(site.records(), at, proven_upto=at.number)

    bases = [{one.basis for one in each.transactions} for each in (stated, proven, earlier)]
    assert bases == [{ReceiptBasis.STATED}, {ReceiptBasis.PROVEN}, {ReceiptBasis.EARLIER}]
    assert not any(one.contradiction for one in proven.transactions)


@pytest.mark.parametrize(
    ("message", "is_gone"),
    [("missing trie node 5e5e (path )", True), ("rate limit exceeded", False)],
)
def test_account__node_refuses__gone_or_asked_again(
    site: Site, message: str, is_gone: bool
) -> None:
    block = site.blocks.finalized()
    assert block is not None
    with refusing(message) as url:
        node = NodeWallet(url, SENDER, timeout_s=10, told=str)
        if is_gone:
            assert node.account(block) is None
            return
        with pytest.raises(ChainUnavailable, match=message):
            node.account(block)


@contextmanager
def refusing(message: str) -> Iterator[str]:
    """The URL of a node that answers every call of a batch with an error."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            error = {"code": -32000, "message": message}
            answers = [{"jsonrpc": "2.0", "id": one["id"], "error": error} for one in calls]
            data = json.dumps(answers).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_tables__what_is_recorded__stays(site: Site) -> None:
    site.send(site.sign(0))
    site.record()

    assert RETENTION.keys() == {table.name for table in TABLES}
    with pytest.raises(DBAPIError), site.engine.begin() as connection:
        connection.execute(text("UPDATE payout_gas SET gas_used = 1"))
