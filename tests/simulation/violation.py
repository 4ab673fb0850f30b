"""What is raised where something that must always hold does not."""


class Violation(AssertionError):
    """An invariant does not hold."""


def require(holds: object, what: str) -> None:
    """Name what does not hold."""
    if not holds:
        raise Violation(what)
