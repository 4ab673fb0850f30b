"""The bytes of the books: ids, digests and leaves, as they were and as they are defined.

Subjects: settlement.ledger.accounts, settlement.ledger.journal, settlement.ledger.seal.
The golden values were made by the first form of these modules, which built everything anew whenever
it was asked. The definition below is spelled from the documents, field by field.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.evm import (
    ZERO_ADDRESS,
    Address,
    BlockNumber,
    ChainId,
    Epoch,
    Hash32,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.units import UINT256_MAX, BaseUnits
from settlement.ledger.accounts import (
    CASH,
    DIMENSIONS,
    GAS,
    IN_TRANSIT,
    PLATFORM_FEES,
    UNEXPLAINED,
    WALLET,
    Account,
    AccountKind,
    Book,
    account_from_path,
    committed,
    documents,
    earned,
    escrow,
    owed,
    payable,
    refunded,
    unclaimed,
)
from settlement.ledger.journal import (
    EntryStatus,
    Evidence,
    JournalEntry,
    Posting,
    Source,
    SourceKind,
    document_source,
    gas_source,
    leaf_source,
    log_source,
    reservation_source,
)
from settlement.ledger.seal import RecordedEntry, canonical_bytes, linked


def word(number: int) -> Hash32:
    return Hash32(bytes([number]) * 32)


def address(number: int) -> Address:
    return Address(bytes([number]) * 20)


BOOK = Book(chain_id=ChainId(8453), contract=address(0xEE))
ASSET = address(0xA5)
EVIDENCE = Evidence(block_number=BlockNumber(77), block_hash=word(9))
REF = LogRef(ChainId(8453), BlockNumber(77), LogIndex(3))
LINE = owed(word(5), address(6))
PAYABLE = payable(epoch=Epoch(4), work_id=word(1), part=2, payee=address(3))


def posting(asset: Address, amount: int, debit: Account, credit: Account) -> Posting:
    return Posting(asset=asset, amount=BaseUnits(amount), debit=debit, credit=credit)


def entry(source: Source, *postings: Posting, leg: int = 0) -> JournalEntry:
    return JournalEntry(
        source=source,
        leg=leg,
        status=EntryStatus.POSTED,
        effective_at=Timestamp(1_800_000_000),
        effective_block=BlockNumber(77),
        evidence=EVIDENCE,
        postings=postings,
    )


ENTRIES = (
    entry(
        log_source(REF, 0),
        posting(ASSET, 10**18 + 7, CASH, LINE),
        posting(ZERO_ADDRESS, 1, CASH, PLATFORM_FEES),
    ),
    replace(
        entry(
            leaf_source(word(2), word(3), 1),
            posting(ASSET, UINT256_MAX, committed(Epoch(4)), PAYABLE),
        ),
        evidence=None,
    ),
    JournalEntry(
        source=reservation_source(word(3), 2, 0),
        leg=0,
        status=EntryStatus.PENDING,
        effective_at=Timestamp(1_800_000_000),
        effective_block=BlockNumber(77),
        evidence=None,
        postings=(posting(ASSET, 5, PAYABLE, IN_TRANSIT),),
    ),
    replace(
        entry(document_source(word(8), 12, 0), posting(ASSET, 5, documents(word(7)), LINE), leg=1),
        evidence=None,
    ),
    entry(
        gas_source(word(4), 3),
        posting(ZERO_ADDRESS, 21_000, GAS, WALLET),
        posting(ZERO_ADDRESS, 3, UNEXPLAINED, WALLET),
    ),
    entry(
        log_source(REF, 0),
        posting(address(1), 4, earned(word(5), address(6)), CASH),
        posting(address(1), 4, CASH, refunded(word(5), address(6))),
        posting(address(1), 2, escrow(Epoch(1), word(2)), unclaimed(address(9))),
        leg=2,
    ),
)
GOLDEN = (
    (
        "1fddbf6ce4cea5030bfefc8b0e60564ceef3f09f60d911e231a6258e9341e6e2",
        "43030de9c331389b7e8e6cf812432d06ae6d95f224c3d29e11319e7eddc9c72d",
        "a3c0d8f1d6e49a1a20b38796b0dace087ca9113808bdad0063187418413355fe",
    ),
    (
        "4c50603f21769a690b61950915529b8593ff87ab42321d9a4472860fc404add3",
        "f953ded3ca796c4cf0ac09be7f65f7271af80c10564ef52936ad60125f1cb6d7",
        "95adb128438d3849b5b31fc517689a4c1977b8d78e7ac280ff167423d6809a1e",
    ),
    (
        "fb3503aa4e93f4f2521c38ab943cd560deba0577de5cc2aa8eb22bc52bacde62",
        "49203806d36d3b592ca668743617b66907a6fde6d0c36b368506f4687c02fb76",
        "08f49d28f195203dd6fc0e8720a3fa6834eaa2ea8df4b77ff332bacd099864c7",
    ),
    (
        "528578a205ca867083305079d78e33359483334c80e3ae52a8485922a9cae1c0",
        "04f8375aa16c5e4ec898730699e8af65a9509eab5d9084f51be3af968254b19d",
        "708238e75a3c987d0c80c0a0850ca96428ba6af88d8a407db193f7273c0c3ad8",
    ),
    (
        "94fa1fb234ea2c5d4eb4222ace42d8c8cab0a5b7b5f362810438e6f04cca22d7",
        "20742abc610c893747ccaf6cd68557263dcec8dab83eec45005316ea47959fd8",
        "72969466bba6777fb596145c3139b92121ff4113fc788e5be457071a3c9e4fdc",
    ),
    (
        "aa9ce00f220c9b120ee0bc9abcaf7dee31b14a69c305b10d6736c78ef7b457c0",
        "9d9c1d7ff619ca0b20c1ae4c32285703fda834e261851823d48649d6e831e1c5",
        "b7765e7420c3aa7dc2d283dfa0c03906959c8a67df36f83e2240dbf84f109b0b",
    ),
)
"""Id, content digest and leaf of each."""

GOLDEN_ACCOUNTS = (
    "d5929129dc69b3c009a9d1cfad8fe433fb999b6411161860b03169fa85a3ef34",
    "780f8306be21507ea2be7e4b3b4456fac1d250a4c8cdefd89bbdd5e11516cdbd",
    "43ea230490df86c4e39c6a5ca7d08db237ecf0b91c986d6652dea931a7c57ed8",
)


def recorded(one: JournalEntry, arrival: int = 0) -> RecordedEntry:
    return RecordedEntry(
        entry=one,
        arrival=arrival,
        booked_at=Timestamp(1_800_000_001),
        period=202701,
        recorded_at_us=1_800_000_001_000_123,
    )


@pytest.mark.parametrize("number", range(len(ENTRIES)))
def test_entry__id_digest_and_leaf__what_they_always_were(number: int) -> None:
    one = ENTRIES[number]
    leaf = linked(recorded(one).spelled, BOOK, after=None).leaf

    assert (one.id.hex(), one.content_digest.hex(), leaf.hex()) == GOLDEN[number]


def test_account_ids__what_they_always_were() -> None:
    found = tuple(BOOK.account_id(account).hex() for account in (CASH, PAYABLE, LINE))

    assert found == GOLDEN_ACCOUNTS


def prefixed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def path_of(account: Account) -> str:
    """Kind and attributes, joined by colons; bytes in lower case."""
    parts = [account.kind.value]
    for name in DIMENSIONS[account.kind]:
        value = getattr(account, name)
        parts.append("0x" + value.hex() if isinstance(value, bytes) else str(value))
    return ":".join(parts)


def id_of(one: JournalEntry) -> bytes:
    source = one.source
    version = source.version.to_bytes(4, "big") if source.version else b""
    head = source.kind.value.encode() + b":" + source.id
    return keccak(head + one.leg.to_bytes(4, "big") + version)


def digest_of(one: JournalEntry) -> bytes:
    proof = b""
    if one.evidence is not None:
        proof = one.evidence.block_number.to_bytes(8, "big") + one.evidence.block_hash
    fields = [id_of(one), one.status.value.encode(), one.effective_at.to_bytes(8, "big"), proof]
    for each in one.postings:
        fields.append(each.asset + each.amount.to_bytes(32, "big"))
        fields.append(path_of(each.debit).encode())
        fields.append(path_of(each.credit).encode())
    return keccak(prefixed(*fields))


def canonical_of(one: RecordedEntry, sequence: int) -> bytes:
    entry = one.entry
    fields = [
        b"quittance.journal.v1",
        BOOK.chain_id.to_bytes(8, "big"),
        bytes(BOOK.contract),
        sequence.to_bytes(8, "big"),
        id_of(entry),
        entry.source.kind.value.encode(),
        entry.source.id,
        entry.leg.to_bytes(4, "big"),
        entry.source.version.to_bytes(4, "big"),
        entry.status.value.encode(),
        entry.effective_at.to_bytes(8, "big"),
        entry.effective_block.to_bytes(8, "big"),
        b"" if entry.evidence is None else bytes(entry.evidence.block_hash),
        one.booked_at.to_bytes(8, "big"),
        one.period.to_bytes(4, "big"),
        one.recorded_at_us.to_bytes(8, "big"),
    ]
    for each in entry.postings:
        fields += [bytes(each.asset), each.amount.to_bytes(32, "big")]
        fields += [path_of(each.debit).encode(), path_of(each.credit).encode()]
    return prefixed(*fields)


words = st.binary(min_size=32, max_size=32).map(Hash32)
addresses = st.binary(min_size=20, max_size=20).map(Address)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "epoch": st.integers(0, 2**63 - 1),
    "work_id": words,
    "part": st.integers(0, 2**63 - 1),
    "payee": addresses,
}
kinds = st.sampled_from([kind for kind in AccountKind if kind is not AccountKind.IN_TRANSIT])


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    kind = draw(kinds)
    return Account(kind=kind, **{name: draw(_VALUES[name]) for name in DIMENSIONS[kind]})


@st.composite
def entries(draw: st.DrawFn) -> JournalEntry:
    sides = st.tuples(accounts(), accounts()).filter(lambda pair: pair[0] != pair[1])
    postings = [
        posting(draw(addresses), draw(st.integers(1, UINT256_MAX)), *draw(sides))
        for _ in range(draw(st.integers(1, 4)))
    ]
    kind = draw(st.sampled_from([one for one in SourceKind if one is not SourceKind.REWIND]))
    source = Source(kind, draw(st.binary(max_size=64)), draw(st.integers(0, 2**31 - 1)))
    made = entry(source, *postings, leg=draw(st.integers(0, 2**31 - 1)))
    return replace(made, evidence=draw(st.sampled_from([EVIDENCE, None])))


@given(account=accounts(), other=accounts())
def test_account__named_once__by_kind_and_attributes(account: Account, other: Account) -> None:
    assert account.path == path_of(account)
    assert account_from_path(account.path) == account
    assert BOOK.account_id(account) == keccak(f"8453/{BOOK.contract}/{path_of(account)}".encode())
    fields = ("kind", "epoch", "work_id", "part", "payee")
    is_same = all(getattr(account, name) == getattr(other, name) for name in fields)
    assert (account == other) is is_same
    assert account != other or hash(account) == hash(other)


@given(one=entries(), sequence=st.integers(1, 2**63 - 1))
def test_entry__any__spelled_as_it_is_defined(one: JournalEntry, sequence: int) -> None:
    data = canonical_of(recorded(one), sequence)

    assert one.id == id_of(one)
    assert one.content_digest == digest_of(one)
    assert canonical_bytes(recorded(one).spelled, BOOK, sequence) == data
    if sequence == 1:
        leaf = linked(recorded(one).spelled, BOOK, after=None).leaf
        assert leaf == sha256(b"\x00" + data).digest()
