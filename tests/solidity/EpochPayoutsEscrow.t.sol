// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Release and expiry of escrow, and the fee leaf. Outline: EpochPayoutsEscrow.tree.
contract EpochPayoutsEscrowTest is SettlementFixture {
    bytes32 private escrowId = LeafIds.escrowOf(keccak256("content"));

    /* RELEASE */

    function test_release_becomesUnclaimedOfTheBeneficiary() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, BOB);
        vm.expectEmit(address(payouts));
        emit IEscrowReleases.EscrowReleased(
            opIdOf(asWithdrawal(leaf)), FIRST_EPOCH, escrowId, address(token), BOB, 40
        );
        vm.prank(STRANGER);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 40);
        _assertSums(0, 60, 100);
        vm.assertEq(payouts.paidLines(FIRST_EPOCH, escrowId, 0, address(token)), 1);
        payouts.pushUnclaimed(BOB, address(token));
        vm.assertEq(token.balanceOf(BOB), 40);
        _assertSums(0, 60, 60);
    }

    function test_release_suspenseOfAWork() public {
        escrowId = LeafIds.suspenseOf(WORK);
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, CAROL);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(CAROL, address(token)), 40);
    }

    function test_release_longAfterItMightHaveExpired() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        vm.warp(block.timestamp + 100 * ESCROW_EXPIRY);
        beneficiaries.setBeneficiary(escrowId, BOB);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 40);
    }

    function test_RevertWhen_nobodyIsEntitled() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.NoBeneficiary.selector, escrowId));
        payouts.releaseEscrow(leaf);
        _assertSums(40, 60, 100);
    }

    function test_RevertWhen_releasedTwice() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, BOB);
        payouts.releaseEscrow(leaf);
        beneficiaries.setBeneficiary(escrowId, CAROL);
        _expectSettled();
        payouts.releaseEscrow(leaf);
        beneficiaries.setBeneficiary(escrowId, address(0));
        vm.warp(block.timestamp + ESCROW_EXPIRY);
        _expectSettled();
        payouts.expireEscrow(leaf);
    }

    function test_RevertWhen_epochIsNotActive() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, BOB);
        vm.warp(block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSelector(IEpochBooks.EpochNotActive.selector, FIRST_EPOCH));
        payouts.releaseEscrow(leaf);
        vm.expectRevert(abi.encodeWithSelector(IEpochBooks.EpochNotActive.selector, FIRST_EPOCH));
        payouts.expireEscrow(leaf);
        leaf.epoch += 1;
        vm.expectRevert(
            abi.encodeWithSelector(IEpochBooks.EpochNotActive.selector, FIRST_EPOCH + 1)
        );
        payouts.releaseEscrow(leaf);
    }

    /// @notice A leaf of a work that pays the settlement is not escrow, whoever may be named.
    function testFuzz_RevertWhen_idIsNotOfEscrow(bytes32 id) public {
        if (uint256(id) >> 248 == 2 || uint256(id) >> 248 == 3) id ^= bytes32(uint256(4) << 248);
        _expectNotAnEscrow(id);
        _expectNotAnEscrow(LeafIds.FEES);
    }

    function testFuzz_RevertWhen_oneBitIsChanged(uint8 field, uint8 bit) public {
        IEscrowReleases.EscrowLeaf[] memory leaves = _activePair(40, 30);
        IEscrowReleases.EscrowLeaf memory leaf = leaves[0];
        field %= 4;
        if (field == 0) leaf.escrowId ^= bytes32(uint256(1) << (bit % 248));
        if (field == 1) leaf.asset = address(uint160(leaf.asset) ^ (uint160(1) << (bit % 160)));
        if (field == 2) leaf.amount ^= uint256(1) << bit;
        if (field == 3) leaf.proof[0] ^= bytes32(uint256(1) << bit);
        beneficiaries.setBeneficiary(leaf.escrowId, BOB);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrowReleases.EscrowNotProved.selector, FIRST_EPOCH, leaf.escrowId
            )
        );
        payouts.releaseEscrow(leaf);
    }

    function test_RevertWhen_leafIsOfAnotherChain() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, BOB);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IEscrowReleases.EscrowNotProved.selector);
        payouts.releaseEscrow(leaf);
    }

    function test_RevertWhen_beneficiaryCannotBePaid() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        address[2] memory recipients = [address(token), address(payouts)];
        for (uint256 i = 0; i < 2; ++i) {
            beneficiaries.setBeneficiary(escrowId, recipients[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IEpochBooks.InvalidRecipient.selector, recipients[i])
            );
            payouts.releaseEscrow(leaf);
        }
    }

    function test_RevertWhen_beneficiaryIsHeld() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        beneficiaries.setBeneficiary(escrowId, BOB);
        placeHold(BOB, 1000);
        uint64 expiresAt = payouts.heldUntil(BOB);
        vm.expectRevert(heldUntil(BOB, expiresAt));
        payouts.releaseEscrow(leaf);
        vm.warp(expiresAt);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 40);
    }

    /// @notice A root that promises more escrow than was committed reaches no other money.
    function test_RevertWhen_rootPromisesMoreThanIsInEscrow() public {
        fund(FIRST_EPOCH + 1, 1000);
        IEscrowReleases.EscrowLeaf[] memory leaves = _leavesOf(40, 30);
        activateWithEscrow(_prove(leaves), 100, 30, 60);
        beneficiaries.setBeneficiary(leaves[0].escrowId, BOB);
        beneficiaries.setBeneficiary(leaves[1].escrowId, BOB);
        payouts.releaseEscrow(leaves[0]);
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.ExceedsEscrowed.selector, 30, 20));
        payouts.releaseEscrow(leaves[1]);
        vm.warp(block.timestamp + ESCROW_EXPIRY);
        beneficiaries.setBeneficiary(leaves[1].escrowId, address(0));
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.ExceedsEscrowed.selector, 30, 20));
        payouts.expireEscrow(leaves[1]);
    }

    /// @notice An escrow leaf is not paid as an ordinary one, and its place not twice.
    function test_RevertWhen_escrowIsWithdrawn() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        ILeafWithdrawals.Withdrawal memory w = asWithdrawal(leaf);
        vm.expectRevert(refusedWith(ILeafWithdrawals.Refusal.MalformedSplit));
        payouts.withdraw(w);
        beneficiaries.setBeneficiary(escrowId, BOB);
        payouts.releaseEscrow(leaf);
        vm.expectRevert(refusedWith(ILeafWithdrawals.Refusal.MalformedSplit));
        payouts.withdraw(w);
    }

    /* EXPIRY */

    function test_expire_becomesUnallocated() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        vm.warp(block.timestamp + ESCROW_EXPIRY - 1);
        vm.expectPartialRevert(IEscrowReleases.EscrowNotExpired.selector);
        payouts.expireEscrow(leaf);
        vm.warp(block.timestamp + 1);
        vm.expectEmit(address(payouts));
        emit IEscrowReleases.EscrowExpired(
            opIdOf(asWithdrawal(leaf)), FIRST_EPOCH, escrowId, address(token), 40
        );
        vm.prank(STRANGER);
        payouts.expireEscrow(leaf);
        _assertSums(0, 100, 100);
        vm.assertEq(payouts.paidLines(FIRST_EPOCH, escrowId, 0, address(token)), 1);
        _expectSettled();
        payouts.expireEscrow(leaf);
        beneficiaries.setBeneficiary(escrowId, BOB);
        _expectSettled();
        payouts.releaseEscrow(leaf);
    }

    function testFuzz_RevertWhen_notExpired(uint64 waited) public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        uint64 expiresAt = uint64(block.timestamp) + ESCROW_EXPIRY;
        vm.warp(block.timestamp + waited % ESCROW_EXPIRY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrowReleases.EscrowNotExpired.selector, expiresAt, block.timestamp
            )
        );
        payouts.expireEscrow(leaf);
    }

    function test_RevertWhen_expiredEscrowIsClaimed() public {
        IEscrowReleases.EscrowLeaf memory leaf = _activeLeaf(40);
        vm.warp(block.timestamp + ESCROW_EXPIRY);
        beneficiaries.setBeneficiary(escrowId, BOB);
        _expectClaimed();
        payouts.expireEscrow(leaf);
        beneficiaries.setBeneficiary(escrowId, address(0));
        beneficiaries.setClaimOpen(escrowId, true);
        _expectClaimed();
        payouts.expireEscrow(leaf);
        beneficiaries.setClaimOpen(escrowId, false);
        payouts.expireEscrow(leaf);
    }

    function testFuzz_escrow_conserves(uint64 first, uint64 second, bool isReleased) public {
        IEscrowReleases.EscrowLeaf[] memory leaves =
            _leavesOf(uint256(first) + 1, uint256(second) + 1);
        uint256 escrow = leaves[0].amount + leaves[1].amount;
        activateWithEscrow(_prove(leaves), escrow + 7, 0, escrow);
        vm.warp(block.timestamp + ESCROW_EXPIRY);
        if (isReleased) {
            beneficiaries.setBeneficiary(leaves[0].escrowId, ALICE);
            payouts.releaseEscrow(leaves[0]);
        } else {
            payouts.expireEscrow(leaves[0]);
        }
        uint256 released = isReleased ? leaves[0].amount : 0;
        vm.assertEq(payouts.unclaimed(ALICE, address(token)), released);
        _assertSums(leaves[1].amount, 7 + leaves[0].amount - released, escrow + 7);
    }

    /* FEES */

    function test_withdraw_feeLeafAsAnyOther() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        w.workId = LeafIds.FEES;
        fund(FIRST_EPOCH, 100);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalWith(FIRST_EPOCH, leafOf(w), 0, 0, 6));
        vm.warp(block.timestamp + VETO_WINDOW);
        payouts.withdraw(w);
        vm.assertEq(token.balanceOf(ALICE), 1);
        vm.assertEq(token.balanceOf(CAROL), 3);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 0);
        _assertSums(0, 94, 94);
    }

    /* BUILDERS */

    /// @dev The only leaf of an active epoch of 100 units, of which `amount` are in escrow.
    function _activeLeaf(uint256 amount) private returns (IEscrowReleases.EscrowLeaf memory leaf) {
        leaf = escrowLeafOf(escrowId, amount);
        activateWithEscrow(leafOf(asWithdrawal(leaf)), 100, 0, amount);
    }

    /// @dev Escrow of two contents.
    function _leavesOf(uint256 first, uint256 second)
        private
        view
        returns (IEscrowReleases.EscrowLeaf[] memory leaves)
    {
        leaves = new IEscrowReleases.EscrowLeaf[](2);
        leaves[0] = escrowLeafOf(escrowId, first);
        leaves[1] = escrowLeafOf(LeafIds.escrowOf(keccak256("another content")), second);
    }

    function _activePair(uint256 first, uint256 second)
        private
        returns (IEscrowReleases.EscrowLeaf[] memory leaves)
    {
        leaves = _leavesOf(first, second);
        activateWithEscrow(_prove(leaves), first + second, 0, first + second);
    }

    /// @dev Gives every leaf its proof and returns the root.
    function _prove(IEscrowReleases.EscrowLeaf[] memory leaves) private view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            hashes[i] = leafOf(asWithdrawal(leaves[i]));
        }
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i].proof = MerkleTree.proofOf(hashes, i);
        }
        return MerkleTree.rootOf(hashes);
    }

    /* EXPECTATIONS */

    function _expectSettled() private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrowReleases.EscrowAlreadySettled.selector, FIRST_EPOCH, escrowId, address(token)
            )
        );
    }

    function _expectClaimed() private {
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.EscrowIsClaimed.selector, escrowId));
    }

    function _expectNotAnEscrow(bytes32 id) private {
        uint256 snapshot = vm.snapshotState();
        IEscrowReleases.EscrowLeaf memory leaf = escrowLeafOf(id, 40);
        activateWithEscrow(leafOf(asWithdrawal(leaf)), 100, 0, 40);
        beneficiaries.setBeneficiary(id, BOB);
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.NotAnEscrow.selector, id));
        payouts.releaseEscrow(leaf);
        vm.revertToState(snapshot);
    }

    function _assertSums(uint256 escrowed, uint256 unallocated, uint256 accounted) private view {
        vm.assertEq(payouts.escrowed(FIRST_EPOCH, address(token)), escrowed, "escrowed");
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), unallocated, "unallocated");
        vm.assertEq(payouts.accounted(address(token)), accounted, "accounted");
        vm.assertEq(token.balanceOf(address(payouts)), accounted, "balance");
    }
}
