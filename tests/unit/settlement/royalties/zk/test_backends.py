import pytest

from settlement.royalties.zk.backends import BACKENDS, backend_named
from settlement.royalties.zk.errors import UnknownBackend
from settlement.royalties.zk.fast import FastBackend
from settlement.royalties.zk.reference import ReferenceBackend


def test_backends__names__the_fast_one_is_the_default() -> None:
    assert [name for name, _ in BACKENDS] == ["zksnake", "py-ecc"]


def test_backend_named__known__is_that_library() -> None:
    assert isinstance(backend_named("zksnake"), FastBackend)
    assert isinstance(backend_named("py-ecc"), ReferenceBackend)


@pytest.mark.parametrize("name", ["", "ZKSNAKE", "py_ecc"])
def test_backend_named__other_spelling__refused(name: str) -> None:
    with pytest.raises(UnknownBackend, match=f"'{name}' is not one of zksnake, py-ecc"):
        backend_named(name)
