import pytest

from contracts.evm import Epoch, Hash32
from settlement.royalties.zk.field import SCALAR_ORDER
from settlement.royalties.zk.poseidon import (
    ROWS_MAX,
    UsageRow,
    _constants,
    consumption_digest,
    element,
    poseidon,
    pseudonym,
    row_commitment,
)


def repeated(byte: int) -> Hash32:
    return Hash32(bytes([byte]) * 32)


def digest_of(rows: list[UsageRow], epoch: int = 7) -> Hash32:
    return consumption_digest(
        epoch=Epoch(epoch), tier_id=repeated(0xAB), epoch_key=repeated(0x5C), rows=rows
    )


COMMITMENT = row_commitment(work_id=repeated(1), minutes=60, plays=2, salt=repeated(9))
ROW = UsageRow(pseudonym(repeated(0x5C), COMMITMENT), element(repeated(1)), 45_000_000_000_000)


PADDING = 0x1B2D44E8EF81565514D8CB295E2DD5525A101DA08F8426C7133F55EE7448D9FE


def test_poseidon__four_zeros__is_the_known_padding_commitment() -> None:
    assert poseidon((0, 0, 0, 0)) == PADDING


def test_poseidon__constants_made_again__same_hash() -> None:
    """They are kept once they are made: here is the generator at work."""
    _constants.cache_clear()

    assert poseidon((0, 0, 0, 0)) == PADDING
    rounds, matrix = _constants()
    assert [len(one) for one in rounds] == [3] * 65
    assert max(max(one) for one in rounds) < SCALAR_ORDER
    # as circomlib publishes them for three lanes
    assert f"{rounds[0][0]:064x}" == (
        "0ee9a592ba9a9518d05986d656f40c2114c4993c11bb29938d21d47304cd8e6e"
    )
    assert f"{matrix[0][0]:064x}" == (
        "109b7f411ba0e4c9b2b70caf5c36a7b194be7c11ad24378bfedb68592ba8118b"
    )


def test_row__of_the_published_statement__has_its_commitment_pseudonym_and_digest() -> None:
    assert COMMITMENT == 0x13BE2A9013B244269C8B7BA1F15E8AB50D4598396F25C333EBF0E68455FDE8A0
    assert ROW.pseudonym == 0x2D10C9E2D8B9D337983995BFCA9C3D6C9AF2AF9B388AC9B0C4B69C7415775BEB
    assert str(digest_of([ROW])) == (
        "0x0c8f06fd5826c784c1f22b7ed139b76495cfec7cabd0a79e6711a10b0550cff7"
    )


def test_digest__any_part_changed__changes() -> None:
    seen = {
        digest_of([ROW]),
        digest_of([]),
        digest_of([ROW], epoch=8),
        digest_of([ROW, ROW]),
        *(digest_of([ROW._replace(**{name: 5})]) for name in ROW._fields),
    }

    assert len(seen) == 7
    assert all(int.from_bytes(one, "big") < SCALAR_ORDER for one in seen)


def test_digest__more_rows_than_fit__refused() -> None:
    with pytest.raises(ValueError, match="17 rows, at most 16"):
        digest_of([ROW] * (ROWS_MAX + 1))


def test_element__above_the_order__reduced() -> None:
    assert element((SCALAR_ORDER + 3).to_bytes(32, "big")) == 3
