"""What the reading of keys and proofs may refuse."""

from settlement.errors import Rejected


class BadProofDocument(Rejected):
    """A key or proof is not in its one canonical form.

    Source: `royalties.zk.encoding`. Effect: nothing was verified.
    """

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {str(value)[:100]!r} is not {wanted}")
        self.field = field


class NotCanonicalInput(Rejected):
    """A public input that is not below the order of the scalar field.

    It would satisfy the same equation as its residue, so one statement would have many names.
    """

    def __init__(self, value: int) -> None:
        super().__init__(
            f"digest: {value:#066x} is not below the order of the scalar field: it is another "
            f"name of a smaller number, and is refused"
        )


class UnknownBackend(Rejected):
    """No pairing back end has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"--backend: {name!r} is not one of {', '.join(known)}")
