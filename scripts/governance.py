"""Governance by announcement: what a timelock owns, how it acts, and who holds which role.

Every administrative role of a settlement belongs to one OpenZeppelin `TimelockController`. A
governor announces a change (`scheduleBatch`), the delay passes in which everybody can see it, and
anybody applies it (`executeBatch`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from contracts.evm import ZERO_HASH, Address, BlockNumber, Hash32, Timestamp, keccak
from scripts.devnode import Call, DevNode
from scripts.errors import Corrupt

ADMIN_ROLE = ZERO_HASH
"""OpenZeppelin's DEFAULT_ADMIN_ROLE: it grants every role of its contract."""

_GRANTED = keccak(b"RoleGranted(bytes32,address,address)")
_REVOKED = keccak(b"RoleRevoked(bytes32,address,address)")
_GAS = 6_000_000

Roles = Mapping[tuple[Address, Hash32], frozenset[Address]]
"""Who holds a role, by contract and role; pairs that nobody holds are left out."""


class RolesDiffer(Corrupt):
    """Somebody holds a role that is not theirs, or misses one."""

    def __init__(self, at: Address, role: Hash32, actual: object, expected: object) -> None:
        super().__init__(f"role {role} of {at} is held by {actual}, not by {expected}")


@dataclass(frozen=True, slots=True)
class Change:
    """One call that governance makes: of which contract, with what calldata."""

    to: Address
    data: bytes


def role_id(name: str) -> Hash32:
    """Roles are keccak256 of their name, but for the administrator's."""
    return keccak(name.encode())


def govern(
    node: DevNode, timelock: Address, governor: LocalAccount, changes: Sequence[Change]
) -> None:
    """Announce changes as one operation, let the delay pass, and apply them.

    Raises:
        NodeRefused: the announcement, or one of the changes, reverted.
    """
    contract = node.contract("TimelockController", timelock)
    delay_s = contract.functions.getMinDelay().call()
    operation = (
        [str(change.to) for change in changes],
        [0] * len(changes),
        [change.data for change in changes],
        bytes(ZERO_HASH),  # no operation must come before
        node.next_nonce(governor).to_bytes(32, "big"),  # the salt: equal changes can come again
    )
    for function, arguments in (
        ("scheduleBatch", (*operation, delay_s)),
        ("executeBatch", operation),
    ):
        data = contract.encode_abi(function, list(arguments))
        call = Call(governor, timelock, bytes.fromhex(data.removeprefix("0x")), gas=_GAS)
        node.transact([call])
        if function == "scheduleBatch" and delay_s:
            _, now = node.head()
            node.move_time_to(Timestamp(now + delay_s))


def roles_held(node: DevNode, contracts: Iterable[Address], start_block: BlockNumber) -> Roles:
    """Fold the logs of some contracts into who holds which role of them now."""
    logs = node.request(
        "eth_getLogs",
        {
            "address": [str(contract) for contract in contracts],
            "fromBlock": hex(start_block),
            "toBlock": "latest",
            "topics": [[str(_GRANTED), str(_REVOKED)]],
        },
    )
    holders: defaultdict[tuple[Address, Hash32], set[Address]] = defaultdict(set)
    for log in logs:
        topic, role, account = (Hash32.from_hex(text) for text in log["topics"][:3])
        held = holders[(Address.from_hex(log["address"]), role)]
        if topic == _GRANTED:
            held.add(Address(account[12:]))
        else:
            held.discard(Address(account[12:]))
    return {where: frozenset(held) for where, held in holders.items() if held}


def require_roles(actual: Roles, expected: Roles) -> None:
    """Compare two tables of roles.

    Raises:
        RolesDiffer: naming the first difference, by contract and role.
    """
    for at, role in sorted(actual.keys() | expected.keys()):
        held, due = actual.get((at, role), frozenset()), expected.get((at, role), frozenset())
        if held != due:
            raise RolesDiffer(at, role, _spelled(held), _spelled(due))


def _spelled(accounts: frozenset[Address]) -> str:
    return ", ".join(str(account) for account in sorted(accounts)) or "nobody"
