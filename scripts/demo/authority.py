"""What those with authority do in the story: hold a payee, pay out an escrow, commit a lie."""

from dataclasses import replace

from eth_account.signers.local import LocalAccount

from contracts.approvals import Approval, approval_digest
from contracts.calls import GuardianSignature, Withdrawal, commit_epoch_call
from contracts.evm import Epoch, Hash32, Timestamp
from contracts.leaves import Leaf, SplitLine, escrow_id, leaf_hash
from scripts.demo import actors
from scripts.demo.conditions import latest_attempt, owed_to
from scripts.demo.outcome import EscrowClaim, PayeeHold, Veto
from scripts.demo.theatre import Theatre
from scripts.devnet import THRESHOLD, guardian
from scripts.devnode import Call, account_from_seed, address_of
from scripts.errors import Corrupt
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.store import ComputedEpochs
from settlement.royalties.manifest import Manifest, manifest_bytes, manifest_digest
from settlement.royalties.manifest_reading import manifest_from_bytes
from settlement.royalties.tree import leaf_tree
from settlement.royalties.tree_profiles import QUITTANCE_V1

_APPROVED_S = 86_400


class NothingComputed(Corrupt):
    """The story is where an attempt must be computed, and none is."""


def lift_hold(theatre: Theatre, payee: LocalAccount, epoch: Epoch) -> PayeeHold:
    """Lift the hold of a payee who was left out when the epoch was paid."""
    held = owed_to(theatre, address_of(payee), epoch)
    balance = balance_of(theatre, payee)
    theatre.node.transact([actors.lift_call(theatre.scenes.stage, payee)])
    return PayeeHold(
        account=address_of(payee),
        epoch=epoch,
        held=held,
        balance_before=balance,
        balance_after=balance,
    )


def await_payment(theatre: Theatre, payee: LocalAccount, hold: PayeeHold) -> PayeeHold:
    """Wait until the engine has paid what was held."""
    theatre.wait_until(
        "what was held is paid", lambda: owed_to(theatre, hold.account, hold.epoch) == 0
    )
    return replace(hold, balance_after=balance_of(theatre, payee))


def release_escrow(theatre: Theatre, epochs: range) -> EscrowClaim:
    """Somebody releases the escrow of the claimed content; the claimant withdraws it."""
    scenes, stage = theatre.scenes, theatre.scenes.stage
    work, anybody = scenes.population.claimed, scenes.population.sponsor
    escrows = [_escrow(theatre, Epoch(epoch), work.content_id) for epoch in epochs]
    before = balance_of(theatre, work.registrant)
    theatre.node.transact([actors.release_call(stage, anybody, escrow) for escrow in escrows])
    theatre.node.transact([actors.withdraw_unclaimed_call(stage, work.registrant)])
    return EscrowClaim(
        content_id=work.content_id,
        claimant=address_of(work.registrant),
        released=sum(escrow.leaf.amount for escrow in escrows),
        withdrawn=balance_of(theatre, work.registrant) - before,
    )


def commit_wrong_root(theatre: Theatre, epoch: Epoch, seed: int) -> None:
    """A quorum of guardians signs and commits that everything is owed to one stranger."""
    settlement, node = theatre.settlement, theatre.node
    right = _manifest(theatre, epoch)
    wrong = manifest_bytes(replace(right, root=_stolen_root(right, seed), leaf_count=1))
    payouts = node.contract("EpochPayouts", settlement.payouts)
    _, now = node.head()
    approval = Approval(
        epoch=epoch,
        attempt=right.attempt,
        guardian_set=payouts.functions.guardianSet().call(),
        manifest_digest=manifest_digest(wrong),
        root=_stolen_root(right, seed),
        totals=right.totals,
        deadline=Timestamp(now + _APPROVED_S),
    )
    digest = approval_digest(approval, chain_id=settlement.chain_id, contract=settlement.payouts)
    quorum = [guardian(seed, index) for index in range(THRESHOLD)]
    signatures = [
        GuardianSignature(address_of(one), actors.sign_digest(one, digest)) for one in quorum
    ]
    call = commit_epoch_call(approval, signatures)
    node.transact([Call(quorum[0], settlement.payouts, call)])


def veto_by_watcher(theatre: Theatre, epoch: Epoch) -> Veto | None:
    """The watcher's veto against an epoch, if the chain has one."""
    settlement = theatre.settlement
    payouts = theatre.node.contract("EpochPayouts", settlement.payouts)
    watcher = theatre.scenes.stage.key("watcher")
    logs = payouts.events.EpochVetoed().get_logs(
        from_block=settlement.start_block, argument_filters={"epoch": epoch}
    )
    ours = [log for log in logs if log["args"]["by"] == watcher.address]
    if not ours:
        return None
    return Veto(
        epoch=epoch,
        attempt=ours[0]["args"]["attempt"],
        transaction=Hash32(ours[0]["transactionHash"]),
    )


def balance_of(theatre: Theatre, owner: LocalAccount) -> int:
    """Tokens that an account holds now."""
    token = theatre.node.contract("DemoToken", theatre.scenes.stage.deployment.token)
    return int(token.functions.balanceOf(owner.address).call())


def _escrow(theatre: Theatre, epoch: Epoch, content_id: Hash32) -> Withdrawal:
    """The escrow leaf of a content with its proof, from what was computed."""
    one = theatre.settlement
    attempts = theatre.read(
        lambda connection: ComputedAttempts(connection).of_settlement(one.chain_id, one.payouts)
    )
    digest = next(each.manifest_digest for each in attempts if each.epoch == epoch)
    leaves = theatre.read(lambda connection: ComputedEpochs(connection).leaves(digest))
    hashes = [leaf_hash(leaf, chain_id=one.chain_id, contract=one.payouts) for leaf in leaves]
    wanted = escrow_id(content_id)
    for position, leaf in enumerate(leaves):
        if leaf.work_id == wanted:
            return Withdrawal(leaf, leaf_tree(QUITTANCE_V1, hashes).proof(position))
    raise NothingComputed(f"epoch {epoch} has no escrow of content {content_id}")


def _manifest(theatre: Theatre, epoch: Epoch) -> Manifest:
    latest = latest_attempt(theatre)
    digest = latest.manifest_digest if latest and latest.epoch == epoch else None
    data = digest and theatre.read(lambda connection: ComputedAttempts(connection).manifest(digest))
    if data is None:
        raise NothingComputed(f"epoch {epoch} is not computed")
    return manifest_from_bytes(data)


def _stolen_root(right: Manifest, seed: int) -> Hash32:
    """The root of a tree with one leaf, which pays a stranger what is owed to all."""
    (totals,) = right.totals
    thief = address_of(account_from_seed(seed, "thief"))
    leaf = Leaf(
        epoch=right.epoch,
        work_id=Hash32.from_int(1),
        part=0,
        asset=totals.asset,
        lines=(SplitLine(payee=thief, amount=totals.allocated),),
    )
    return leaf_hash(leaf, chain_id=right.chain_id, contract=right.payouts)
