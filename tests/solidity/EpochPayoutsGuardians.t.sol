// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {Wallet} from "./mocks/Wallet.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Replacement of guardians, and guardians that are contracts. Outline:
/// EpochPayoutsGuardians.tree.
contract EpochPayoutsGuardiansTest is SettlementFixture {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private constant SUCCESSOR_KEY = 77;

    /* ANNOUNCE */

    function test_announce_tellsWhoAndWhen() public {
        address[] memory list = _successors();
        uint64 applicableAt = uint64(block.timestamp) + GOVERNANCE_DELAY;
        vm.recordLogs();
        bytes32 announcement = _announce();
        (bytes32 standing, uint64 standingAt, uint32 threshold) = payouts.announcedGuardians();
        vm.assertEq(standing, announcement);
        vm.assertEq(standingAt, applicableAt);
        vm.assertEq(threshold, 2);
        vm.assertEq(vm.getRecordedLogs()[0].data, abi.encode(applicableAt, uint32(2), list));
        vm.assertEq(payouts.guardians(), guardianAddresses);
        vm.assertFalse(payouts.isGuardian(vm.addr(SUCCESSOR_KEY)));
    }

    function test_RevertWhen_anotherAnnouncementStands() public {
        bytes32 announcement = _announce();
        address[] memory list = _successors();
        vm.prank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.GuardiansAlreadyAnnounced.selector, announcement)
        );
        payouts.announceGuardians(list, 2);
    }

    function test_RevertWhen_announcedSetIsImproper() public {
        address[] memory list = _successors();
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.ThresholdNotMajority.selector, 1, 3));
        payouts.announceGuardians(list, 1);
        (list[0], list[1]) = (list[1], list[0]);
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.GuardiansNotAscending.selector, list[0], list[1])
        );
        payouts.announceGuardians(list, 2);
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.TooManyGuardians.selector, 33, 32));
        payouts.announceGuardians(new address[](33), 17);
        vm.stopPrank();
    }

    function test_RevertWhen_strangerAnnounces() public {
        address[] memory list = _successors();
        vm.prank(guardianAddresses[0]);
        vm.expectRevert(missingRole(guardianAddresses[0], bytes32(0)));
        payouts.announceGuardians(list, 2);
    }

    /* APPLY */

    function test_apply_putsTheAnnouncedInOffice() public {
        _announce();
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        address[] memory list = _successors();
        vm.expectEmit(address(payouts));
        emit IGuardianSet.GuardianSetChanged(2, 2, list);
        vm.prank(STRANGER);
        payouts.applyGuardians();
        vm.assertEq(payouts.guardians(), list);
        vm.assertEq(payouts.threshold(), 2);
        vm.assertEq(payouts.guardianSet(), 2);
        for (uint256 i = 0; i < list.length; ++i) {
            vm.assertTrue(payouts.isGuardian(list[i]));
        }
        // The last of the former set stays on, the others are out.
        for (uint256 i = 0; i < GUARDIAN_COUNT; ++i) {
            bool isKept = guardianAddresses[i] == _kept();
            vm.assertTrue(payouts.isGuardian(guardianAddresses[i]) == isKept);
        }
        (bytes32 standing, uint64 applicableAt, uint32 threshold) = payouts.announcedGuardians();
        vm.assertEq(abi.encode(standing, applicableAt, threshold), abi.encode(0, 0, 0));
    }

    function testFuzz_apply_neverBeforeTheDelay(uint64 waited) public {
        _announce();
        uint64 applicableAt = uint64(block.timestamp) + GOVERNANCE_DELAY;
        waited %= GOVERNANCE_DELAY;
        vm.warp(block.timestamp + waited);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGuardianSet.NotApplicableYet.selector, applicableAt, block.timestamp
            )
        );
        payouts.applyGuardians();
    }

    function test_RevertWhen_nothingIsAnnounced() public {
        _expectNotAnnounced(bytes32(0));
        payouts.applyGuardians();
        _announce();
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        payouts.applyGuardians();
        _expectNotAnnounced(bytes32(0));
        payouts.applyGuardians();
    }

    function test_apply_worksWhilePaused() public {
        _announce();
        vm.prank(guardianAddresses[0]);
        payouts.pause();
        _applyAfterDelay();
        vm.assertEq(payouts.guardianSet(), 2);
    }

    function test_apply_voidsUnusedSignatures() public {
        _announce();
        fund(FIRST_EPOCH, 100);
        warpToGraceEnd(FIRST_EPOCH);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory old = signaturesOf(approval, 5);
        payouts.applyGuardians();
        vm.expectRevert(abi.encodeWithSelector(IEpochCommits.WrongGuardianSet.selector, 1, 2));
        payouts.commitEpoch(approval, old);
        approval.guardianSet = 2;
        vm.expectPartialRevert(IGuardianSet.NotAGuardian.selector);
        payouts.commitEpoch(approval, old);
        payouts.commitEpoch(approval, _successorSignatures(payouts.approvalDigest(approval)));
    }

    /// @notice An epoch that is pending when others take office is theirs to veto.
    function test_apply_leavesAPendingEpochToTheNewSet() public {
        fund(FIRST_EPOCH, 100);
        warpToGraceEnd(FIRST_EPOCH);
        _announce();
        vm.warp(block.timestamp + GOVERNANCE_DELAY - 1);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.warp(block.timestamp + 1);
        payouts.applyGuardians();
        vm.assertTrue(
            payouts.epochOf(FIRST_EPOCH).status == IEpochBooks.EpochStatus.Pending, "pending"
        );
        address former = guardianAddresses[0];
        vm.prank(former);
        vm.expectRevert(abi.encodeWithSelector(IEpochCommits.MayNotVeto.selector, former));
        payouts.veto(FIRST_EPOCH, REASON);
        vm.prank(vm.addr(SUCCESSOR_KEY));
        payouts.veto(FIRST_EPOCH, REASON);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        vm.assertEq(approval.attempt, 2);
        payouts.commitEpoch(approval, _successorSignatures(payouts.approvalDigest(approval)));
    }

    /// @notice What was pending at the announcement is active before others can take office.
    function test_apply_comesAfterWhatWasPendingAtTheAnnouncement() public {
        fund(FIRST_EPOCH, 100);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        _announce();
        (, uint64 applicableAt,) = payouts.announcedGuardians();
        vm.assertGt(applicableAt, payouts.epochOf(FIRST_EPOCH).activeAt, "active first");
    }

    function test_apply_twiceInSequence() public {
        _announce();
        _applyAfterDelay();
        vm.prank(ADMIN);
        payouts.announceGuardians(guardianAddresses, THRESHOLD);
        _applyAfterDelay();
        vm.assertEq(payouts.guardianSet(), 3);
        vm.assertEq(payouts.guardians(), guardianAddresses);
        vm.assertFalse(payouts.isGuardian(vm.addr(SUCCESSOR_KEY)));
    }

    /* CANCEL */

    function test_cancel_byTheAdministrator() public {
        bytes32 announcement = _announce();
        vm.prank(guardianAddresses[0]);
        payouts.pause();
        vm.expectEmit(address(payouts));
        emit IGuardianSet.GuardiansCancelled(announcement, ADMIN);
        vm.prank(ADMIN);
        payouts.cancelGuardians(announcement, new IGuardianSet.GuardianSignature[](0));
        _assertNeverInOffice();
    }

    function test_cancel_byAQuorum() public {
        bytes32 announcement = _announce();
        IGuardianSet.GuardianSignature[] memory signatures =
            signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD);
        vm.expectEmit(address(payouts));
        emit IGuardianSet.GuardiansCancelled(announcement, STRANGER);
        vm.prank(STRANGER);
        payouts.cancelGuardians(announcement, signatures);
        _assertNeverInOffice();
    }

    function test_cancel_inTheLastMomentBeforeItIsApplied() public {
        bytes32 announcement = _announce();
        vm.warp(block.timestamp + 10 * GOVERNANCE_DELAY);
        payouts.cancelGuardians(
            announcement, signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD)
        );
        _assertNeverInOffice();
    }

    function test_RevertWhen_fewerThanAQuorumCancel() public {
        bytes32 announcement = _announce();
        IGuardianSet.GuardianSignature[] memory signatures =
            signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD - 1);
        vm.prank(guardianAddresses[0]);
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.BelowThreshold.selector, 2, 3));
        payouts.cancelGuardians(announcement, signatures);
    }

    /// @notice An approval of an epoch is no cancellation, nor is a signature for another chain.
    function test_RevertWhen_signaturesAreOverSomethingElse() public {
        bytes32 announcement = _announce();
        IGuardianSet.GuardianSignature[] memory signatures =
            signaturesOf(approvalOf(FIRST_EPOCH, ROOT, 0), THRESHOLD);
        _expectSignatureInvalid(announcement, signatures);
        signatures = signaturesOf(payouts.cancellationDigest(ROOT), THRESHOLD);
        _expectSignatureInvalid(announcement, signatures);
        signatures = signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD);
        vm.chainId(block.chainid + 1);
        _expectSignatureInvalid(announcement, signatures);
    }

    /// @notice Signatures that cancelled one announcement do not cancel the next one like it.
    function test_RevertWhen_cancellationIsReplayed() public {
        bytes32 first = _announce();
        IGuardianSet.GuardianSignature[] memory signatures =
            signaturesOf(payouts.cancellationDigest(first), THRESHOLD);
        payouts.cancelGuardians(first, signatures);
        bytes32 second = _announce();
        vm.assertNotEq(second, first);
        _expectNotAnnounced(first);
        payouts.cancelGuardians(first, signatures);
        _expectSignatureInvalid(second, signatures);
    }

    function test_RevertWhen_cancelledIsNotWhatStands() public {
        IGuardianSet.GuardianSignature[] memory none = new IGuardianSet.GuardianSignature[](0);
        vm.startPrank(ADMIN);
        _expectNotAnnounced(bytes32(0));
        payouts.cancelGuardians(bytes32(0), none);
        payouts.announceGuardians(_successors(), 2);
        _expectNotAnnounced(ROOT);
        payouts.cancelGuardians(ROOT, none);
        vm.stopPrank();
    }

    function test_digest_isThatOfTheTypedDataAndOfTheSetInOffice() public {
        vm.assertEq(payouts.cancellationDigest(ROOT), _typedCancellation(1));
        _announce();
        _applyAfterDelay();
        vm.assertEq(payouts.cancellationDigest(ROOT), _typedCancellation(2));
    }

    /* CONTRACT WALLETS */

    function test_wallet_approves() public {
        (EpochPayouts settlement, Wallet wallet) = _settlementOfAWallet();
        IEpochCommits.Approval memory approval = _emptyApproval();
        wallet.accept(settlement.approvalDigest(approval), "any bytes it likes");
        settlement.commitEpoch(approval, _signatureOf(address(wallet), "any bytes it likes"));
        vm.assertEq(settlement.nextEpoch(), FIRST_EPOCH + 1);
    }

    function test_RevertWhen_walletDoesNotAcceptTheDigestOrTheSignature() public {
        (EpochPayouts settlement, Wallet wallet) = _settlementOfAWallet();
        IEpochCommits.Approval memory approval = _emptyApproval();
        _expectWalletRefused(settlement, wallet, "yes");
        wallet.accept(settlement.approvalDigest(approval), "yes");
        _expectWalletRefused(settlement, wallet, "no");
        approval.manifestDigest = ROOT;
        wallet.accept(settlement.approvalDigest(approval), "yes");
        _expectWalletRefused(settlement, wallet, "yes");
    }

    function test_RevertWhen_walletIsHostile() public {
        (EpochPayouts settlement, Wallet wallet) = _settlementOfAWallet();
        wallet.accept(settlement.approvalDigest(_emptyApproval()), "yes");
        for (uint8 mode = 1; mode <= uint8(Wallet.Mode.RevertBomb); ++mode) {
            wallet.setMode(Wallet.Mode(mode));
            uint256 gasBefore = gasleft();
            _expectWalletRefused(settlement, wallet, "yes");
            vm.assertLe(gasBefore - gasleft(), 400_000, "a wallet costs no more than its cap");
        }
        wallet.setMode(Wallet.Mode.Plain);
        settlement.commitEpoch(_emptyApproval(), _signatureOf(address(wallet), "yes"));
    }

    /// @notice A hostile wallet among the guardians cannot stop a quorum without it.
    function test_wallet_hostileOneIsLeftOut() public {
        vm.etch(guardianAddresses[4], address(new Wallet()).code);
        Wallet(guardianAddresses[4]).setMode(Wallet.Mode.BurnGas);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, bytes32(0), 0));
    }

    /// @notice A guardian whose account delegates to code (EIP-7702) goes on signing with its key,
    /// whatever that code answers.
    function test_wallet_delegatingAccountSignsWithItsKey() public {
        Wallet refusing = new Wallet();
        vm.etch(guardianAddresses[0], abi.encodePacked(hex"ef0100", address(refusing)));
        vm.assertGt(guardianAddresses[0].code.length, 0, "has code");
        vm.etch(guardianAddresses[1], address(refusing).code);
        Wallet(guardianAddresses[1]).setMode(Wallet.Mode.Revert);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, bytes32(0), 0));
        vm.assertEq(payouts.nextEpoch(), FIRST_EPOCH + 1);
    }

    function test_wallet_cancels() public {
        (EpochPayouts settlement, Wallet wallet) = _settlementOfAWallet();
        vm.prank(ADMIN);
        bytes32 announcement = settlement.announceGuardians(_successors(), 2);
        wallet.accept(settlement.cancellationDigest(announcement), "no to them");
        settlement.cancelGuardians(announcement, _signatureOf(address(wallet), "no to them"));
        (bytes32 standing,,) = settlement.announcedGuardians();
        vm.assertEq(standing, bytes32(0));
    }

    /* BUILDERS */

    /// @dev Two newcomers and one of the present guardians, ascending.
    function _successors() private view returns (address[] memory list) {
        list = new address[](3);
        (list[0], list[1], list[2]) = (vm.addr(SUCCESSOR_KEY), vm.addr(78), _kept());
        for (uint256 i = 0; i < 2; ++i) {
            for (uint256 k = 0; k < 2; ++k) {
                if (list[k] > list[k + 1]) (list[k], list[k + 1]) = (list[k + 1], list[k]);
            }
        }
    }

    function _kept() private view returns (address) {
        return guardianAddresses[4];
    }

    function _announce() private returns (bytes32 announcement) {
        address[] memory list = _successors();
        vm.prank(ADMIN);
        return payouts.announceGuardians(list, 2);
    }

    function _applyAfterDelay() private {
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        payouts.applyGuardians();
    }

    /// @dev Signatures of the two newcomers, ascending.
    function _successorSignatures(bytes32 digest)
        private
        pure
        returns (IGuardianSet.GuardianSignature[] memory signatures)
    {
        (uint256 low, uint256 high) = (SUCCESSOR_KEY, 78);
        if (vm.addr(low) > vm.addr(high)) (low, high) = (high, low);
        signatures = new IGuardianSet.GuardianSignature[](2);
        signatures[0] = IGuardianSet.GuardianSignature(vm.addr(low), signatureOf(low, digest));
        signatures[1] = IGuardianSet.GuardianSignature(vm.addr(high), signatureOf(high, digest));
    }

    /// @dev Its only guardian is a contract; its first epoch may be committed.
    function _settlementOfAWallet() private returns (EpochPayouts settlement, Wallet wallet) {
        wallet = new Wallet();
        address[] memory list = new address[](1);
        list[0] = address(wallet);
        settlement = new EpochPayouts(clock, registry, beneficiaries, delays(), list, 1, ADMIN);
        warpToGraceEnd(FIRST_EPOCH);
    }

    function _emptyApproval() private view returns (IEpochCommits.Approval memory) {
        return approvalOf(FIRST_EPOCH, bytes32(0), 0);
    }

    function _signatureOf(address signer, bytes memory signature)
        private
        pure
        returns (IGuardianSet.GuardianSignature[] memory signatures)
    {
        signatures = new IGuardianSet.GuardianSignature[](1);
        signatures[0] = IGuardianSet.GuardianSignature(signer, signature);
    }

    function _typedCancellation(uint32 guardianSet) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("CancelGuardians(bytes32 announcement,uint32 guardianSet)"),
                ROOT,
                guardianSet
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quittance"),
                keccak256("1"),
                block.chainid,
                address(payouts)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /* EXPECTATIONS */

    function _expectNotAnnounced(bytes32 announcement) private {
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.GuardiansNotAnnounced.selector, announcement)
        );
    }

    function _expectSignatureInvalid(
        bytes32 announcement,
        IGuardianSet.GuardianSignature[] memory signatures
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.SignatureInvalid.selector, signatures[0].signer)
        );
        payouts.cancelGuardians(announcement, signatures);
    }

    function _expectWalletRefused(EpochPayouts settlement, Wallet wallet, bytes memory signature)
        private
    {
        IEpochCommits.Approval memory approval = _emptyApproval();
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.SignatureInvalid.selector, address(wallet))
        );
        settlement.commitEpoch(approval, _signatureOf(address(wallet), signature));
    }

    function _assertNeverInOffice() private {
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        _expectNotAnnounced(bytes32(0));
        payouts.applyGuardians();
        vm.assertEq(payouts.guardianSet(), 1);
        vm.assertEq(payouts.guardians(), guardianAddresses);
    }
}
