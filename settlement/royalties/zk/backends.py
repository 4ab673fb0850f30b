"""The pairing back ends by name; all give the same verdicts."""

from settlement.royalties.zk.errors import UnknownBackend
from settlement.royalties.zk.fast import FastBackend
from settlement.royalties.zk.groth16 import PairingBackend
from settlement.royalties.zk.reference import ReferenceBackend

BACKENDS: tuple[tuple[str, type[PairingBackend]], ...] = (
    ("zksnake", FastBackend),
    ("py-ecc", ReferenceBackend),
)
"""The first is the default."""


def backend_named(name: str) -> PairingBackend:
    """The back end of this name.

    Raises:
        UnknownBackend: there is none.
    """
    for known, backend in BACKENDS:
        if known == name:
            return backend()
    raise UnknownBackend(name, tuple(known for known, _ in BACKENDS))
