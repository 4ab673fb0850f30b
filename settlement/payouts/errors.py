"""Failures of signing and proving payouts; the branches are those of `settlement.errors`."""

from contracts.evm import Address, BlockNumber, ChainId, Hash32
from settlement.errors import Corrupt, Rejected, Transient


class NotALeaf(Rejected):
    """The operation pays no leaf, so no paid flag says anything about it."""

    def __init__(self, op_id: Hash32) -> None:
        super().__init__(f"operation {op_id} commits an epoch: prove one that withdraws a leaf")
        self.op_id = op_id


class HeaderDiffers(Corrupt):
    """A header whose hash is not that of the block it is said to be of.

    Source: `payouts.prove`. Effect: nothing is proved.
    """

    def __init__(self, number: BlockNumber, *, expected: Hash32, actual: Hash32) -> None:
        super().__init__(f"the header of block {number} has hash {actual}, indexed is {expected}")
        self.number = number


class ProofRefused(Corrupt):
    """The nodes that were given as a proof do not lead to what they shall prove.

    Source: `payouts.prove`. Effect: nothing is proved; the node is wrong, or has another state.
    """

    def __init__(self, slot: Hash32, number: BlockNumber, cause: str) -> None:
        super().__init__(f"the proof for slot {slot} at block {number} does not hold: {cause}")
        self.slot, self.number = slot, number


class OtherLeafSettled(Corrupt):
    """The contract settled another leaf in the place of ours.

    Source: `payouts.prove`. Effect: nothing is proved; the committed root is not the one of our
    books.
    """

    def __init__(self, leaf_hash: Hash32, prefix: bytes) -> None:
        super().__init__(f"leaf {leaf_hash} is ours, one that begins 0x{prefix.hex()} was settled")
        self.leaf_hash = leaf_hash


class SigningRefused(Rejected):
    """The signing policy refuses a transaction, and would again: the key was not asked.

    Source: `payouts.guarded_signer`. Effect: nothing is signed, no nonce is used up.
    """

    def __init__(self, sender: Address, nonce: int, kind: str, detail: str) -> None:
        super().__init__(f"key {sender}, nonce {nonce}: refused ({kind}): {detail}")
        self.sender, self.nonce, self.kind = sender, nonce, kind


class SigningHeld(Transient):
    """The signing policy refuses a transaction for now: a stop, or the day's limit is used up.

    Source: `payouts.guarded_signer`. Effect: nothing is signed, no nonce is used up.
    """

    def __init__(self, sender: Address, nonce: int, kind: str, detail: str) -> None:
        super().__init__(f"key {sender}, nonce {nonce}: held ({kind}): {detail}")
        self.sender, self.nonce, self.kind = sender, nonce, kind


class BadKeystore(Rejected):
    """A keystore that does not open. Neither its content nor the password is shown.

    Source: `payouts.adapters.signer_keystore`. Effect: nothing can be signed.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(f"the keystore does not open: {cause}")


class BadClientCertificate(Rejected):
    """Certificate, key or authority for the remote signer cannot be loaded.

    Source: `payouts.adapters.signer_remote`. Effect: nothing can be signed.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(f"the files for the remote signer's TLS cannot be loaded: {cause}")


class SignerIsAnother(Rejected):
    """The key that was opened is not the one that is configured.

    Source: `payouts.adapters`, every signer with a configured address. Effect: nothing is signed.
    """

    def __init__(self, *, configured: Address, actual: Address) -> None:
        super().__init__(f"the key is that of {actual}, configured is {configured}")
        self.configured, self.actual = configured, actual


class SignerUnavailable(Transient):
    """A signer outside gave no answer, or cannot give one now.

    Source: `payouts.adapters.signer_kms`, `signer_remote`. Effect: nothing is signed; what the
    signer may have signed meanwhile is unknown to us, hence never sent by us.
    """

    def __init__(self, signer: str, cause: str) -> None:
        super().__init__(f"{signer} did not sign: {cause}")
        self.signer = signer


class SignerRefused(Rejected):
    """A signer outside refuses: no permission, no such key, or a policy of its own.

    Source: `payouts.adapters.signer_kms`, `signer_remote`. Effect: nothing is signed.
    """

    def __init__(self, signer: str, cause: str) -> None:
        super().__init__(f"{signer} refuses to sign: {cause}")
        self.signer = signer


class BadSignerAnswer(Corrupt):
    """A signer outside answers something else than its protocol says.

    Source: `payouts.adapters.signer_kms`, `signer_remote`. Effect: nothing is stored or sent.
    """

    def __init__(self, signer: str, cause: str) -> None:
        super().__init__(f"{signer} answered out of its protocol: {cause}")
        self.signer = signer


class SignedUnreadable(Corrupt):
    """A stored signed transaction does not say what it moves, so the day's sum is unknown.

    Source: `payouts.adapters.signing_record`. Effect: nothing is signed.
    """

    def __init__(self, tx_hash: Hash32, cause: str) -> None:
        super().__init__(f"what transaction {tx_hash} moves cannot be read: {cause}")
        self.tx_hash = tx_hash


class BadScreeningList(Rejected):
    """A file that is no screening list; `problems` has one sentence for each line at fault.

    Source: `payouts.screening`. Effect: the list before stays in force.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"the screening list is not accepted: {'; '.join(problems)}")
        self.problems = problems


class HoldStands(Rejected):
    """The account is held already, or, to be released, is not."""

    def __init__(self, account: Address, *, is_held: bool) -> None:
        super().__init__(f"account {account} is {'held already' if is_held else 'not held'}")
        self.account = account


class NotAnApproval(Rejected):
    """A signature that does not approve this payout, or is not of an approver.

    Source: `payouts.approval`. Effect: nothing is recorded.
    """

    def __init__(self, op_id: Hash32, cause: str) -> None:
        super().__init__(f"payout {op_id} is not approved by this: {cause}")
        self.op_id = op_id


class ListDiffers(Corrupt):
    """The stored bytes of a screening list are not those that were accepted.

    Source: `payouts.adapters.policy_store`. Effect: nothing is planned or signed.
    """

    def __init__(self, digest: Hash32, actual: Hash32) -> None:
        super().__init__(f"screening list {digest} is stored with bytes of digest {actual}")
        self.digest = digest


class BadDocument(Rejected):
    """A file that is no payout document; `problems` has one sentence for each field at fault.

    Source: `payouts.documents`. Effect: nothing is kept, and nothing owed.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(f"the payout document is not accepted: {'; '.join(problems)}")
        self.problems = problems


class DocumentConflict(Rejected):
    """A list is known with other lines: under the same op-ids it would pay something else.

    Source: `payouts.documents`. Effect: the document that is kept stays as it is.
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"list {name!r} is known with other content: {what}")
        self.name = name


class NotAcceptable(Rejected):
    """A payout document that nobody can accept, or not this person.

    Source: `payouts.adapters.documents`. Effect: nothing is owed by it.
    """

    def __init__(self, digest: Hash32, why: str) -> None:
        super().__init__(f"payout document {digest} is not accepted: {why}")
        self.digest = digest


class BadAcceptance(Rejected):
    """A signature that is nobody's over this payout document, or not of who may give it.

    Source: `payouts.acceptance`. Effect: nothing is kept.
    """

    def __init__(self, digest: Hash32, why: str) -> None:
        super().__init__(f"payout document {digest} is not signed by this: {why}")
        self.digest = digest


class DocumentDiffers(Corrupt):
    """The stored bytes of a payout document are not those that were added.

    Source: `payouts.adapters.documents`. Effect: nothing of this contract is booked or planned.
    """

    def __init__(self, digest: Hash32, actual: Hash32) -> None:
        super().__init__(f"payout document {digest} is stored with bytes of digest {actual}")
        self.digest = digest


class SessionShared(Rejected):
    """The database session that holds the payout locks is not ours alone.

    Source: `payouts.adapters.ownership`. Effect: nothing is planned, signed or sent.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the payout key's database session is shared: {what}. Connect to Postgres directly, "
            "or through a pooler that keeps a session for each connection"
        )


class OtherChain(Rejected):
    """The endpoint is one of another chain than the one that is paid on.

    Source: `payouts.adapters.chain`. Effect: nothing is planned, signed or sent.
    """

    def __init__(self, *, configured: ChainId, actual: int) -> None:
        super().__init__(f"the endpoint is of chain {actual}, payouts are made on {configured}")
        self.configured, self.actual = configured, actual


class NoBaseFee(Rejected):
    """The chain has no base fee, so transactions of the kind that we sign do not exist there.

    Source: `payouts.adapters.chain`. Effect: nothing is signed.
    """

    def __init__(self, block: Hash32) -> None:
        super().__init__(f"block {block} has no base fee: payouts need a chain with EIP-1559")
