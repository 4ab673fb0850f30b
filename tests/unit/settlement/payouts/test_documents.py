"""Documents of lines: what can be read, and what the same name may stand for."""

import json
import re
from typing import Any

import pytest

from contracts.evm import (
    ZERO_ADDRESS,
    Address,
    BlockNumber,
    ChainId,
    LogIndex,
    LogRef,
    Timestamp,
    keccak,
)
from contracts.payment_events import LinePaid
from contracts.units import UINT256_MAX, BaseUnits
from settlement.payouts.adapters.document_file import LINES_MAX, read_document
from settlement.payouts.documents import (
    PayoutDocument,
    list_id_of,
    op_ids_of,
    require_distinct,
    require_payable,
    require_same,
    settled_lines,
    totals,
)
from settlement.payouts.errors import BadDocument, DocumentConflict

TOKEN, BATCH = Address(b"\xa5" * 20), Address(b"\xc2" * 20)
ANN, BEN = Address(b"\x01" * 20), Address(b"\x02" * 20)
CHAIN = ChainId(31337)


def line(**changes: object) -> dict[str, object]:
    return {"payee": str(ANN), "asset": str(TOKEN), "amount": "5"} | changes


def spelled(*lines: object, **changes: object) -> bytes:
    whole: dict[str, object] = {
        "list": "grants-2026-11",
        "chain_id": str(CHAIN),
        "contract": str(BATCH),
        "lines": list(lines) if lines else [line()],
    }
    return json.dumps(whole | changes).encode()


def read(*lines: object, **changes: object) -> PayoutDocument:
    return read_document(spelled(*lines, **changes))


def problems(source: bytes) -> tuple[str, ...]:
    with pytest.raises(BadDocument) as caught:
        read_document(source)
    return caught.value.problems


def test_read__lines__numbered_from_zero_in_their_order() -> None:
    found = read(line(), line(payee=str(BEN), asset=str(ZERO_ADDRESS), amount=str(UINT256_MAX)))

    assert [(one.index, one.payee, one.asset) for one in found.lines] == [
        (0, ANN, TOKEN),
        (1, BEN, ZERO_ADDRESS),
    ]
    assert found.list_id == list_id_of("grants-2026-11")
    assert totals(found.lines) == {TOKEN: 5, ZERO_ADDRESS: UINT256_MAX}


def test_digest__other_spelling_of_the_same__equal() -> None:
    plain = read(line(payee=str(ANN).lower()))

    assert plain.digest == read(line()).digest
    assert read_document(plain.source) == plain


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (line(amount="0"), "lines[1].amount: '0' is nothing to pay"),
        (line(amount=str(UINT256_MAX + 1)), "is not a decimal string below 2^256"),
        (line(amount="-1"), "is not a decimal string below 2^256"),
        (line(amount=5), "lines[1].amount: 5 is not a decimal string below 2^256"),
        (line(amount="1.5"), "is not a decimal string below 2^256"),
        (line(asset="USDC"), "lines[1].asset: 'USDC' is not an address"),
        (line(payee=str(ZERO_ADDRESS)), "cannot be paid"),
        (line(payee=str(TOKEN)), "cannot be paid"),
        (line(payee=str(BATCH)), "cannot be paid"),
        (line(memo="thanks"), "lines[1]: no object with the fields amount, asset, payee"),
        ("five", "lines[1]: no object with the fields amount, asset, payee"),
    ],
)
def test_read__line_at_fault__named_by_field_and_value(entry: Any, said: str) -> None:
    (problem,) = problems(spelled(line(), entry))

    assert problem.startswith("lines[1]")
    assert said in problem


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        spelled(list=""),
        spelled(list="with blanks "),
        spelled(list="x" * 129),
        spelled(list=7),
        spelled(chain_id=31337),
        spelled(contract="0x12"),
        spelled(lines=[]),
        spelled(lines={}),
        spelled(*[line()] * (LINES_MAX + 1)),
        spelled(due="tomorrow"),
    ],
)
def test_read__no_document__refused(source: bytes) -> None:
    assert problems(source)


def test_read__several_problems__all_told() -> None:
    assert len(problems(spelled(line(amount="0"), line(payee="?"), list="?", chain_id=1))) == 4


def test_require_payable__other_place_or_asset__each_named() -> None:
    found = read(line(), line(asset=str(ZERO_ADDRESS)), line(asset=str(BEN)))

    with pytest.raises(BadDocument) as caught:
        require_payable(found, chain_id=ChainId(1), contract=ANN, assets=[TOKEN])

    assert caught.value.problems == (
        "chain_id: 31337 is not 1",
        f"contract: {BATCH} is not the payout batch {ANN}",
        f"lines[2].asset: {BEN} is not an asset paid here",
    )


def test_require_payable__payee_that_is_a_token__refused_whatever_the_line_pays() -> None:
    """A token keeps what it is paid, for ever."""
    found = read(line(asset=str(ZERO_ADDRESS), payee=str(TOKEN)), line())

    with pytest.raises(BadDocument) as caught:
        require_payable(found, chain_id=CHAIN, contract=BATCH, assets=[TOKEN])

    assert caught.value.problems == (f"lines[0].payee: {TOKEN} is a token, and keeps what it gets",)


@pytest.mark.parametrize(
    ("known", "is_fine"),
    [
        (["grants-2026-11"], True),
        (["grants-2026-12", "grants-2026-1"], True),
        (["Grants-2026-11"], False),
        (["grants_2026/11"], False),
        (["grants:2026-11"], False),
        (["other", "GRANTS.2026.11"], False),
    ],
)
def test_require_distinct__names_alike__one_list_and_not_owed_twice(
    known: list[str], is_fine: bool
) -> None:
    one = read()

    if is_fine:
        require_distinct(one, known)
        return
    with pytest.raises(DocumentConflict, match=re.escape(repr(known[-1]))):
        require_distinct(one, known)


def test_require_payable__tokens_and_native_coin__fine() -> None:
    found = read(line(), line(asset=str(ZERO_ADDRESS)))

    require_payable(found, chain_id=CHAIN, contract=BATCH, assets=[TOKEN])


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (read(line(), line(amount="6")), "line 1 was 5 of"),
        (read(line(), line(payee=str(BEN))), f"to {ANN}, and is 5 of {TOKEN} to {BEN} now"),
        (read(line(), line(asset=str(ZERO_ADDRESS))), f"and is 5 of {ZERO_ADDRESS}"),
        (read(line()), "it had 2 lines, and has 1 now"),
        (read(line(), line(), chain_id="1"), "it was for"),
    ],
    ids=["amount", "payee", "asset", "fewer lines", "another chain"],
)
def test_require_same__other_content_under_the_name__conflict(
    other: PayoutDocument, what: str
) -> None:
    with pytest.raises(DocumentConflict, match="grants-2026-11") as caught:
        require_same(read(line(), line()), other)

    assert what in str(caught.value)


def test_require_same__same_lines_spelled_otherwise__fine() -> None:
    require_same(read(line()), read(line(payee=str(ANN).lower())))


def ended(document: PayoutDocument, index: int, **changes: Any) -> LinePaid:
    """The event by which the chain paid a line, as it says it."""
    said = document.lines[index] if index < len(document.lines) else document.lines[0]
    fields: dict[str, Any] = {
        "ref": LogRef(CHAIN, BlockNumber(9), LogIndex(index)),
        "block_hash": keccak(b"block"),
        "timestamp": Timestamp(90),
        "op_id": op_ids_of(document, index + 1)[index],
        "list_id": document.list_id,
        "index": index,
        "payee": said.payee,
        "asset": said.asset,
        "amount": said.amount,
    }
    return LinePaid(**(fields | changes))


def test_settled_lines__as_the_document_says__named_and_the_others_are_owed() -> None:
    given = read(line(), line(payee=str(BEN)), line(amount="7"))

    assert settled_lines(given, [ended(given, 2), ended(given, 0)]) == (0, 2)
    assert settled_lines(given, []) == ()


@pytest.mark.parametrize(
    "changes", [{"payee": BEN}, {"amount": BaseUnits(6)}, {"asset": ZERO_ADDRESS}]
)
def test_settled_lines__paid_otherwise__conflict_that_says_what_was_paid(
    changes: dict[str, Any],
) -> None:
    given = read(line(), line())

    with pytest.raises(DocumentConflict, match=r"line 1 was settled in block 9 .*, and is 5 of"):
        settled_lines(given, [ended(given, 0), ended(given, 1, **changes)])


def test_settled_lines__document_that_ends_before_a_line_that_was_paid__conflict() -> None:
    given = read(line())

    with pytest.raises(DocumentConflict, match="it has no such line"):
        settled_lines(given, [ended(given, 1)])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param(
            spelled().replace(b'"amount": "5"', b'"amount": "5", "amount": "500"'),
            "'amount' stands twice",
            id="who reads the first amount accepts what pays the second",
        ),
        pytest.param(
            spelled().replace(b"{", b'{"list": "another", ', 1), "'list' stands twice", id="list"
        ),
        pytest.param(b"[" * 100_000, "it is no JSON", id="brackets without end"),
        pytest.param(
            spelled(line(amount=str(UINT256_MAX)), line(amount="1")),
            f"lines: {2**256} of {TOKEN} in all is more than there can be",
            id="more than there can be of anything",
        ),
    ],
)
def test_read__two_meanings_or_none__refused(source: bytes, said: str) -> None:
    assert any(said in one for one in problems(source)), problems(source)
