"""Bundles on disk, held against the independent verifier."""

import random
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from contracts.event_spec import ContractName
from contracts.evm import Address, Epoch, Hash32, Timestamp, keccak
from settlement.errors import BundleExists, VerifierUnavailable
from settlement.royalties.adapters.bundle_directory import (
    BundleDirectory,
    VerifiedBundle,
)
from settlement.royalties.adapters.verifier import VerifierProgram
from settlement.royalties.approve import Refusal, Refused, SignedApproval, approve
from settlement.royalties.certificate import Claim, Level
from settlement.royalties.derivation import EpochFacts, bundle_files, derive
from tests.royalties_builders import (
    CLOCK,
    DUSD,
    EURT,
    FIRST_EPOCH,
    NO_LOG,
    REGION,
    SETTLEMENT,
    ScriptedChain,
    facts_of,
    fee_json,
    parameters_json,
    sample_chain,
    work,
)
from tests.royalties_fakes import (
    GUARDIANS,
    ApprovalsInMemory,
    FixedSigner,
    GuardianView,
    standing_of,
)
from tests.ruled_epochs import golden_epochs

_VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_epoch.py"
COMMAND = VerifierProgram(interpreter=Path(sys.executable), script=_VERIFIER, timeout_s=60)
FILES = bundle_files(derive(facts_of(sample_chain(), FIRST_EPOCH)))
RULED = golden_epochs()


def published(chain: ScriptedChain, directory: Path) -> VerifiedBundle:
    bundle = BundleDirectory(directory / "bundle")
    bundle.write(bundle_files(derive(facts_of(chain, FIRST_EPOCH))))
    return VerifiedBundle(bundle, COMMAND)


def random_chain(seed: int) -> ScriptedChain:
    """An epoch of colliding works, tiers, pseudonyms, payees, split accounts, fees and verdicts."""
    dice = random.Random(seed)
    before = CLOCK.start_of(FIRST_EPOCH) - 1
    chain = ScriptedChain(first_block_at=before)
    people = [Address(keccak(bytes([seed % 256, i]))[:20]) for i in range(12)]
    works = [work(f"{seed} {i}") for i in range(6)]
    masks = [work(f"mask {i}") for i in range(40)]
    tiers = [keccak(b"light"), keccak(b"heavy")]
    accounts = [Address(keccak(bytes([seed % 256, 99, i]))[:20]) for i in range(11)]
    never = [DUSD, SETTLEMENT.payouts, SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS]]
    chain.set_parameters(_random_parameters(dice, [*people, *accounts, *never]), effective=3)
    for account, deeper in pairwise(accounts):
        shares = _shares(dice, [*people, *accounts, *never], dice.choice([1, 2, 4]))
        chain.set_split(account, dice.choice([shares, shares, {deeper: 1_000_000}]))
    for one in works[:5]:
        payees = [*people, *accounts[:3], *never]
        chain.set_terms(
            one,
            dice.choice([{}, *(_shares(dice, payees, count) for count in (1, 2, 2, 7))]),
            price_ppm=dice.choice([1, 999_983, 2**40 - 1]),
            region_rule=dice.choice([REGION, REGION, keccak(b"nowhere")]),
            content_id=keccak(dice.choice([b"one", b"two"])),
        )
    chain.place_verdict(works[0])
    chain.commit(FIRST_EPOCH - 1, keccak(b"before"), active_at=0)
    chain.mine(CLOCK.start_of(FIRST_EPOCH))
    for person in people[:9]:
        for asset in dice.sample([DUSD, EURT], dice.choice([1, 2])):
            amount = dice.choice([1, 10, 10**18 + 7, 2**200])
            tier = tiers[0] if asset == DUSD else tiers[1]
            chain.subscribe(person, amount, asset=asset, tier_id=tier)
    chain.mine(CLOCK.end_of(FIRST_EPOCH) + 1)
    for person in people:
        for part in range(dice.choice([0, 1, 3])):
            rows = [_row(dice, works) for _ in range(dice.randint(1, 5))]
            pseudonyms = [dice.choice(masks) for _ in rows]
            tier = dice.choice(tiers)
            chain.submit(person, rows, part=part, tier_id=tier, pseudonyms=pseudonyms)
    if dice.random() < 0.5:
        chain.lift_verdict(works[0])
    chain.mine(CLOCK.grace_end_of(FIRST_EPOCH) - 1)
    chain.finish(FIRST_EPOCH)
    return chain


def _shares(dice: random.Random, among: list[Address], count: int) -> dict[Address, int]:
    payees = dice.sample(among, count)
    cuts = sorted(dice.sample(range(1, 1_000_000), count - 1))
    borders = zip([0, *cuts], [*cuts, 1_000_000], strict=True)
    return dict(zip(payees, (end - start for start, end in borders), strict=True))


def _random_parameters(dice: random.Random, payees: list[Address]) -> bytes:
    options: dict[str, object] = dice.choice([{}, {"half_life": "v1"}])
    if dice.random() < 0.7:
        options |= {
            "fees": [
                fee_json("abcdefgh"[at], dice.choice(payees), dice.choice([1, 333, 62_500]))
                for at in range(dice.randint(1, 8))
            ]
        }
    return parameters_json(**options, **dice.choice([{}, {"minutes_max": "59"}]))


def _row(dice: random.Random, works: list[Hash32]) -> tuple[Hash32, int, int]:
    return dice.choice(works), dice.choice([0, 1, 59, 2**32 - 1]), dice.choice([0, 1, 3, 200])


def test_bundle__sample_epoch__verifier_agrees(tmp_path: Path) -> None:
    bundle = published(sample_chain(), tmp_path)

    report = bundle.verify()

    assert report.is_ok, report.difference
    assert report.manifest_digest == str(keccak(bundle.manifest()))


@pytest.mark.parametrize("seed", range(12))
def test_bundle__random_epoch__verifier_agrees(seed: int, tmp_path: Path) -> None:
    report = published(random_chain(seed), tmp_path).verify()

    assert report.is_ok, report.difference


@pytest.mark.parametrize("name", RULED)
def test_bundle__epoch_of_every_rule__verifier_agrees(name: str, tmp_path: Path) -> None:
    bundle = BundleDirectory(tmp_path / "bundle")
    bundle.write(bundle_files(derive(RULED[name])))

    report = VerifiedBundle(bundle, COMMAND).verify()

    assert report.is_ok, report.difference


@pytest.mark.parametrize("name", sorted(set(FILES) - {"bundle.json"}))
def test_bundle__one_digit_changed__verifier_names_the_file(name: str, tmp_path: Path) -> None:
    bundle = VerifiedBundle(BundleDirectory(tmp_path / "bundle"), COMMAND)
    bundle.bundle.write(bundle_files(derive(RULED["everything"])))
    path = tmp_path / "bundle" / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))

    report = bundle.verify()

    assert not report.is_ok
    assert name in report.difference


def certified_at(facts: EpochFacts, level: Level) -> EpochFacts:
    """The facts with a certificate of another level than their parameters demand."""
    certified = facts.frame.certified
    claims = {
        Claim.PROVED: Claim.UNPROVED if level is Level.HEADERS else Claim.PROVED,
        Claim.EMPTY: Claim.EMPTY,
    }
    blocks = tuple(block._replace(claim=claims[block.claim]) for block in certified.blocks)
    digest = keccak(b"".join(keccak(one.header) + bytes([one.claim]) for one in blocks))
    certificate = replace(certified.certificate, level=level, blocks_digest=digest)
    other = replace(certified, certificate=certificate, blocks=blocks)
    return replace(facts, frame=replace(facts.frame, certified=other))


@pytest.mark.parametrize("level", Level)
def test_approve__certificate_below_what_parameters_demand__not_signed(
    level: Level, tmp_path: Path
) -> None:
    """Receipts are demanded; a certificate that is right, but at level headers, is refused."""
    epoch = derive(certified_at(facts_of(sample_chain(), FIRST_EPOCH), level))
    bundle = BundleDirectory(tmp_path / "bundle")
    bundle.write(bundle_files(epoch))
    totals = {one.asset: one.paid_in for one in epoch.manifest.totals}

    answer = approve(
        VerifiedBundle(bundle, COMMAND),
        settlement=SETTLEMENT,
        chain=GuardianView(sample_chain(), standing_of(epoch), totals),
        signer=FixedSigner(GUARDIANS[0]),
        store=ApprovalsInMemory(),
        deadline=Timestamp(9_999_999),
    )

    if level is Level.RECEIPTS:
        assert isinstance(answer, SignedApproval)
    else:
        assert isinstance(answer, Refused)
        assert answer.findings[0].reason is Refusal.VERIFIER_DISAGREES
        assert "claim, at level receipts" in answer.findings[0].detail


def test_bundle__later_epoch__verifier_agrees_on_anchor_and_previous(tmp_path: Path) -> None:
    chain = sample_chain()
    chain.commit(FIRST_EPOCH, keccak(b"first"), active_at=0)
    chain.mine(CLOCK.end_of(Epoch(FIRST_EPOCH + 1)), bloom=NO_LOG)
    chain.finish(FIRST_EPOCH + 1)
    bundle = BundleDirectory(tmp_path / "bundle")
    bundle.write(bundle_files(derive(facts_of(chain, FIRST_EPOCH + 1))))

    report = VerifiedBundle(bundle, COMMAND).verify()

    assert report.is_ok, report.difference


def test_bundle__epoch_without_blocks__certificate_of_nothing(tmp_path: Path) -> None:
    chain = sample_chain()
    chain.commit(FIRST_EPOCH, keccak(b"first"), active_at=0)
    chain.blocks.pop()
    chain.finish(FIRST_EPOCH + 1)
    bundle = BundleDirectory(tmp_path / "bundle")
    bundle.write(bundle_files(derive(facts_of(chain, FIRST_EPOCH + 1))))

    report = VerifiedBundle(bundle, COMMAND).verify()

    assert report.is_ok, report.difference
    assert (tmp_path / "bundle" / "headers.jsonl").read_bytes().count(b"\n") == 1


def test_bundle__written_twice__same_files(tmp_path: Path) -> None:
    bundle = BundleDirectory(tmp_path / "epochs" / "3-1")

    bundle.write(FILES)
    bundle.write(FILES)

    written = {path.name: path.read_bytes() for path in bundle.directory.iterdir()}
    assert written == FILES
    assert [path.name for path in bundle.directory.parent.iterdir()] == ["3-1"]


@pytest.mark.parametrize(
    "there", [{}, {"manifest.json": b"{}"}, FILES | {"leaves.jsonl": b""}, FILES | {"more": b""}]
)
def test_bundle__something_else_there__refused(there: dict[str, bytes], tmp_path: Path) -> None:
    directory = tmp_path / "bundle"
    directory.mkdir()
    for name, data in there.items():
        (directory / name).write_bytes(data)

    with pytest.raises(BundleExists, match="is there and differs in"):
        BundleDirectory(directory).write(FILES)


def test_verify__no_verifier__no_verdict(tmp_path: Path) -> None:
    bundle = published(sample_chain(), tmp_path)
    missing = VerifierProgram(interpreter=tmp_path / "no-python", script=_VERIFIER, timeout_s=60)

    with pytest.raises(VerifierUnavailable, match="gave no verdict"):
        VerifiedBundle(bundle.bundle, missing).verify()


def test_verify__no_bundle__no_verdict(tmp_path: Path) -> None:
    with pytest.raises(VerifierUnavailable, match="exit 2"):
        VerifiedBundle(BundleDirectory(tmp_path / "nothing"), COMMAND).verify()


def test_verify__answer_is_no_json__no_verdict(tmp_path: Path) -> None:
    script = tmp_path / "silent.py"
    script.write_text("")
    command = VerifierProgram(interpreter=Path(sys.executable), script=script, timeout_s=60)

    with pytest.raises(VerifierUnavailable, match="not the agreed answer"):
        VerifiedBundle(BundleDirectory(tmp_path), command).verify()
