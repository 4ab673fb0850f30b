// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Holds over payees and payment line by line. Outline: EpochPayoutsHolds.tree.
contract EpochPayoutsHoldsTest is SettlementFixture {
    uint64 private constant DAY = 86_400;

    /* PLACE AND LIFT */

    function test_placeHold_actsAtOnceAndExpires() public {
        uint64 expiresAt = uint64(block.timestamp) + DAY;
        vm.assertFalse(payouts.isHeld(BOB));
        vm.expectEmit(address(payouts));
        emit IPayeeHolds.PayeeHoldPlaced(BOB, REASON, expiresAt);
        placeHold(BOB, DAY);
        vm.assertTrue(payouts.isHeld(BOB));
        vm.assertEq(payouts.heldUntil(BOB), expiresAt);
        vm.assertFalse(payouts.isHeld(ALICE));
        vm.warp(expiresAt - 1);
        vm.assertTrue(payouts.isHeld(BOB));
        vm.warp(expiresAt);
        vm.assertFalse(payouts.isHeld(BOB));
    }

    function test_placeHold_replacesAStandingOne() public {
        placeHold(BOB, 100 * DAY);
        uint64 expiresAt = uint64(block.timestamp) + DAY;
        vm.expectEmit(address(payouts));
        emit IPayeeHolds.PayeeHoldPlaced(BOB, REASON, expiresAt);
        placeHold(BOB, DAY);
        vm.assertEq(payouts.heldUntil(BOB), expiresAt);
    }

    function test_placeHold_longest() public {
        placeHold(BOB, 366 * DAY);
        vm.assertTrue(payouts.isHeld(BOB));
    }

    function test_holds_workWhilePaused() public {
        vm.prank(ADMIN);
        payouts.pause();
        placeHold(BOB, DAY);
        vm.prank(COMPLIANCE);
        payouts.liftHold(BOB);
        vm.assertFalse(payouts.isHeld(BOB));
    }

    function test_RevertWhen_holdIsImproper() public {
        uint64 latest = uint64(block.timestamp) + 366 * DAY;
        vm.startPrank(COMPLIANCE);
        vm.expectRevert(abi.encodeWithSelector(IPayeeHolds.HoldWithoutReason.selector, BOB));
        payouts.placeHold(BOB, bytes32(0), latest);
        uint64[4] memory improper =
            [uint64(0), uint64(block.timestamp), latest + 1, type(uint64).max];
        for (uint256 i = 0; i < improper.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPayeeHolds.HoldExpiryOutOfRange.selector, improper[i], latest
                )
            );
            payouts.placeHold(BOB, REASON, improper[i]);
        }
        vm.stopPrank();
    }

    function test_RevertWhen_othersPlaceOrLift() public {
        placeHold(BOB, DAY);
        address[3] memory others = [ADMIN, guardianAddresses[0], BOB];
        bytes32 role = payouts.COMPLIANCE_ROLE();
        for (uint256 i = 0; i < others.length; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(missingRole(others[i], role));
            payouts.placeHold(ALICE, REASON, uint64(block.timestamp) + DAY);
            vm.expectRevert(missingRole(others[i], role));
            payouts.liftHold(BOB);
            vm.stopPrank();
        }
    }

    function test_liftHold_actsAtOnceAndOnce() public {
        placeHold(BOB, DAY);
        vm.expectEmit(address(payouts));
        emit IPayeeHolds.PayeeHoldLifted(BOB);
        vm.startPrank(COMPLIANCE);
        payouts.liftHold(BOB);
        vm.assertFalse(payouts.isHeld(BOB));
        vm.assertEq(payouts.heldUntil(BOB), 0);
        vm.expectRevert(abi.encodeWithSelector(IPayeeHolds.AccountNotHeld.selector, BOB));
        payouts.liftHold(BOB);
        vm.stopPrank();
    }

    /* WITHDRAW LINE BY LINE */

    function test_withdraw_passesOverAHeldLine() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 1000, 321);
        placeHold(BOB, DAY);
        bytes32 opId = opIdOf(w);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.LeafWithdrawn(opId, FIRST_EPOCH, WORK, 0, address(token), 301);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.PayeePaid(opId, ALICE, address(token), 1, 0);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.PayeeHeld(opId, BOB, address(token), 20, 1);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.PayeePaid(opId, CAROL, address(token), 300, 2);
        payouts.withdraw(w);
        _assertBalances(1, 0, 300);
        _assertBooks(w, 5, 20, 699);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 0);
    }

    function test_withdraw_paysTheOpenLineOnceItIsFree() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 1000, 321);
        placeHold(BOB, DAY);
        payouts.withdraw(w);
        _expectRefused(w, ILeafWithdrawals.Refusal.AllLinesHeld);
        vm.warp(payouts.heldUntil(BOB));
        bytes32 opId = opIdOf(w);
        vm.recordLogs();
        payouts.withdraw(w);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 3, "one line: withdrawn, the token's transfer, paid");
        vm.assertEq(logs[0].topics[0], ILeafWithdrawals.LeafWithdrawn.selector);
        vm.assertEq(logs[0].data, abi.encode(0, address(token), 20));
        vm.assertEq(logs[2].topics[0], ILeafWithdrawals.PayeePaid.selector);
        vm.assertEq(logs[2].topics[1], opId);
        vm.assertEq(logs[2].data, abi.encode(20, 1));
        _assertBalances(1, 20, 300);
        _assertBooks(w, 7, 0, 679);
        _expectRefused(w, ILeafWithdrawals.Refusal.AlreadyWithdrawn);
    }

    function test_withdraw_anotherLineHeldMeanwhile() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        placeHold(ALICE, DAY);
        placeHold(CAROL, DAY);
        payouts.withdraw(w);
        vm.startPrank(COMPLIANCE);
        payouts.liftHold(ALICE);
        payouts.placeHold(BOB, REASON, uint64(block.timestamp) + DAY);
        vm.stopPrank();
        payouts.withdraw(w);
        _assertBalances(1, 20, 0);
        _assertBooks(w, 3, 300, 300);
    }

    function test_RevertWhen_allLinesAreHeld() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        placeHold(ALICE, DAY);
        placeHold(BOB, DAY);
        placeHold(CAROL, DAY);
        _expectRefused(w, ILeafWithdrawals.Refusal.AllLinesHeld);
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](1);
        ws[0] = w;
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.WithdrawRefused(
            opIdOf(w),
            FIRST_EPOCH,
            WORK,
            0,
            address(token),
            uint8(ILeafWithdrawals.Refusal.AllLinesHeld)
        );
        payouts.withdrawBatch(ws);
        _assertBooks(w, 0, 321, 321);
    }

    /// @notice A held payee that would refuse is not set aside either: its line stays open.
    function test_withdraw_heldLineNeverBecomesUnclaimed() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        token.setMode(BOB, HostileToken.Mode.Revert);
        placeHold(BOB, DAY);
        payouts.withdraw(w);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 0);
        vm.prank(COMPLIANCE);
        payouts.liftHold(BOB);
        payouts.withdraw(w);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 20);
        _assertBooks(w, 7, 0, 20);
    }

    /// @notice A second leaf for a place whose first leaf still has open lines is never paid, be it
    /// longer, shorter or split otherwise.
    function test_RevertWhen_openPlaceIsAskedForUnderAnotherLeaf() public {
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](3);
        ws[0] = withdrawalOf(1, 20, 300);
        ws[1] = withdrawalOf(1, 21, 300);
        ws[2] = withdrawalOf(1, 20, 300);
        (ws[2].payees, ws[2].amounts) = (new address[](4), new uint256[](4));
        for (uint256 i = 0; i < 4; ++i) {
            (ws[2].payees[i], ws[2].amounts[i]) = (address(uint160(0xE000 + i)), 5);
        }
        activate(proveAll(ws), 1000, 1000);
        placeHold(BOB, DAY);
        payouts.withdraw(ws[0]);
        vm.prank(COMPLIANCE);
        payouts.liftHold(BOB);
        _expectRefused(ws[1], ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        _expectRefused(ws[2], ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        payouts.withdraw(ws[0]);
        _expectRefused(ws[2], ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        _assertBalances(1, 20, 300);
    }

    /// @notice A hold that a token's callback places during a withdrawal changes the next one.
    function test_withdraw_holdPlacedByACallback() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        bytes32 role = payouts.COMPLIANCE_ROLE();
        vm.prank(ADMIN);
        payouts.grantRole(role, address(token));
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(payouts.placeHold, (CAROL, REASON, uint64(block.timestamp) + DAY));
        token.setReentry(address(payouts), calls);
        token.setMode(ALICE, HostileToken.Mode.Reenter);
        payouts.withdraw(w);
        vm.assertEq(token.reentrySuccesses(), 1);
        vm.assertTrue(payouts.isHeld(CAROL));
        _assertBalances(1, 20, 300);
        _assertBooks(w, 7, 0, 0);
    }

    /// @notice Whoever is held in two withdrawals, each line is paid once and the sums add up.
    function testFuzz_withdraw_conservesUnderHolds(
        uint64[8] memory lines,
        uint8 heldFirst,
        uint8 heldThen,
        uint8 refusing
    ) public {
        ILeafWithdrawals.Withdrawal memory w = _wide(lines);
        for (uint256 i = 0; i < 8; ++i) {
            if (_bit(refusing, i)) token.setMode(w.payees[i], HostileToken.Mode.Revert);
        }
        uint256 total = sumOf(w.amounts);
        activate(leafOf(w), total, total);
        _withdrawWhileHeld(w, heldFirst);
        uint256 openThen = _withdrawWhileHeld(w, heldThen);
        uint256 open = 0;
        for (uint256 i = 0; i < 8; ++i) {
            bool isOpen = _bit(heldFirst, i) && _bit(heldThen, i);
            if (isOpen) open += w.amounts[i];
            uint256 settled = isOpen ? 0 : w.amounts[i];
            uint256 waiting = payouts.unclaimed(w.payees[i], address(token));
            vm.assertEq(token.balanceOf(w.payees[i]) + waiting, settled);
            vm.assertTrue(_bit(refusing, i) || waiting == 0, "only refusals wait");
        }
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), open);
        vm.assertEq(openThen, open);
        vm.assertEq(payouts.accounted(address(token)), token.balanceOf(address(payouts)));
    }

    /* UNCLAIMED */

    function test_RevertWhen_unclaimedIsOfOrForAHeldAccount() public {
        _setBobAside();
        placeHold(BOB, DAY);
        uint64 expiresAt = payouts.heldUntil(BOB);
        vm.expectRevert(heldUntil(BOB, expiresAt));
        payouts.pushUnclaimed(BOB, address(token));
        vm.prank(BOB);
        vm.expectRevert(heldUntil(BOB, expiresAt));
        payouts.withdrawUnclaimed(address(token), CAROL);
        vm.prank(COMPLIANCE);
        payouts.liftHold(BOB);
        placeHold(CAROL, DAY);
        vm.prank(BOB);
        vm.expectRevert(heldUntil(CAROL, expiresAt));
        payouts.withdrawUnclaimed(address(token), CAROL);
        vm.prank(BOB);
        payouts.withdrawUnclaimed(address(token), ALICE);
        _assertBalances(21, 0, 300);
    }

    /* BUILDERS */

    function _wide(uint64[8] memory lines)
        private
        view
        returns (ILeafWithdrawals.Withdrawal memory w)
    {
        w = withdrawalOf(0, 0, 0);
        (w.payees, w.amounts) = (new address[](8), new uint256[](8));
        for (uint256 i = 0; i < 8; ++i) {
            (w.payees[i], w.amounts[i]) = (address(uint160(0xE000 + i)), uint256(lines[i]) + 1);
        }
    }

    function _bit(uint8 bits, uint256 place) private pure returns (bool) {
        return (bits >> place) & 1 == 1;
    }

    /// @dev Withdraws, or is refused, while `held` of the payees are held; answers what is left.
    function _withdrawWhileHeld(ILeafWithdrawals.Withdrawal memory w, uint8 held)
        private
        returns (uint256)
    {
        for (uint256 i = 0; i < 8; ++i) {
            if (_bit(held, i)) placeHold(w.payees[i], DAY);
        }
        try payouts.withdraw(w) {}
        catch (bytes memory reason) {
            vm.assertEq(bytes4(reason), ILeafWithdrawals.WithdrawalRefused.selector);
        }
        for (uint256 i = 0; i < 8; ++i) {
            if (!_bit(held, i)) continue;
            vm.prank(COMPLIANCE);
            payouts.liftHold(w.payees[i]);
        }
        return payouts.remaining(w.epoch, w.asset);
    }

    function _setBobAside() private {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        token.setMode(BOB, HostileToken.Mode.Revert);
        payouts.withdraw(w);
        token.setMode(BOB, HostileToken.Mode.Plain);
    }

    /* EXPECTATIONS */

    function _expectRefused(ILeafWithdrawals.Withdrawal memory w, ILeafWithdrawals.Refusal refusal)
        private
    {
        vm.expectRevert(refusedWith(refusal));
        payouts.withdraw(w);
    }

    function _assertBalances(uint256 alice, uint256 bob, uint256 carol) private view {
        vm.assertEq(token.balanceOf(ALICE), alice, "Alice");
        vm.assertEq(token.balanceOf(BOB), bob, "Bob");
        vm.assertEq(token.balanceOf(CAROL), carol, "Carol");
    }

    function _assertBooks(
        ILeafWithdrawals.Withdrawal memory w,
        uint256 lines,
        uint256 remaining,
        uint256 accounted
    ) private view {
        vm.assertEq(payouts.paidLines(w.epoch, w.workId, w.part, w.asset), lines, "lines");
        vm.assertEq(payouts.remaining(w.epoch, w.asset), remaining, "remaining");
        vm.assertEq(payouts.accounted(w.asset), accounted, "accounted");
        vm.assertEq(token.balanceOf(address(payouts)), accounted, "balance");
    }
}
