"""Entitlements: may this wallet see this content?

The hottest question that a front-end asks, so its route takes the shortest way: the parameters are
read by hand and the answer is spelled by hand. The models are declared all the same, for the
OpenAPI document, and say the same.
"""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.conditional import body_at_block
from api.context import ContextOf, the_context
from api.entitlements import document
from api.errors import BadValue
from api.fields import AddressIn, HashIn
from api.schemas.entitlements import EntitlementAnswer
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire


class DirectRoute(APIRoute):
    """A route of a wallet and a content whose parameters are read without solving dependencies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            place = request.path_params
            try:
                wallet = address_from_wire(place["address"], "address")
                content = hash_from_wire(place["content"], "content")
            except BadWireValue as error:
                raise BadValue(str(error), field=error.field, value=place[error.field]) from error
            response: Response = await endpoint(request, the_context(request), wallet, content)
            return response

        return answer


router = APIRouter(tags=["entitlements"], route_class=DirectRoute)


@router.get("/entitlements/{address}/{content}", response_model=EntitlementAnswer)
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
