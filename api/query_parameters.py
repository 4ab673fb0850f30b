"""Parameters of a query that nobody reads are refused, and so is one that is given twice.

A list asked with `?next_cursor=` instead of `?cursor=` would answer its first page for ever, and a
misspelled filter everything: neither looks like an error to who made it.
"""

from collections.abc import Collection, Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.errors import BadValue


async def require_known_parameters(request: Request) -> None:
    """For every route of a router: its own parameters, and each at most once.

    Raises:
        BadValue: naming the first that is not one of them.
    """
    route = request.scope["route"]
    if request.scope["query_string"] and isinstance(route, APIRoute):
        refuse_others(request, tuple(_names(route.dependant)))


def refuse_others(request: Request, names: Collection[str]) -> None:
    """Refuse a query with any other name, or with a name twice.

    Raises:
        BadValue: naming the first of them.
    """
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise BadValue(
                f"{name}: no such parameter here; known: {known}", field=name, value=value
            )
        if name in seen:
            raise BadValue(f"{name}: given twice", field=name, value=value)
        seen.add(name)


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for one in dependant.dependencies:
        yield from _names(one)
