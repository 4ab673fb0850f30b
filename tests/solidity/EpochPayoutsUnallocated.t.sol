// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {IUnallocatedTransfers} from "../../contracts/src/settlement/IUnallocatedTransfers.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Announced transfers of unallocated money. Outline: EpochPayoutsUnallocated.tree.
contract EpochPayoutsUnallocatedTest is SettlementFixture {
    bytes32 private constant ROOT = keccak256("root");

    /// @dev Of 100 units of an active epoch 60 are allocated and 40 are nobody's.
    function setUp() public override {
        super.setUp();
        activate(ROOT, 100, 60);
    }

    /* ANNOUNCE */

    function test_announce_reserves() public {
        bytes32 expected = OperationLib.transferId(block.chainid, address(payouts), FIRST_EPOCH, 0);
        uint64 applicableAt = uint64(block.timestamp) + GOVERNANCE_DELAY;
        vm.expectEmit(address(payouts));
        emit IUnallocatedTransfers.UnallocatedTransferAnnounced(
            expected, FIRST_EPOCH, address(token), ALICE, 30, applicableAt
        );
        bytes32 transferId = _announce(ALICE, 30);
        vm.assertEq(transferId, expected);
        _assertSums(40, 30, 100);
        (uint64 epoch, uint64 from, address asset, address to, uint256 amount) =
            payouts.unallocatedTransferOf(transferId);
        vm.assertEq(
            abi.encode(epoch, from, asset, to, amount),
            abi.encode(FIRST_EPOCH, applicableAt, address(token), ALICE, 30)
        );
    }

    function test_announce_sameTransferTwiceIsTwoTransfers() public {
        bytes32 first = _announce(ALICE, 15);
        bytes32 second = _announce(ALICE, 15);
        vm.assertNotEq(first, second);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        payouts.applyUnallocatedTransfer(first);
        payouts.applyUnallocatedTransfer(second);
        vm.assertEq(token.balanceOf(ALICE), 30);
        _assertSums(10, 0, 70);
    }

    /// @notice Announced sums are spoken for: no two announcements promise the same money.
    function testFuzz_RevertWhen_moreThanIsFreeIsAnnounced(uint8 first, uint256 second) public {
        uint256 reserved = 1 + first % 40;
        _announce(ALICE, reserved);
        uint256 free = 40 - reserved;
        vm.assume(second > free);
        _expectExceeds(second, free);
        if (free != 0) _announce(BOB, free);
        _expectExceeds(1, 0);
        _assertSums(40, 40, 100);
    }

    function test_RevertWhen_epochIsNotActive() public {
        fund(FIRST_EPOCH + 1, 50);
        vm.startPrank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochBooks.EpochNotActive.selector, FIRST_EPOCH + 1)
        );
        payouts.announceUnallocatedTransfer(FIRST_EPOCH + 1, address(token), ALICE, 1);
        vm.stopPrank();
        warpToGraceEnd(FIRST_EPOCH + 1);
        commit(approvalOf(FIRST_EPOCH + 1, bytes32(0), 0));
        vm.prank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochBooks.EpochNotActive.selector, FIRST_EPOCH + 1)
        );
        payouts.announceUnallocatedTransfer(FIRST_EPOCH + 1, address(token), ALICE, 1);
    }

    function test_RevertWhen_nothingOrNowhereIsAnnounced() public {
        vm.startPrank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IUnallocatedTransfers.TransferOfNothing.selector));
        payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), ALICE, 0);
        address[3] memory recipients = [address(0), address(token), address(payouts)];
        for (uint256 i = 0; i < recipients.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IEpochBooks.InvalidRecipient.selector, recipients[i])
            );
            payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), recipients[i], 1);
        }
        vm.stopPrank();
    }

    function test_RevertWhen_othersAnnounce() public {
        vm.prank(guardianAddresses[0]);
        vm.expectRevert(missingRole(guardianAddresses[0], bytes32(0)));
        payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), ALICE, 1);
    }

    /* APPLY */

    function test_apply_paysOnce() public {
        bytes32 transferId = _announce(ALICE, 30);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        vm.expectEmit(address(payouts));
        emit IUnallocatedTransfers.UnallocatedTransferred(
            transferId, FIRST_EPOCH, address(token), ALICE, 30
        );
        vm.prank(STRANGER);
        payouts.applyUnallocatedTransfer(transferId);
        vm.assertEq(token.balanceOf(ALICE), 30);
        _assertSums(10, 0, 70);
        _expectNotAnnounced(transferId);
        payouts.applyUnallocatedTransfer(transferId);
    }

    function testFuzz_apply_neverBeforeTheDelay(uint64 waited) public {
        bytes32 transferId = _announce(ALICE, 30);
        uint64 applicableAt = uint64(block.timestamp) + GOVERNANCE_DELAY;
        vm.warp(block.timestamp + waited % GOVERNANCE_DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(
                IGuardianSet.NotApplicableYet.selector, applicableAt, block.timestamp
            )
        );
        payouts.applyUnallocatedTransfer(transferId);
    }

    function test_RevertWhen_recipientIsHeld() public {
        bytes32 transferId = _announce(ALICE, 30);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        placeHold(ALICE, 10);
        uint64 expiresAt = payouts.heldUntil(ALICE);
        vm.expectRevert(heldUntil(ALICE, expiresAt));
        payouts.applyUnallocatedTransfer(transferId);
        _assertSums(40, 30, 100);
        vm.warp(expiresAt);
        payouts.applyUnallocatedTransfer(transferId);
    }

    function test_RevertWhen_tokenRefuses() public {
        bytes32 transferId = _announce(ALICE, 30);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        token.setMode(ALICE, HostileToken.Mode.Revert);
        vm.expectRevert(abi.encodeWithSelector(HostileToken.Refused.selector, ALICE));
        payouts.applyUnallocatedTransfer(transferId);
        _assertSums(40, 30, 100);
    }

    function test_apply_reentryIsRefused() public {
        bytes32 transferId = _announce(ALICE, 20);
        bytes32 other = _announce(BOB, 20);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(payouts.applyUnallocatedTransfer, (transferId));
        calls[1] = abi.encodeCall(payouts.applyUnallocatedTransfer, (other));
        token.setReentry(address(payouts), calls);
        token.setMode(ALICE, HostileToken.Mode.Reenter);
        payouts.applyUnallocatedTransfer(transferId);
        vm.assertEq(token.reentrySuccesses(), 0);
        _assertSums(20, 20, 80);
    }

    function test_RevertWhen_paused() public {
        bytes32 transferId = _announce(ALICE, 30);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        vm.prank(guardianAddresses[0]);
        payouts.pause();
        vm.expectRevert(abi.encodeWithSignature("EnforcedPause()"));
        payouts.applyUnallocatedTransfer(transferId);
        vm.prank(guardianAddresses[0]);
        payouts.cancelUnallocatedTransfer(transferId);
        _assertSums(40, 0, 100);
    }

    /* CANCEL */

    function test_cancel_byTheAdministratorOrAnyGuardian() public {
        for (uint256 i = 0; i <= GUARDIAN_COUNT; ++i) {
            address by = i < GUARDIAN_COUNT ? guardianAddresses[i] : ADMIN;
            bytes32 transferId = _announce(ALICE, 40);
            vm.warp(block.timestamp + GOVERNANCE_DELAY);
            vm.expectEmit(address(payouts));
            emit IUnallocatedTransfers.UnallocatedTransferCancelled(transferId, by);
            vm.prank(by);
            payouts.cancelUnallocatedTransfer(transferId);
            _expectNotAnnounced(transferId);
            payouts.applyUnallocatedTransfer(transferId);
            _assertSums(40, 0, 100);
        }
    }

    function test_RevertWhen_cancelledTwiceOrByAStranger() public {
        bytes32 transferId = _announce(ALICE, 40);
        address[2] memory others = [WATCHER, ALICE];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IUnallocatedTransfers.MayNotCancel.selector, others[i])
            );
            payouts.cancelUnallocatedTransfer(transferId);
        }
        vm.startPrank(ADMIN);
        payouts.cancelUnallocatedTransfer(transferId);
        _expectNotAnnounced(transferId);
        payouts.cancelUnallocatedTransfer(transferId);
        vm.stopPrank();
    }

    /* BUILDERS */

    function _announce(address to, uint256 amount) private returns (bytes32) {
        vm.prank(ADMIN);
        return payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), to, amount);
    }

    /* EXPECTATIONS */

    function _expectExceeds(uint256 amount, uint256 available) private {
        vm.prank(ADMIN);
        vm.expectRevert(
            abi.encodeWithSelector(
                IUnallocatedTransfers.ExceedsUnallocated.selector, amount, available
            )
        );
        payouts.announceUnallocatedTransfer(FIRST_EPOCH, address(token), BOB, amount);
    }

    function _expectNotAnnounced(bytes32 transferId) private {
        vm.expectRevert(
            abi.encodeWithSelector(IUnallocatedTransfers.TransferNotAnnounced.selector, transferId)
        );
    }

    function _assertSums(uint256 unallocated, uint256 reserved, uint256 accounted) private view {
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), unallocated, "unallocated");
        vm.assertEq(payouts.unallocatedReserved(FIRST_EPOCH, address(token)), reserved, "reserved");
        vm.assertEq(payouts.accounted(address(token)), accounted, "accounted");
        vm.assertEq(token.balanceOf(address(payouts)), accounted, "balance");
    }
}
