// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {CreatorsFixture} from "./CreatorsFixture.sol";
import {RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

contract ContentClaimsTest is CreatorsFixture {
    uint64 private constant CHALLENGE = RegistriesLib.CHALLENGE_WINDOW;
    uint64 private constant ARBITRATION = RegistriesLib.ARBITRATION_WINDOW;
    uint64 private constant DELAY = RegistriesLib.BENEFICIARY_DELAY;
    bytes32 private constant OTHER_CONTENT = keccak256("other content");

    /// @dev What a claim goes through and how it ends.
    enum Course {
        Silence,
        ChallengedThenSilence,
        Upheld,
        Refused
    }

    bytes32 private suspense;

    function setUp() public override {
        super.setUp();
        suspense = LeafIds.suspenseOf(registry.workIdOf(ALICE, CONTENT));
    }

    /* ONE CLAIM AND ITS COURSES */

    function test_register_claimsTheContent() public {
        bytes32 workId = registry.workIdOf(ALICE, CONTENT);
        vm.expectEmit(address(claims));
        emit ContentClaims.ContentClaimed(CONTENT, ALICE, workId, _now() + CHALLENGE);
        register(ALICE, CONTENT);
        ContentClaims.Claim memory standing = claims.claimOf(CONTENT);
        vm.assertEq(standing.claimant, ALICE);
        vm.assertEq(standing.finalAt, _now() + CHALLENGE);
        vm.assertFalse(standing.isChallenged);
    }

    function test_silence_makesFinalAtTheBorder() public {
        assertStands(address(0), address(0));
        register(ALICE, CONTENT);
        assertStands(ALICE, address(0));
        pass(CHALLENGE - 1);
        assertStands(ALICE, address(0));
        pass(1);
        assertStands(ALICE, ALICE);
        pass(10_000);
        assertStands(ALICE, ALICE);
    }

    function test_challenge_thenSilenceMakesFinalAtTheBorder() public {
        register(ALICE, CONTENT);
        pass(CHALLENGE - 1);
        vm.expectEmit(address(claims));
        emit ContentClaims.ClaimChallenged(CONTENT, BOB, EVIDENCE, _now() + ARBITRATION);
        challenge(BOB);
        vm.assertTrue(claims.claimOf(CONTENT).isChallenged);
        pass(ARBITRATION - 1);
        assertStands(ALICE, address(0));
        pass(1);
        assertStands(ALICE, ALICE);
    }

    /// @notice Somebody who challenges itself through a friend gains no time.
    function testFuzz_challenge_neverMakesSilenceShorter(uint64 after_) public {
        register(ALICE, CONTENT);
        uint64 finalAt = claims.claimOf(CONTENT).finalAt;
        pass(after_ % CHALLENGE);
        challenge(BOB);
        uint64 decideBy = claims.claimOf(CONTENT).finalAt;
        vm.assertGe(decideBy, finalAt, "earlier than silence");
        vm.assertGe(decideBy, _now() + ARBITRATION, "less than the arbiter's time");
        vm.assertTrue(decideBy == finalAt || decideBy == _now() + ARBITRATION);
    }

    function test_uphold_makesFinalAtOnce() public {
        register(ALICE, CONTENT);
        challenge(BOB);
        vm.expectEmit(address(claims));
        emit ContentClaims.ClaimResolved(CONTENT, ALICE, true);
        resolve(true);
        assertStands(ALICE, ALICE);
    }

    function test_refuse_opensTheContentForOthers() public {
        register(ALICE, CONTENT);
        bytes32 workId = register(BOB, CONTENT);
        challenge(BOB);
        vm.expectEmit(address(claims));
        emit ContentClaims.ClaimResolved(CONTENT, ALICE, false);
        resolve(false);
        assertStands(address(0), address(0));
        vm.assertTrue(claims.isRefused(CONTENT, ALICE));
        pass(1_000);
        assertStands(address(0), address(0));
        vm.expectEmit(address(claims));
        emit ContentClaims.ContentClaimed(CONTENT, BOB, workId, _now() + CHALLENGE);
        vm.prank(BOB);
        claims.claim(workId);
        assertStands(BOB, address(0));
        vm.assertFalse(claims.claimOf(CONTENT).isChallenged);
        pass(CHALLENGE);
        assertStands(BOB, BOB);
    }

    function test_refuse_theNextClaimMayBeChallengedAgain() public {
        register(ALICE, CONTENT);
        bytes32 workId = register(BOB, CONTENT);
        challenge(BOB);
        resolve(false);
        vm.prank(BOB);
        claims.claim(workId);
        challenge(CAROL);
        resolve(false);
        assertStands(address(0), address(0));
        vm.assertTrue(claims.isRefused(CONTENT, BOB));
    }

    /// @notice Whatever happens, whoever is final stays final, and only the refused lose.
    function testFuzz_course_endsAsItMust(uint8 course_, uint64 first, uint64 second) public {
        Course course = Course(course_ % 4);
        register(ALICE, CONTENT);
        if (course != Course.Silence) {
            pass(first % CHALLENGE);
            challenge(BOB);
            uint64 left = claims.claimOf(CONTENT).finalAt - _now();
            if (course == Course.ChallengedThenSilence) pass(left);
            else pass(second % left);
        }
        if (course == Course.Upheld) resolve(true);
        if (course == Course.Refused) resolve(false);
        if (course == Course.Silence) pass(CHALLENGE);
        if (course == Course.Refused) return assertStands(address(0), address(0));
        assertStands(ALICE, ALICE);
        register(BOB, CONTENT);
        vm.prank(CAROL);
        vm.expectRevert(_notChallengeable());
        claims.challenge(CONTENT, EVIDENCE);
        vm.prank(ARBITER);
        vm.expectRevert(_notUnderChallenge());
        claims.resolve(CONTENT, false);
        pass(second % 100_000);
        assertStands(ALICE, ALICE);
    }

    /* A SECOND CLAIMANT */

    function test_register_secondDoesNotTakeTheClaim() public {
        register(ALICE, CONTENT);
        uint64 finalAt = claims.claimOf(CONTENT).finalAt;
        pass(10);
        vm.recordLogs();
        bytes32 workId = register(BOB, CONTENT);
        vm.assertEq(vm.getRecordedLogs().length, 2);
        vm.assertEq(claims.claimOf(CONTENT).finalAt, finalAt);
        assertStands(ALICE, address(0));
        _expectClaimRevert(
            BOB,
            workId,
            abi.encodeWithSelector(ContentClaims.AlreadyClaimed.selector, CONTENT, ALICE)
        );
    }

    function test_register_againByTheClaimantKeepsTheBorder() public {
        register(ALICE, CONTENT);
        uint64 finalAt = claims.claimOf(CONTENT).finalAt;
        pass(10);
        vm.prank(ALICE);
        registry.register(keccak256("twice"), termsOf(CONTENT, ALICE), new bytes[](1));
        vm.assertEq(claims.claimOf(CONTENT).finalAt, finalAt);
    }

    function test_refused_neverClaimsTheContentAgain() public {
        bytes32 workId = register(ALICE, CONTENT);
        challenge(BOB);
        resolve(false);
        _expectClaimRevert(
            ALICE,
            workId,
            abi.encodeWithSelector(ContentClaims.RefusedBefore.selector, CONTENT, ALICE)
        );
        vm.prank(ALICE);
        registry.register(keccak256("twice"), termsOf(CONTENT, ALICE), new bytes[](1));
        assertStands(address(0), address(0));
        register(ALICE, OTHER_CONTENT);
        vm.assertEq(claims.claimOf(OTHER_CONTENT).claimant, ALICE);
    }

    /* CONTENT CHANGES */

    function test_setOffer_claimsTheNewContentAndKeepsTheOldClaim() public {
        bytes32 workId = register(ALICE, CONTENT);
        uint64 finalAt = claims.claimOf(CONTENT).finalAt;
        pass(5);
        vm.expectEmit(address(claims));
        emit ContentClaims.ContentClaimed(OTHER_CONTENT, ALICE, workId, _now() + CHALLENGE);
        _setOffer(ALICE, workId, OTHER_CONTENT);
        assertStands(ALICE, address(0));
        pass(5);
        _setOffer(ALICE, workId, CONTENT);
        vm.assertEq(claims.claimOf(CONTENT).finalAt, finalAt);
        vm.assertEq(claims.claimOf(OTHER_CONTENT).claimant, ALICE);
    }

    function test_setOffer_ofTheSameContentClaimsNothing() public {
        bytes32 first = register(ALICE, CONTENT);
        bytes32 second = register(BOB, CONTENT);
        challenge(BOB);
        resolve(false);
        _setOffer(BOB, second, CONTENT);
        assertStands(address(0), address(0));
        _setOffer(ALICE, first, CONTENT);
        assertStands(address(0), address(0));
    }

    /// @notice Away and back is no way around a refusal, but it is a way to an open content.
    function test_setOffer_awayAndBackAfterARefusal() public {
        bytes32 first = register(ALICE, CONTENT);
        bytes32 second = register(BOB, CONTENT);
        challenge(BOB);
        resolve(false);
        _setOffer(ALICE, first, OTHER_CONTENT);
        _setOffer(ALICE, first, CONTENT);
        assertStands(address(0), address(0));
        _setOffer(BOB, second, OTHER_CONTENT);
        vm.assertEq(claims.claimOf(OTHER_CONTENT).claimant, ALICE);
        _setOffer(BOB, second, CONTENT);
        assertStands(BOB, address(0));
    }

    function test_setOffer_withoutAttestationClaimsNothing() public {
        bytes32 workId = register(ALICE, CONTENT);
        revokeAttestation(ALICE);
        _setOffer(ALICE, workId, OTHER_CONTENT);
        vm.assertEq(registry.contentOf(workId), OTHER_CONTENT);
        vm.assertEq(claims.claimOf(OTHER_CONTENT).claimant, address(0));
        assertStands(ALICE, address(0));
    }

    function test_claim_isOfTheContentThatTheWorkHasNow() public {
        register(ALICE, CONTENT);
        bytes32 workId = register(BOB, CONTENT);
        challenge(BOB);
        resolve(false);
        register(ALICE, OTHER_CONTENT);
        _setOffer(BOB, workId, OTHER_CONTENT);
        _expectClaimRevert(
            BOB,
            workId,
            abi.encodeWithSelector(ContentClaims.AlreadyClaimed.selector, OTHER_CONTENT, ALICE)
        );
        assertStands(address(0), address(0));
    }

    /* WHO MAY */

    function test_RevertWhen_othersThanTheRegistryOpen() public {
        address[3] memory callers = [ALICE, ADMIN, ARBITER];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(ContentClaims.NotRegistry.selector, callers[i]));
            claims.open(CONTENT, ALICE, bytes32(0));
        }
    }

    function test_RevertWhen_anotherThanTheRegistrantClaims() public {
        bytes32 workId = register(ALICE, CONTENT);
        challenge(BOB);
        resolve(false);
        _expectClaimRevert(
            BOB, workId, abi.encodeWithSelector(ContentClaims.NotRegistrant.selector, workId, BOB)
        );
        bytes32 unknown = keccak256("unknown");
        _expectClaimRevert(
            BOB, unknown, abi.encodeWithSelector(ContentClaims.NotRegistrant.selector, unknown, BOB)
        );
    }

    function test_RevertWhen_claimantIsNoCreator() public {
        register(ALICE, CONTENT);
        bytes32 workId = register(BOB, CONTENT);
        challenge(CAROL);
        resolve(false);
        revokeAttestation(BOB);
        _expectClaimRevert(
            BOB, workId, abi.encodeWithSelector(ContentClaims.NotCreator.selector, BOB)
        );
    }

    function test_RevertWhen_challengerIsNoCreator() public {
        register(ALICE, CONTENT);
        vm.expectRevert(abi.encodeWithSelector(ContentClaims.NotCreator.selector, STRANGER));
        challenge(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ContentClaims.NotCreator.selector, ARBITER));
        challenge(ARBITER);
    }

    function test_RevertWhen_challengerIsTheClaimant() public {
        register(ALICE, CONTENT);
        vm.expectRevert(
            abi.encodeWithSelector(ContentClaims.ChallengerIsClaimant.selector, CONTENT)
        );
        challenge(ALICE);
    }

    function test_RevertWhen_challengeHasNoEvidence() public {
        register(ALICE, CONTENT);
        vm.prank(BOB);
        vm.expectRevert(abi.encodeWithSelector(ContentClaims.EvidenceIsZero.selector));
        claims.challenge(CONTENT, bytes32(0));
    }

    function test_RevertWhen_nothingCanBeChallenged() public {
        vm.expectRevert(_notChallengeable());
        challenge(BOB);
        register(ALICE, CONTENT);
        challenge(BOB);
        vm.expectRevert(_notChallengeable());
        challenge(CAROL);
    }

    function test_RevertWhen_challengeIsLate() public {
        register(ALICE, CONTENT);
        pass(CHALLENGE);
        vm.expectRevert(_notChallengeable());
        challenge(BOB);
    }

    function test_RevertWhen_nothingIsUnderChallenge() public {
        vm.expectRevert(_notUnderChallenge());
        resolve(true);
        register(ALICE, CONTENT);
        vm.expectRevert(_notUnderChallenge());
        resolve(false);
        challenge(BOB);
        resolve(true);
        vm.expectRevert(_notUnderChallenge());
        resolve(false);
    }

    function test_RevertWhen_decisionIsLate() public {
        register(ALICE, CONTENT);
        challenge(BOB);
        vm.warp(claims.claimOf(CONTENT).finalAt);
        vm.expectRevert(_notUnderChallenge());
        resolve(false);
        assertStands(ALICE, ALICE);
    }

    function test_RevertWhen_othersThanTheArbiterResolve() public {
        register(ALICE, CONTENT);
        challenge(BOB);
        address[3] memory callers = [ALICE, BOB, ADMIN];
        bytes32 role = claims.ARBITER_ROLE();
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(_unauthorised(callers[i], role));
            claims.resolve(CONTENT, true);
        }
    }

    function test_RevertWhen_aWindowIsZero() public {
        for (uint256 i = 0; i < 3; ++i) {
            ContentClaims.Windows memory windows =
                ContentClaims.Windows(i == 0 ? 0 : 1, i == 1 ? 0 : 1, i == 2 ? 0 : 1);
            vm.expectRevert(abi.encodeWithSelector(ContentClaims.WindowIsZero.selector));
            new ContentClaims(registry, registries.attestations, windows, ADMIN);
        }
    }

    /* SUSPENSE */

    function test_beneficiary_announcedWaitedForApplied() public {
        vm.expectEmit(address(claims));
        emit ContentClaims.BeneficiaryAnnounced(suspense, BOB, _now() + DELAY);
        _announce(suspense, BOB);
        _assertSuspense(address(0), true);
        pass(DELAY - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ContentClaims.NotYetApplicable.selector, _now() + 1, _now())
        );
        claims.applyBeneficiary(suspense);
        _assertSuspense(address(0), true);
        pass(1);
        vm.expectEmit(address(claims));
        emit ContentClaims.BeneficiaryAssigned(suspense, BOB);
        vm.prank(STRANGER);
        claims.applyBeneficiary(suspense);
        _assertSuspense(BOB, false);
    }

    function test_beneficiary_isReplacedOrTakenAwayTheSameWay() public {
        _assign(BOB);
        _announce(suspense, CAROL);
        _assertSuspense(BOB, true);
        pass(DELAY);
        claims.applyBeneficiary(suspense);
        _assertSuspense(CAROL, false);
        _assign(address(0));
        _assertSuspense(address(0), false);
    }

    function test_cancelBeneficiary_leavesWhatWas() public {
        _assign(BOB);
        _announce(suspense, CAROL);
        pass(DELAY);
        vm.expectEmit(address(claims));
        emit ContentClaims.BeneficiaryCancelled(suspense, CAROL);
        vm.prank(ADMIN);
        claims.cancelBeneficiary(suspense);
        _assertSuspense(BOB, false);
        vm.expectRevert(_notAnnounced());
        claims.applyBeneficiary(suspense);
        vm.prank(ADMIN);
        vm.expectRevert(_notAnnounced());
        claims.cancelBeneficiary(suspense);
    }

    function test_RevertWhen_anotherIsAnnounced() public {
        _announce(suspense, BOB);
        vm.expectRevert(
            abi.encodeWithSelector(ContentClaims.AlreadyAnnounced.selector, suspense, BOB)
        );
        _announce(suspense, CAROL);
    }

    function test_RevertWhen_appliedTwice() public {
        _assign(BOB);
        vm.expectRevert(_notAnnounced());
        claims.applyBeneficiary(suspense);
    }

    /// @notice The administrator decides over suspense alone: not over escrow, fees or works.
    function testFuzz_announceBeneficiary_ofSuspenseOnly(bytes32 id, uint8 tag) public {
        bytes32 tagged = bytes32(uint256(id) >> 8 | uint256(tag) << 248);
        if (tag != 3) {
            vm.expectRevert(abi.encodeWithSelector(ContentClaims.NotSuspense.selector, tagged));
        }
        _announce(tagged, BOB);
        vm.assertTrue(claims.isClaimOpen(tagged) == (tag == 3));
    }

    function test_RevertWhen_othersThanTheAdministratorAnnounceOrCancel() public {
        address[3] memory callers = [ARBITER, ALICE, STRANGER];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.startPrank(callers[i]);
            vm.expectRevert(_unauthorised(callers[i], bytes32(0)));
            claims.announceBeneficiary(suspense, BOB);
            vm.expectRevert(_unauthorised(callers[i], bytes32(0)));
            claims.cancelBeneficiary(suspense);
            vm.stopPrank();
        }
    }

    function testFuzz_ids_areTaggedAndCanonical(bytes32 contentId, address account) public view {
        bytes32 escrow = LeafIds.escrowOf(contentId);
        vm.assertEq(uint256(escrow) >> 248, 2);
        vm.assertEq(uint256(escrow) << 8, uint256(keccak256(abi.encodePacked(contentId))) >> 8 << 8);
        bytes32 workId = registry.workIdOf(account, contentId);
        vm.assertEq(uint256(LeafIds.suspenseOf(workId)), (3 << 248) + uint256(workId));
        vm.assertEq(uint256(LeafIds.FEES), 1 << 248);
    }

    /* STEPS */

    function _now() private view returns (uint64) {
        return uint64(block.timestamp);
    }

    function _setOffer(address account, bytes32 workId, bytes32 contentId) private {
        vm.prank(account);
        registry.setOffer(workId, contentId, 5, bytes32(0));
    }

    function _announce(bytes32 id, address account) private {
        vm.prank(ADMIN);
        claims.announceBeneficiary(id, account);
    }

    function _assign(address account) private {
        _announce(suspense, account);
        pass(DELAY);
        claims.applyBeneficiary(suspense);
    }

    function _assertSuspense(address beneficiary, bool isOpen) private view {
        vm.assertEq(claims.beneficiaryOf(suspense), beneficiary);
        vm.assertTrue(claims.isClaimOpen(suspense) == isOpen);
    }

    function _expectClaimRevert(address account, bytes32 workId, bytes memory refusal) private {
        vm.prank(account);
        vm.expectRevert(refusal);
        claims.claim(workId);
    }

    function _notChallengeable() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ContentClaims.NotChallengeable.selector, CONTENT);
    }

    function _notUnderChallenge() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ContentClaims.NotUnderChallenge.selector, CONTENT);
    }

    function _notAnnounced() private view returns (bytes memory) {
        return abi.encodeWithSelector(ContentClaims.NotAnnounced.selector, suspense);
    }

    function _unauthorised(address account, bytes32 role) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, account, role
        );
    }
}
