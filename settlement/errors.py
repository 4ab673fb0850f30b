"""Failures that settlement is expected to meet, in three branches by what the fact means."""

from collections.abc import Sequence

from contracts.evm import Address, Epoch, Hash32, LogRef


class SettlementError(Exception):
    """Root of the failures that settlement is expected to meet."""


class Transient(SettlementError):
    """The outside was unavailable or late; the same call may succeed."""


class Rejected(SettlementError):
    """The input is wrong; repeating it cannot help."""


class Corrupt(SettlementError):
    """Two facts that must agree do not. Stop; a person looks."""


class ChainUnavailable(Transient):
    """The chain did not answer a read.

    Source: the chain adapters of royalties and payouts. Effect: nothing is signed.
    """

    def __init__(self, call: str, cause: str) -> None:
        super().__init__(f"the chain did not answer {call}: {cause}")
        self.call = call


class VerifierUnavailable(Transient):
    """The verifier of bundles could not be run to a verdict.

    Source: `royalties.adapters.bundle_directory`. Effect: nothing is signed.
    """

    def __init__(self, command: str, cause: str) -> None:
        super().__init__(f"{command} gave no verdict: {cause}")
        self.command = command


class ComputedElsewhere(Transient):
    """Another worker stored the same attempt while this one computed it.

    Source: `royalties.adapters.store`. Effect: nothing is stored twice; the next call compares.
    """

    def __init__(self, epoch: Epoch, attempt: int) -> None:
        super().__init__(f"epoch {epoch} attempt {attempt} was stored by another worker just now")
        self.epoch, self.attempt = epoch, attempt


class UnknownName(Rejected):
    """No ruleset, or no tree profile, has this name."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no {kind} is named {name!r}; known: {', '.join(known)}")
        self.kind, self.name = kind, name


class BadParameters(Rejected):
    """Ruleset parameters do not say what the ruleset needs.

    Source: `royalties.parameters`. Effect: the epoch cannot be computed.
    """

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"parameters: {field}: {value!r} is not {wanted}")
        self.field = field


class NoParametersInForce(Rejected):
    """No `ParametersSet` is in force in the epoch."""

    def __init__(self, epoch: Epoch) -> None:
        super().__init__(f"no ruleset parameters are in force in epoch {epoch}")
        self.epoch = epoch


class EpochBeforeSettlement(Rejected):
    """The epoch ended before the settlement was deployed."""

    def __init__(self, epoch: Epoch, first: Epoch) -> None:
        super().__init__(f"epoch {epoch} is before the settlement's first epoch, {first}")
        self.epoch, self.first = epoch, first


class BadValue(Rejected):
    """A value that a formula or a tree is not defined for; `field` says which and where."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{field}: {value!r} is not {wanted}")
        self.field = field


class BadManifest(Rejected):
    """A manifest that is not in the published form."""

    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(f"manifest: {field}: {value!r} is not {wanted}")
        self.field = field


class BundleExists(Rejected):
    """A directory already holds something other than the bundle to be written.

    Source: `royalties.adapters.bundle_directory`. Effect: nothing is written.
    """

    def __init__(self, directory: str, name: str) -> None:
        super().__init__(f"{directory} is there and differs in {name}")
        self.directory, self.name = directory, name


class InputsDisagree(Corrupt):
    """Two readings of the same facts differ, or a fact that must be there is not.

    Source: `royalties.derivation`, `royalties.compute_epoch`. Effect: nothing is stored.
    """

    def __init__(self, epoch: Epoch, what: str) -> None:
        super().__init__(f"inputs of epoch {epoch} disagree: {what}")
        self.epoch = epoch


class FundedBelowFees(Corrupt):
    """Subscribers paid more than the payouts contract received.

    Source: `royalties.distribution`. Effect: the epoch cannot be computed.
    """

    def __init__(self, asset: Address, *, fees: int, funded: int) -> None:
        super().__init__(f"asset {asset}: subscriptions sum to {fees}, funding to {funded}")
        self.asset, self.fees, self.funded = asset, fees, funded


class ConservationBroken(Corrupt):
    """What is divided is not what there is to divide.

    Source: `royalties.distribution`. Effect: nothing is stored.
    """

    def __init__(self, asset: Address, *, divided: int, available: int) -> None:
        super().__init__(f"asset {asset}: {divided} divided, {available} available")
        self.asset = asset


class ConflictingComputation(Corrupt):
    """An attempt at an epoch was computed again with another result.

    Source: `royalties.adapters.store`. Effect: the stored result stays.
    """

    def __init__(self, epoch: Epoch, attempt: int, *, stored: Hash32, computed: Hash32) -> None:
        super().__init__(
            f"epoch {epoch} attempt {attempt}: manifest {stored} is stored, {computed} was computed"
        )
        self.epoch, self.attempt = epoch, attempt


class StoredRootDiffers(Corrupt):
    """The leaves read back from the database do not give the computed root.

    Source: `royalties.compute_epoch`. Effect: the transaction is rolled back.
    """

    def __init__(self, epoch: Epoch, *, stored: Hash32, computed: Hash32) -> None:
        super().__init__(f"epoch {epoch}: stored leaves give root {stored}, computed {computed}")
        self.epoch = epoch


class ConflictingApproval(Corrupt):
    """A guardian already approved other content for the same attempt.

    Source: `royalties.approve`. Effect: nothing is signed.
    """

    def __init__(self, guardian: Address, epoch: Epoch, attempt: int) -> None:
        super().__init__(
            f"guardian {guardian} already approved other content for "
            f"epoch {epoch} attempt {attempt}"
        )
        self.guardian, self.epoch, self.attempt = guardian, epoch, attempt


class BadEntry(Corrupt):
    """Something that is no journal entry was about to be written, or was read back.

    Source: `ledger.accounts`, `ledger.journal`. Effect: nothing is written.
    """


class EntryConflict(Corrupt):
    """One id, two contents: what is stored is not what the same source says now.

    Source: `ledger.adapters.store`. Effect: the transaction is rolled back.
    """

    def __init__(self, record: str, key: object) -> None:
        super().__init__(f"stored {record} has other content: {key}")
        self.record = record


class FinalizedBlockChanged(Corrupt):
    """A block that was posted from is not on the finalized chain.

    Source: `ledger.post`. Effect: posting halts.
    """

    def __init__(self, number: int, *, posted: Hash32, finalized: Hash32 | None) -> None:
        way_out = f"run `quittance chain rewind --to {number - 1} --reason …`"
        super().__init__(f"block {number} was posted as {posted}, is {finalized} now: {way_out}")
        self.number = number


class UnexpectedEvent(Corrupt):
    """A finalized event contradicts what the books know of the epoch or leaf.

    Source: `ledger.posting_rules`, `ledger.post`. Effect: posting halts before the event.
    """

    def __init__(self, ref: LogRef, why: str) -> None:
        super().__init__(f"event in block {ref.block_number}, log {ref.log_index}: {why}")
        self.ref = ref


class NotComputedYet(Transient):
    """The chain activated an epoch that we have yet to compute: a database was rebuilt.

    Source: `ledger.post`. Effect: posting waits before the activation.
    """

    def __init__(self, epoch: Epoch, attempt: int) -> None:
        super().__init__(f"epoch {epoch} is active by attempt {attempt}, and not computed here yet")
        self.epoch, self.attempt = epoch, attempt


class UnknownManifest(Corrupt):
    """The chain activated a distribution, and what we computed for the epoch is another one.

    Source: `ledger.post`. Effect: the epoch's money stays in `committed`; posting halts.
    """

    def __init__(self, epoch: Epoch, manifest_digest: Hash32) -> None:
        super().__init__(f"epoch {epoch} is committed with unknown manifest {manifest_digest}")
        self.epoch, self.manifest_digest = epoch, manifest_digest


class DistributionDiffers(Corrupt):
    """The leaves of a known manifest are not what the chain committed to.

    Source: `ledger.activation`. Effect: the epoch's money stays in `committed`; posting halts.
    """

    def __init__(
        self, epoch: Epoch, manifest_digest: Hash32, what: str, *, expected: object, actual: object
    ) -> None:
        super().__init__(
            f"epoch {epoch}, manifest {manifest_digest}: {what} is {actual}, committed {expected}"
        )
        self.epoch, self.manifest_digest = epoch, manifest_digest


class Overdrawn(Corrupt):
    """An account would fall below zero: more left it than ever came in.

    Source: `ledger.post`. Effect: the transaction is rolled back; posting halts.
    """

    def __init__(self, account: str, asset: Address, balance: int) -> None:
        super().__init__(f"account {account} would hold {balance} of {asset}")
        self.account, self.asset, self.balance = account, asset, balance


class BlockMissing(Corrupt):
    """A finalized block that must be among the facts is not.

    Source: `ledger.post`. Effect: posting halts.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"finalized block {number} is not among the facts")
        self.number = number


class OperationConflict(Corrupt):
    """A payout operation is stored with other content than it is planned with now.

    Source: `payouts.adapters.store`. Effect: nothing is planned; the stored operation stays.
    """

    def __init__(self, op_id: Hash32, *, stored: Hash32, planned: Hash32) -> None:
        super().__init__(f"operation {op_id} is stored with content {stored}, planned {planned}")
        self.op_id = op_id


class UnknownLines(Corrupt):
    """The contract shows lines settled that the leaf does not have.

    Source: `payouts.view`. Effect: nothing is signed until a person has looked.
    """

    def __init__(self, op_id: Hash32, *, paid_lines: int, lines: int) -> None:
        super().__init__(f"operation {op_id}: flags {paid_lines:#x} of {lines} lines are settled")
        self.op_id = op_id


class NonceDrift(Corrupt):
    """The chain has seen more transactions of the payout key than we signed.

    The key was used elsewhere, or the database is older than the chain.
    Source: `payouts.submit`. Effect: the submitter of this key halts; nothing is signed.
    """

    def __init__(self, sender: Address, *, stored: int, chain: int) -> None:
        super().__init__(
            f"key {sender}: next nonce is {stored} by our records, {chain} by the chain"
        )
        self.sender, self.stored, self.chain = sender, stored, chain


class NonceTaken(Corrupt):
    """A nonce was signed that is not the next one: the key has a second user.

    Source: `payouts.adapters.store`. Effect: the transaction is not stored and never sent.
    """

    def __init__(self, sender: Address, *, nonce: int, following: int) -> None:
        super().__init__(f"key {sender}: nonce {nonce} was signed, but {following} is next")
        self.sender, self.nonce = sender, nonce


class SignatureMismatch(Corrupt):
    """A signer returned something else than the signed draft.

    Source: `payouts.submit`. Effect: nothing is stored or sent.
    """

    def __init__(self, sender: Address, nonce: int, what: str) -> None:
        super().__init__(f"key {sender}, nonce {nonce}: the signer returned another {what}")
        self.sender, self.nonce = sender, nonce


class PayoutsOwnedElsewhere(Transient):
    """Another process holds this key or this contract's payouts.

    Source: `payouts.adapters.ownership`. Effect: this process does not submit.
    """

    def __init__(self, owned: Address) -> None:
        super().__init__(f"another process submits payouts for {owned}")
        self.owned = owned


class OwnershipLost(Transient):
    """The database session that held the locks of the payout key has ended.

    Source: `payouts.adapters.ownership`. Effect: nothing more is stored, hence nothing signed or
    sent; whoever takes the locks next goes on from what is stored.
    """

    def __init__(self) -> None:
        super().__init__("the database session that owned the payouts has ended")


class NodeBehind(Transient):
    """The node's head is below the finalized block.

    Source: `payouts.submit`. Effect: nothing is planned, signed or sent.
    """

    def __init__(self, *, head: int, finalized: int) -> None:
        super().__init__(f"the node's head is block {head}, the finalized block is {finalized}")
        self.head, self.finalized = head, finalized


class BadSigningKey(Rejected):
    """A text that is no private key. It is not shown.

    Source: `payouts.adapters.signer`. Effect: nothing can be signed.
    """

    def __init__(self) -> None:
        super().__init__("the signing key is not 32 bytes of 0x-prefixed hexadecimal text")
