"""Screening lists: what is read, what is refused, and what a change of lists means."""

import pytest

from contracts.evm import Address, Hash32, Timestamp, keccak
from settlement.payouts.adapters.screening_file import LABEL_LENGTH_MAX, read_screening_list
from settlement.payouts.errors import BadScreeningList
from settlement.payouts.screening import ScreeningList, list_digest, rescreened

ANN, BEN, CID = (Address(bytes([n]) * 20) for n in (0xA1, 0xA2, 0xA3))


def listed(*accounts: Address) -> ScreeningList:
    return ScreeningList(
        digest=Hash32.from_int(len(accounts)),
        accepted_at=Timestamp(1),
        listings=dict.fromkeys(accounts, ""),
    )


def test_read__comments_labels_and_any_case__accounts_with_reasons() -> None:
    text = f"# list of today\n\n{ANN} SDN  programme 7 \r\n0x{BEN.hex().upper()}\n\t{CID}\tmixer\n"

    found = read_screening_list(text.encode())

    assert found == {ANN: "SDN  programme 7", BEN: "", CID: "mixer"}


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        (b"0x12 short\n", ["line 1: '0x12' is not an address (0x and 40 hexadecimal digits)"]),
        (f"{ANN}\n{ANN} again".encode(), [f"line 2: {ANN} is listed twice"]),
        (b"", ["no account is on it"]),
        (b"# nothing\n", ["no account is on it"]),
        (b"\xff", ["byte 0 is not UTF-8 text"]),
        (
            f"{ANN} {'x' * (LABEL_LENGTH_MAX + 1)}".encode(),
            [f"line 1: the reason is over {LABEL_LENGTH_MAX} characters"],
        ),
        (
            f"x\n{ANN}\ny".encode(),
            [
                "line 1: 'x' is not an address (0x and 40 hexadecimal digits)",
                "line 3: 'y' is not an address (0x and 40 hexadecimal digits)",
            ],
        ),
    ],
)
def test_read__no_list__every_problem_told(source: bytes, problems: list[str]) -> None:
    with pytest.raises(BadScreeningList) as caught:
        read_screening_list(source)

    assert list(caught.value.problems) == problems


def test_read__label_of_the_greatest_length__kept() -> None:
    label = "x" * LABEL_LENGTH_MAX

    assert read_screening_list(f"{ANN} {label}".encode()) == {ANN: label}


def test_read__wrong_checksum__refused() -> None:
    wrong = "0x" + str(ANN)[2:].swapcase()
    assert wrong != str(ANN)

    with pytest.raises(BadScreeningList, match="did you mean"):
        read_screening_list(wrong.encode())


def test_digest__bytes__every_one_counts() -> None:
    assert list_digest(b"a") == keccak(b"a")
    assert list_digest(b"a") != list_digest(b"a\n")


@pytest.mark.parametrize(
    ("before", "after", "newly", "no_longer"),
    [
        (None, [ANN, CID], [ANN], []),
        ([ANN], [BEN], [BEN], [ANN]),
        ([ANN], [ANN, BEN], [BEN], []),
        ([ANN, CID], [CID], [], [ANN]),
    ],
)
def test_rescreened__of_those_who_are_owed__what_changes(
    before: list[Address] | None,
    after: list[Address],
    newly: list[Address],
    no_longer: list[Address],
) -> None:
    old = None if before is None else listed(*before)

    found = rescreened({ANN, BEN}, before=old, after=listed(*after))

    assert (list(found.newly_listed), list(found.no_longer_listed)) == (newly, no_longer)
