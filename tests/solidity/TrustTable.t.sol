// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {IUnallocatedTransfers} from "../../contracts/src/settlement/IUnallocatedTransfers.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {RegistriesLib} from "./Registries.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Who can stop or steal what, with which key, after what delay: one test a row. As in a
/// deployment, a timelock is the administrator: its proposer's calls wait for the timelock's delay
/// T, and announced changes for the settlement's own governance delay G on top. V is the veto
/// window.
contract TrustTableTest is SettlementFixture {
    uint256 private constant TIMELOCK_DELAY = 3_000;
    address private constant PROPOSER = address(0x9090);
    address private constant THIEF = address(0x666);

    TimelockController private timelock;
    ILeafWithdrawals.Withdrawal private honest;

    /// @dev The first epoch is active: 60 allocated to one leaf, 30 in escrow, 10 nobody's. The
    /// next one holds 1,000.
    function setUp() public override {
        super.setUp();
        address[] memory proposers = new address[](1);
        proposers[0] = PROPOSER;
        timelock = new TimelockController(TIMELOCK_DELAY, proposers, new address[](1), address(0));
        vm.startPrank(ADMIN);
        payouts.grantRole(bytes32(0), address(timelock));
        payouts.renounceRole(bytes32(0), ADMIN);
        vm.stopPrank();
        honest = withdrawalOf(10, 20, 30);
        bytes32[] memory leaves = new bytes32[](2);
        leaves[0] = leafOf(honest);
        leaves[1] = leafOf(asWithdrawal(_escrow()));
        honest.proof = MerkleTree.proofOf(leaves, 0);
        fund(FIRST_EPOCH + 1, 1000);
        activateWithEscrow(MerkleTree.rootOf(leaves), 100, 60, 30);
    }

    /// @notice Anybody, with no key.
    ///   can:    have leaves paid, escrow released or expired, announced changes applied, in any
    ///           order and as often as it likes
    ///   delay:  none
    ///   cannot: change a payee or an amount, or have a line paid twice
    function test_row_anybody() public {
        ILeafWithdrawals.Withdrawal memory w = honest;
        w.payees[2] = THIEF;
        _expectRefused(w, ILeafWithdrawals.Refusal.BadProof);
        w = honest;
        w.amounts[0] += 1;
        _expectRefused(w, ILeafWithdrawals.Refusal.BadProof);
        vm.startPrank(THIEF);
        payouts.withdraw(honest);
        _expectRefused(honest, ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        vm.stopPrank();
        _assertHonestPaid();
    }

    /// @notice A payee.
    ///   can:    refuse its own line, and have its unclaimed money sent where it likes
    ///   delay:  none
    ///   cannot: stop the other lines of its leaf, or touch another payee's unclaimed money
    function test_row_payee() public {
        token.setMode(BOB, HostileToken.Mode.BurnGas);
        payouts.withdraw(honest);
        vm.assertEq(token.balanceOf(ALICE) + token.balanceOf(CAROL), 40);
        vm.prank(ALICE);
        vm.expectPartialRevert(ILeafWithdrawals.NothingUnclaimed.selector);
        payouts.withdrawUnclaimed(address(token), ALICE);
        vm.prank(BOB);
        payouts.withdrawUnclaimed(address(token), STRANGER);
        vm.assertEq(token.balanceOf(STRANGER), 20);
    }

    /// @notice The issuer of a token.
    ///   can:    freeze that token for a payee or for the settlement
    ///   delay:  none
    ///   cannot: reach other assets, or make a frozen line be lost: it waits as unclaimed
    function test_row_tokenIssuer() public {
        token.setMode(BOB, HostileToken.Mode.Revert);
        payouts.withdraw(honest);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 20);
        token.setMode(BOB, HostileToken.Mode.Plain);
        payouts.pushUnclaimed(BOB, address(token));
        _assertHonestPaid();
    }

    /// @notice FUNDER_ROLE, the subscription contract.
    ///   can:    pay in
    ///   delay:  none
    ///   cannot: take anything out again, or pay into an epoch that is over
    function test_row_funder() public {
        vm.startPrank(FUNDER);
        vm.expectPartialRevert(IEpochCommits.EpochNotPayable.selector);
        payouts.fund(FIRST_EPOCH, address(token), 1);
        _expectNoPower(FUNDER);
        vm.stopPrank();
    }

    /// @notice Any one guardian.
    ///   can:    veto a pending root; pause; cancel a transfer of unallocated money
    ///   delay:  none
    ///   cannot: commit, unpause, touch an active root, take anything, or stop its own replacement
    function test_row_oneGuardian() public {
        bytes32 announcement = _announceSuccessor();
        _commitNext(keccak256("wrong root"));
        address guardian = guardianAddresses[0];
        vm.startPrank(guardian);
        payouts.veto(FIRST_EPOCH + 1, REASON);
        vm.expectPartialRevert(IEpochCommits.EpochNotPending.selector);
        payouts.veto(FIRST_EPOCH, REASON);
        payouts.pause();
        vm.expectRevert(missingRole(guardian, bytes32(0)));
        payouts.unpause();
        vm.expectPartialRevert(IGuardianSet.BelowThreshold.selector);
        payouts.cancelGuardians(announcement, new IGuardianSet.GuardianSignature[](0));
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        payouts.applyGuardians();
        vm.stopPrank();
        vm.assertFalse(payouts.isGuardian(guardian));
    }

    /// @notice Fewer guardians than the threshold.
    ///   can:    what one guardian can
    ///   delay:  none
    ///   cannot: commit a root, or cancel the replacement of the guardians
    function test_row_fewerThanAQuorum() public {
        bytes32 announcement = _announceSuccessor();
        IGuardianSet.GuardianSignature[] memory signatures =
            signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD - 1);
        vm.expectPartialRevert(IGuardianSet.BelowThreshold.selector);
        payouts.cancelGuardians(announcement, signatures);
        warpToGraceEnd(FIRST_EPOCH + 1);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH + 1, REASON, 1000);
        signatures = signaturesOf(approval, THRESHOLD - 1);
        vm.expectPartialRevert(IGuardianSet.BelowThreshold.selector);
        payouts.commitEpoch(approval, signatures);
    }

    /// @notice A quorum of guardians.
    ///   can:    commit a wrong root and thereby take what was paid in for one epoch; cancel the
    ///           replacement of the guardians
    ///   delay:  V, in which one other guardian or the watcher suffices to veto
    ///   cannot: reach money of another epoch, or change an active root
    function test_row_quorum() public {
        ILeafWithdrawals.Withdrawal memory theft = honest;
        (theft.epoch, theft.proof) = (FIRST_EPOCH + 1, new bytes32[](0));
        (theft.payees, theft.amounts) = (new address[](1), new uint256[](1));
        (theft.payees[0], theft.amounts[0]) = (THIEF, 1000);
        uint256 snapshot = vm.snapshotState();
        _commitNext(leafOf(theft));
        _expectRefused(theft, ILeafWithdrawals.Refusal.EpochNotActive);
        vm.warp(block.timestamp + VETO_WINDOW);
        payouts.withdraw(theft);
        vm.assertEq(token.balanceOf(THIEF), 1000);
        payouts.withdraw(honest);
        _assertHonestPaid();
        vm.revertToState(snapshot);

        theft.amounts[0] = 1001;
        _commitNext(leafOf(theft));
        vm.warp(block.timestamp + VETO_WINDOW);
        _expectRefused(theft, ILeafWithdrawals.Refusal.ExceedsRemaining);
        vm.revertToState(snapshot);

        _commitNext(leafOf(theft));
        vm.warp(block.timestamp + VETO_WINDOW - 1);
        vm.prank(guardianAddresses[4]);
        payouts.veto(FIRST_EPOCH + 1, REASON);
        vm.assertEq(payouts.remaining(FIRST_EPOCH + 1, address(token)), 0);
        vm.assertEq(payouts.accounted(address(token)), 1100);
    }

    /// @notice VETO_ROLE, the watcher.
    ///   can:    veto a pending root
    ///   delay:  none
    ///   cannot: pause, commit, touch an active root, or take anything
    function test_row_watcher() public {
        _commitNext(keccak256("wrong root"));
        vm.startPrank(WATCHER);
        payouts.veto(FIRST_EPOCH + 1, REASON);
        vm.expectPartialRevert(IEpochCommits.EpochNotPending.selector);
        payouts.veto(FIRST_EPOCH, REASON);
        _expectNoPower(WATCHER);
        vm.stopPrank();
    }

    /// @notice COMPLIANCE_ROLE.
    ///   can:    hold a payee's money for up to 366 days at a time, again and again
    ///   delay:  none
    ///   cannot: take or redirect it, hold other lines of the leaf, veto, or pause
    function test_row_compliance() public {
        placeHold(BOB, 366 days);
        payouts.withdraw(honest);
        vm.assertEq(token.balanceOf(ALICE) + token.balanceOf(CAROL), 40);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 20);
        vm.startPrank(COMPLIANCE);
        _expectNoPower(COMPLIANCE);
        vm.expectPartialRevert(IEpochCommits.MayNotVeto.selector);
        payouts.veto(FIRST_EPOCH, REASON);
        vm.stopPrank();
        vm.warp(block.timestamp + 366 days);
        payouts.withdraw(honest);
        _assertHonestPaid();
    }

    /// @notice VERDICT_ROLE of the work registry, the court.
    ///   can:    stop the leaves of a work
    ///   delay:  none
    ///   cannot: take or redirect them, or stop other works; lifting the verdict frees them
    function test_row_court() public {
        RegistriesLib.attest(registries, ADMIN, address(this));
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        (w.epoch, w.workId) = (FIRST_EPOCH + 1, _registeredWork());
        _commitNext(leafOf(w));
        vm.warp(block.timestamp + VETO_WINDOW);
        vm.prank(COURT);
        registry.placeVerdict(w.workId, REASON);
        _expectRefused(w, ILeafWithdrawals.Refusal.WorkUnderVerdict);
        payouts.withdraw(honest);
        _assertHonestPaid();
        vm.prank(COURT);
        registry.liftVerdict(w.workId, REASON);
        payouts.withdraw(w);
        vm.assertEq(token.balanceOf(ALICE), 11);
    }

    /// @notice Whoever decides in the claims contract, its arbiter and administrator.
    ///   can:    name who receives escrow that was not released yet
    ///   delay:  that of the claims contract
    ///   cannot: reach money outside escrow, or escrow that was released, or have a held account
    ///           receive it
    function test_row_claims() public {
        beneficiaries.setBeneficiary(_escrow().escrowId, THIEF);
        placeHold(THIEF, 1000);
        IEscrowReleases.EscrowLeaf memory leaf = _provedEscrow();
        vm.expectPartialRevert(IPayeeHolds.AccountHeld.selector);
        payouts.releaseEscrow(leaf);
        vm.warp(block.timestamp + 1000);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(THIEF, address(token)), 30);
        beneficiaries.setBeneficiary(_escrow().escrowId, BOB);
        vm.expectPartialRevert(IEscrowReleases.EscrowAlreadySettled.selector);
        payouts.releaseEscrow(leaf);
        payouts.withdraw(honest);
        _assertHonestPaid();
    }

    /// @notice The administrator: replacement of the guardians.
    ///   can:    put other guardians in office
    ///   delay:  T + G, in which a quorum of the guardians in office can cancel
    ///   cannot: do it at once; and once in office they still need V to take an epoch's money
    function test_row_administratorReplacesGuardians() public {
        address[] memory list = new address[](1);
        list[0] = THIEF;
        bytes memory call = abi.encodeCall(payouts.announceGuardians, (list, 1));
        _expectWaits(call);
        _execute(call);
        vm.expectPartialRevert(IGuardianSet.NotApplicableYet.selector);
        payouts.applyGuardians();
        (bytes32 announcement,,) = payouts.announcedGuardians();
        vm.warp(block.timestamp + GOVERNANCE_DELAY - 1);
        payouts.cancelGuardians(
            announcement, signaturesOf(payouts.cancellationDigest(announcement), THRESHOLD)
        );
        vm.warp(block.timestamp + 1);
        vm.expectPartialRevert(IGuardianSet.GuardiansNotAnnounced.selector);
        payouts.applyGuardians();
    }

    /// @notice The administrator: unallocated money.
    ///   can:    send what belongs to nobody where it likes
    ///   delay:  T + G, in which any one guardian can cancel; a held recipient is refused
    ///   cannot: reach money that is allocated, in escrow, unclaimed or of an open epoch
    function test_row_administratorMovesUnallocatedMoney() public {
        bytes memory call = abi.encodeCall(
            payouts.announceUnallocatedTransfer, (FIRST_EPOCH, address(token), THIEF, 11)
        );
        _expectWaits(call);
        vm.expectPartialRevert(IUnallocatedTransfers.ExceedsUnallocated.selector);
        timelock.execute(address(payouts), 0, call, bytes32(0), bytes32(0));
        // The timelock's delay is over; what it may announce is at most what is nobody's.
        vm.prank(address(timelock));
        bytes32 transferId =
            payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), THIEF, 10);
        vm.warp(block.timestamp + GOVERNANCE_DELAY - 1);
        vm.expectPartialRevert(IGuardianSet.NotApplicableYet.selector);
        payouts.applyUnallocatedTransfer(transferId);
        uint256 snapshot = vm.snapshotState();
        vm.prank(guardianAddresses[3]);
        payouts.cancelUnallocatedTransfer(transferId);
        vm.revertToState(snapshot);
        vm.warp(block.timestamp + 1);
        payouts.applyUnallocatedTransfer(transferId);
        vm.assertEq(token.balanceOf(THIEF), 10);
        payouts.withdraw(honest);
        _assertHonestPaid();
    }

    /// @notice The administrator: roles and pause.
    ///   can:    grant and revoke FUNDER, VETO and COMPLIANCE roles, pause and end a pause
    ///   delay:  T
    ///   cannot: veto, hold, or commit without granting itself the role or replacing the guardians
    function test_row_administratorGrantsRoles() public {
        bytes memory call = abi.encodeCall(payouts.grantRole, (payouts.VETO_ROLE(), THIEF));
        vm.prank(THIEF);
        vm.expectPartialRevert(IEpochCommits.MayNotVeto.selector);
        payouts.veto(FIRST_EPOCH, REASON);
        _expectWaits(call);
        _execute(call);
        vm.assertTrue(payouts.hasRole(payouts.VETO_ROLE(), THIEF));
        vm.startPrank(address(timelock));
        vm.expectPartialRevert(IEpochCommits.MayNotVeto.selector);
        payouts.veto(FIRST_EPOCH, REASON);
        bytes memory refusal = missingRole(address(timelock), payouts.COMPLIANCE_ROLE());
        vm.expectRevert(refusal);
        payouts.placeHold(BOB, REASON, uint64(block.timestamp) + 1);
        vm.stopPrank();
    }

    /// @notice The proposer of the timelock, and whoever deployed, directly.
    ///   can:    nothing at the settlement
    ///   delay:  -
    ///   cannot: anything without the timelock's delay
    function test_row_proposerAndDeployer() public {
        address[2] memory keys = [PROPOSER, ADMIN];
        for (uint256 i = 0; i < 2; ++i) {
            vm.startPrank(keys[i]);
            _expectNoPower(keys[i]);
            vm.stopPrank();
        }
    }

    /// @notice Guardians that were replaced.
    ///   can:    nothing
    ///   delay:  -
    ///   cannot: veto, pause, or use signatures that they gave in office
    function test_row_formerGuardians() public {
        _announceSuccessor();
        warpToGraceEnd(FIRST_EPOCH + 1);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH + 1, REASON, 1000);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 5);
        payouts.applyGuardians();
        vm.expectPartialRevert(IEpochCommits.WrongGuardianSet.selector);
        payouts.commitEpoch(approval, signatures);
        vm.startPrank(guardianAddresses[0]);
        _expectNoPower(guardianAddresses[0]);
        vm.stopPrank();
    }

    /* BUILDERS */

    function _escrow() private view returns (IEscrowReleases.EscrowLeaf memory) {
        return escrowLeafOf(LeafIds.escrowOf(keccak256("content")), 30);
    }

    function _provedEscrow() private view returns (IEscrowReleases.EscrowLeaf memory leaf) {
        leaf = _escrow();
        leaf.proof = new bytes32[](1);
        leaf.proof[0] = leafOf(honest);
    }

    function _registeredWork() private returns (bytes32) {
        return registry.register(keccak256("salt"), _terms(), new bytes[](1));
    }

    function _terms() private view returns (WorkRegistry.Terms memory terms) {
        terms = WorkRegistry.Terms({
            contentId: keccak256("content"),
            pricePpm: 1,
            regionRule: bytes32(0),
            payees: new address[](1),
            sharesPpm: new uint32[](1)
        });
        (terms.payees[0], terms.sharesPpm[0]) = (address(this), 1_000_000);
    }

    /// @dev All that was paid in for the next epoch is allocated under `root`.
    function _commitNext(bytes32 root) private {
        warpToGraceEnd(FIRST_EPOCH + 1);
        commit(approvalOf(FIRST_EPOCH + 1, root, 1000));
    }

    function _announceSuccessor() private returns (bytes32) {
        address[] memory list = new address[](1);
        list[0] = STRANGER;
        vm.prank(address(timelock));
        return payouts.announceGuardians(list, 1);
    }

    function _execute(bytes memory call) private {
        timelock.execute(address(payouts), 0, call, bytes32(0), bytes32(0));
    }

    /* EXPECTATIONS */

    /// @dev The proposer's call to the settlement waits for the timelock, and is ready afterwards.
    function _expectWaits(bytes memory call) private {
        vm.prank(PROPOSER);
        timelock.schedule(address(payouts), 0, call, bytes32(0), bytes32(0), TIMELOCK_DELAY);
        vm.warp(block.timestamp + TIMELOCK_DELAY - 1);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(address(payouts), 0, call, bytes32(0), bytes32(0));
        vm.warp(block.timestamp + 1);
    }

    /// @dev What neither a role nor a guardian's office gives `account`, who is the caller.
    function _expectNoPower(address account) private {
        vm.expectRevert(abi.encodeWithSelector(IEpochPayouts.MayNotPause.selector, account));
        payouts.pause();
        vm.expectRevert(missingRole(account, bytes32(0)));
        payouts.unpause();
        vm.expectRevert(missingRole(account, bytes32(0)));
        payouts.announceGuardians(guardianAddresses, THRESHOLD);
        vm.expectRevert(missingRole(account, bytes32(0)));
        payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), account, 1);
        bytes32 role = payouts.FUNDER_ROLE();
        vm.expectRevert(missingRole(account, bytes32(0)));
        payouts.grantRole(role, account);
        vm.expectPartialRevert(ILeafWithdrawals.NothingUnclaimed.selector);
        payouts.withdrawUnclaimed(address(token), account);
    }

    function _expectRefused(ILeafWithdrawals.Withdrawal memory w, ILeafWithdrawals.Refusal refusal)
        private
    {
        vm.expectRevert(refusedWith(refusal));
        payouts.withdraw(w);
    }

    function _assertHonestPaid() private view {
        vm.assertEq(token.balanceOf(ALICE), 10, "Alice");
        vm.assertEq(token.balanceOf(BOB), 20, "Bob");
        vm.assertEq(token.balanceOf(CAROL), 30, "Carol");
    }
}
