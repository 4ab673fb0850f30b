"""Entitlements: may this wallet see this content?

The hottest question that a front-end asks, so it is answered the shortest way: its routes stand on
the app itself, before all routers, the parameters are read by hand and the answer is spelled by
hand. The models are declared all the same, for the OpenAPI document, and say the same.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response, params
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api.conditional import body_at_block
from api.context import ContextOf, the_context
from api.entitlements import document
from api.errors import BadValue
from api.fields import AddressIn, HashIn
from api.query_parameters import refuse_others
from api.schemas.entitlements import EntitlementAnswer
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire


class DirectRoute(APIRoute):
    """A route of a wallet and a content that solves no dependencies."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET at once; any other method is refused as on all routes."""
        if scope["method"] == "GET":
            await self._answer(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its errors end where those of all routes do."""
        request, place = Request(scope), scope["path_params"]
        if scope["query_string"]:
            refuse_others(request, ())
        try:
            wallet = address_from_wire(place["address"], "address")
            content = hash_from_wire(place["content"], "content")
        except BadWireValue as error:
            raise BadValue(str(error), field=error.field, value=place[error.field]) from error
        response: Response = await self.endpoint(request, the_context(request), wallet, content)
        await response(scope, receive, send)


async def show_entitlement(
    request: Request, context: ContextOf, address: AddressIn, content: HashIn
) -> Response:
    """Whether a wallet may see a content (or attend an event, by its id), why, and until when.

    The answer is as of `block`, the newest one indexed; `finality` says whether what it rests on
    can still be replaced. A gate without a current reading is read from the chain first.
    """
    name = request.path_params.get("settlement")
    settlement = context.only() if name is None else context.named(name)
    answered = await context.entitlements.answer(settlement, address, content)
    body = orjson.dumps(document(settlement, answered))
    return body_at_block(request, body, answered.read.head_hash)


def add_route(
    app: FastAPI,
    prefix: str,
    responses: dict[int | str, dict[str, Any]],
    dependencies: Sequence[params.Depends] = (),
) -> None:
    """Let an app answer under this prefix; what is described here is solved by hand."""
    app.router.add_api_route(
        f"{prefix}/entitlements/{{address}}/{{content}}",
        show_entitlement,
        response_model=EntitlementAnswer,
        tags=["entitlements"],
        responses=responses,
        dependencies=dependencies,
        route_class_override=DirectRoute,
    )
