"""Calls of a node through web3, and what its failures are told as.

Of a failed transport only the kind is told: its message holds the URL, and so its key. The words of
a node may repeat it as well; `told` takes it out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from requests import RequestException
from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from settlement.errors import ChainUnavailable
from settlement.node_answers import reading

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class NodeCalls:
    """One node; `told` is how its words are repeated."""

    web3: Web3
    told: Callable[[str], str]

    def answered(self, call: str, ask: Callable[[], _Answer]) -> _Answer:
        """What the node answers.

        Raises:
            ChainUnavailable: nothing, an error, or what does not read as an answer.
        """
        try:
            with reading(call):
                return ask()
        except Web3Exception as error:
            raise ChainUnavailable(call, self.told(str(error))) from error
        except RequestException as error:
            raise ChainUnavailable(call, type(error).__name__) from error

    def request(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON
        """The result of one call, as the node spells it.

        Raises:
            ChainUnavailable: there is none.
        """
        answer: Any = self.answered(
            method,
            lambda: self.web3.provider.make_request(RPCEndpoint(method), list(parameters)),
        )
        if not isinstance(answer, dict) or "result" not in answer:
            said = answer.get("error") if isinstance(answer, dict) else "no JSON-RPC"
            raise ChainUnavailable(method, self.told(str(said)))
        return answer["result"]
