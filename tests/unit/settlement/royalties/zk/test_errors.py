from settlement.errors import Rejected
from settlement.royalties.zk.errors import BadProofDocument, NotCanonicalInput, UnknownBackend
from settlement.royalties.zk.field import SCALAR_ORDER


def test_bad_document__sentence__names_field_value_and_want() -> None:
    error = BadProofDocument("b[1]", ["0x1"], "a list of two")

    assert isinstance(error, Rejected)
    assert error.field == "b[1]"
    assert str(error) == "b[1]: \"['0x1']\" is not a list of two"


def test_bad_document__huge_value__cut() -> None:
    error = BadProofDocument("proof", "0x" + "f" * 10**6, "256 bytes")

    assert str(error) == f"proof: '0x{'f' * 98}' is not 256 bytes"


def test_not_canonical__sentence__names_the_whole_word() -> None:
    error = NotCanonicalInput(SCALAR_ORDER)

    assert isinstance(error, Rejected)
    assert str(error).startswith(f"digest: 0x{SCALAR_ORDER:064x} is not below the order")


def test_unknown_backend__sentence__lists_the_known() -> None:
    error = UnknownBackend("gnark", ("a", "b"))

    assert isinstance(error, Rejected)
    assert str(error) == "--backend: 'gnark' is not one of a, b"
