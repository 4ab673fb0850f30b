"""Whose word a visitor's is: api.auth."""

from uuid import UUID

import pytest

from api.auth import Visitor
from api.sessions import Account
from contracts.evm import Address, ChainId, Hash32

BASE, ELSEWHERE = ChainId(8453), ChainId(10)
ACCOUNT = Address(b"\x11" * 20)


@pytest.mark.parametrize(
    ("is_contract", "chain_id", "expected"),
    [
        (False, BASE, ACCOUNT),
        (False, ELSEWHERE, ACCOUNT),
        (True, BASE, ACCOUNT),
        (True, ELSEWHERE, None),
    ],
)
def test_visitor__contract__speaks_on_its_own_chain_only(
    *, is_contract: bool, chain_id: ChainId, expected: Address | None
) -> None:
    visitor = Visitor(
        account=Account(address=ACCOUNT, chain_id=BASE, is_contract=is_contract),
        session=UUID(int=1),
        token_digest=Hash32(bytes(32)),
    )

    assert visitor.account_on(chain_id) == expected
