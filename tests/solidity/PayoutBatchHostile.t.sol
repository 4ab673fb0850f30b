// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {Isolated} from "../../contracts/src/settlement/Isolated.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {HostileReceiver} from "./mocks/HostileReceiver.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {vm} from "./Vm.sol";

/// @notice Payees and tokens that refuse, burn, bomb and call back; and what becomes of the money.
contract PayoutBatchHostileTest is LinesFixture {
    /* REFUSALS */

    function test_payBatch_refusedByTheTokenIsUnclaimed() public {
        for (uint8 mode = 1; mode <= uint8(HostileToken.Mode.RevertBomb); ++mode) {
            if (mode == uint8(HostileToken.Mode.AnswerNothing)) continue;
            token.setMode(BOB, HostileToken.Mode(mode));
            uint256 first = uint256(mode) * 3;
            _expectUnclaimed(address(token), first + 1, BOB, 20);
            pay(address(token), _threeFrom(first, BOB));
            vm.assertEq(token.balanceOf(ALICE), 10 * (batch.unclaimed(BOB, address(token)) / 20));
        }
        vm.assertEq(batch.unclaimed(BOB, address(token)), 20 * 7);
        vm.assertEq(batch.unclaimedTotal(address(token)), 20 * 7);
        vm.assertEq(token.balanceOf(BOB), 0);
        vm.assertEq(token.balanceOf(CAROL), 30 * 7);
    }

    function test_payBatch_tokenThatAnswersNothingPays() public {
        token.setMode(BOB, HostileToken.Mode.AnswerNothing);
        pay(address(token), three(10, 20, 30));
        vm.assertEq(token.balanceOf(BOB), 20);
        vm.assertEq(batch.unclaimedTotal(address(token)), 0);
    }

    function test_payBatch_refusedByTheReceiverIsUnclaimed() public {
        uint256 refusals = 0;
        for (uint8 mode = 1; mode <= uint8(HostileReceiver.Mode.RevertBomb); ++mode) {
            if (mode == uint8(HostileReceiver.Mode.ReturnBomb)) continue;
            receiver.setMode(HostileReceiver.Mode(mode));
            uint256 first = uint256(mode) * 3;
            _expectUnclaimed(NATIVE, first + 1, address(receiver), 20);
            pay(NATIVE, _threeFrom(first, address(receiver)));
            ++refusals;
            vm.assertEq(ALICE.balance, 10 * refusals);
            vm.assertEq(CAROL.balance, 30 * refusals);
        }
        vm.assertEq(refusals, 3);
        vm.assertEq(batch.unclaimed(address(receiver), NATIVE), 20 * refusals);
        vm.assertEq(batch.unclaimedTotal(NATIVE), 20 * refusals);
        vm.assertEq(address(receiver).balance, 0);
    }

    function test_payBatch_bombAsAnAnswerIsIgnored() public {
        receiver.setMode(HostileReceiver.Mode.ReturnBomb);
        uint256 gasBefore = gasleft();
        pay(NATIVE, one(0, address(receiver), 20));
        vm.assertLe(gasBefore - gasleft(), 120_000, "bomb is not copied");
        vm.assertEq(address(receiver).balance, 20);
    }

    function test_payBatch_receiverMayUseFiftyThousandGas() public {
        receiver.setMode(HostileReceiver.Mode.BurnThenAccept);
        pay(NATIVE, one(0, address(receiver), 20));
        vm.assertEq(address(receiver).balance, 20);
    }

    function test_payBatch_burnersCostNoMoreThanTheirCaps() public {
        token.setMode(BOB, HostileToken.Mode.BurnGas);
        uint256 gasBefore = gasleft();
        pay(address(token), one(0, BOB, 20));
        vm.assertLe(gasBefore - gasleft(), 150_000 + 110_000, "token");
        receiver.setMode(HostileReceiver.Mode.BurnGas);
        gasBefore = gasleft();
        pay(NATIVE, one(1, address(receiver), 20));
        vm.assertLe(gasBefore - gasleft(), 50_000 + 120_000, "receiver");
    }

    function test_payBatch_refusedLineIsNeverPaidAgain() public {
        token.setMode(BOB, HostileToken.Mode.Revert);
        pay(address(token), three(10, 20, 30));
        token.setMode(BOB, HostileToken.Mode.Plain);
        expectSkip(address(token), 1, BOB, 20, ILinePayments.SkipReason.Settled);
        pay(address(token), one(1, BOB, 20));
        vm.assertEq(token.balanceOf(BOB), 0);
    }

    function test_RevertWhen_onlyUnclaimedMoneyWouldCover() public {
        token.setMode(BOB, HostileToken.Mode.Revert);
        pay(address(token), one(0, BOB, FLOAT - 5));
        vm.expectRevert(
            abi.encodeWithSelector(
                IPayoutBatch.BalanceTooLow.selector, address(token), uint256(5), uint256(6)
            )
        );
        pay(address(token), one(1, ALICE, 6));
        pay(address(token), one(1, ALICE, 5));
    }

    /// @notice In one batch, too: what was set aside before a line does not cover it.
    function test_RevertWhen_refusedMoneyOfTheSameBatchWouldCover() public {
        token.setMode(ALICE, HostileToken.Mode.Revert);
        vm.expectPartialRevert(IPayoutBatch.BalanceTooLow.selector);
        pay(address(token), three(FLOAT - 5, 4, 2));
    }

    /* GAS LIMITS */

    /// @notice Whatever gas the transaction has, a payee that would accept is paid, or nothing
    /// happens at all.
    function test_payBatch_starvedTokenNeverLooksLikeRefusal() public {
        token.setMode(ALICE, HostileToken.Mode.BurnThenPay);
        token.setMode(CAROL, HostileToken.Mode.BurnThenPay);
        _sweep(address(token), three(10, 20, 30), 100_000, 700_000, 1_500);
    }

    function test_payBatch_starvedReceiverNeverLooksLikeRefusal() public {
        receiver.setMode(HostileReceiver.Mode.BurnThenAccept);
        IPayoutBatch.Payment[] memory payments = three(10, 20, 30);
        payments[0].payee = address(receiver);
        payments[2].payee = address(receiver);
        _sweep(NATIVE, payments, 60_000, 360_000, 750);
    }

    function test_RevertWhen_gasIsBelowTheAllowance() public {
        vm.expectPartialRevert(Isolated.InsufficientGas.selector);
        vm.prank(OPERATOR);
        batch.payBatch{gas: 120_000}(LIST, address(token), one(0, ALICE, 10));
        vm.expectPartialRevert(Isolated.InsufficientGas.selector);
        vm.prank(OPERATOR);
        batch.payBatch{gas: 90_000}(LIST, NATIVE, one(0, ALICE, 10));
    }

    /* RE-ENTRY */

    function test_reentry_ofTheTokenIsRefused() public {
        token.setMode(BOB, HostileToken.Mode.Revert);
        pay(address(token), one(9, BOB, 50));
        _grantOperator(address(token));
        _assertTokenReentryRefused(abi.encodeCall(batch.pushUnclaimed, (BOB, address(token))));
        _assertTokenReentryRefused(abi.encodeCall(batch.withdrawUnclaimed, (address(token), BOB)));
        _assertTokenReentryRefused(
            abi.encodeCall(batch.payBatch, (LIST, address(token), one(0, CAROL, 10)))
        );
    }

    function test_reentry_ofTheReceiverIsRefused() public {
        _grantOperator(address(receiver));
        receiver.setCallback(
            address(batch), abi.encodeCall(batch.payBatch, (LIST, NATIVE, one(1, BOB, 10)))
        );
        pay(NATIVE, one(0, address(receiver), 10));
        vm.assertEq(batch.unclaimed(address(receiver), NATIVE), 10);
        vm.assertFalse(batch.isSettled(LIST, 1));
        bytes memory push = abi.encodeCall(batch.pushUnclaimed, (address(receiver), NATIVE));
        receiver.setCallback(address(batch), push);
        vm.expectPartialRevert(HostileReceiver.Refused.selector);
        batch.pushUnclaimed(address(receiver), NATIVE);
        vm.assertEq(batch.unclaimed(address(receiver), NATIVE), 10);
    }

    /* UNCLAIMED MONEY */

    function test_pushUnclaimed_paysThePayeeWhoeverAsks() public {
        _refuseTo(BOB);
        vm.expectEmit(address(batch));
        emit ILinePayments.UnclaimedWithdrawn(BOB, address(token), BOB, 20);
        vm.prank(STRANGER);
        batch.pushUnclaimed(BOB, address(token));
        vm.assertEq(token.balanceOf(BOB), 20);
        vm.assertEq(batch.unclaimedTotal(address(token)), 0);
        vm.expectRevert(nothingUnclaimed(BOB, address(token)));
        batch.pushUnclaimed(BOB, address(token));
    }

    function test_withdrawUnclaimed_goesWhereThePayeeSays() public {
        receiver.setMode(HostileReceiver.Mode.Revert);
        pay(NATIVE, one(0, address(receiver), 20));
        receiver.execute(
            address(batch), 0, abi.encodeCall(batch.withdrawUnclaimed, (NATIVE, CAROL))
        );
        vm.assertEq(CAROL.balance, 20);
        vm.assertEq(batch.unclaimedTotal(NATIVE), 0);
        vm.assertEq(address(batch).balance, FLOAT - 20);
        vm.expectRevert(nothingUnclaimed(CAROL, NATIVE));
        vm.prank(CAROL);
        batch.withdrawUnclaimed(NATIVE, BOB);
    }

    function test_RevertWhen_payeeOrRecipientIsHeld() public {
        _refuseTo(BOB);
        placeHold(batch, BOB, 100);
        bytes memory bobHeld = heldUntil(BOB, block.timestamp + 100);
        vm.expectRevert(bobHeld);
        batch.pushUnclaimed(BOB, address(token));
        vm.expectRevert(bobHeld);
        vm.prank(BOB);
        batch.withdrawUnclaimed(address(token), CAROL);
        vm.prank(COMPLIANCE);
        batch.liftHold(BOB);
        placeHold(batch, CAROL, 100);
        vm.expectRevert(heldUntil(CAROL, block.timestamp + 100));
        vm.prank(BOB);
        batch.withdrawUnclaimed(address(token), CAROL);
        batch.pushUnclaimed(BOB, address(token));
        vm.assertEq(token.balanceOf(BOB), 20);
    }

    function test_RevertWhen_recipientIsInvalid() public {
        _refuseTo(BOB);
        address[3] memory recipients = [address(0), address(token), address(batch)];
        for (uint256 i = 0; i < recipients.length; ++i) {
            vm.expectRevert(invalidRecipient(recipients[i]));
            vm.prank(BOB);
            batch.withdrawUnclaimed(address(token), recipients[i]);
        }
    }

    function test_RevertWhen_tokenOrReceiverStillRefuses() public {
        token.setMode(BOB, HostileToken.Mode.Revert);
        pay(address(token), one(0, BOB, 20));
        vm.expectPartialRevert(HostileToken.Refused.selector);
        batch.pushUnclaimed(BOB, address(token));
        receiver.setMode(HostileReceiver.Mode.Revert);
        pay(NATIVE, one(1, address(receiver), 20));
        vm.expectPartialRevert(HostileReceiver.Refused.selector);
        batch.pushUnclaimed(address(receiver), NATIVE);
        vm.assertEq(batch.unclaimed(BOB, address(token)), 20);
        vm.assertEq(batch.unclaimed(address(receiver), NATIVE), 20);
    }

    function test_RevertWhen_unclaimedMoneyIsAskedForWhilePaused() public {
        _refuseTo(BOB);
        pause(batch);
        vm.expectRevert(isPaused());
        batch.pushUnclaimed(BOB, address(token));
        vm.expectRevert(isPaused());
        vm.prank(BOB);
        batch.withdrawUnclaimed(address(token), CAROL);
    }

    /* HELPERS */

    /// @dev Three lines from `first` on, of which the middle one is 20 for `payee`.
    function _threeFrom(uint256 first, address payee)
        private
        pure
        returns (IPayoutBatch.Payment[] memory payments)
    {
        payments = three(10, 20, 30);
        payments[1].payee = payee;
        for (uint256 i = 0; i < 3; ++i) {
            payments[i].index = first + i;
        }
    }

    function _expectUnclaimed(address asset, uint256 index, address payee, uint256 amount) private {
        bytes32 opId = batch.operationIdOf(LIST, index);
        vm.expectEmit(address(batch));
        emit ILinePayments.LineUnclaimed(opId, LIST, payee, index, asset, amount);
    }

    /// @dev Leaves 20 unclaimed for a payee who accepts from now on.
    function _refuseTo(address payee) private {
        token.setMode(payee, HostileToken.Mode.Revert);
        pay(address(token), one(0, payee, 20));
        token.setMode(payee, HostileToken.Mode.Plain);
    }

    function _grantOperator(address account) private {
        bytes32 role = batch.OPERATOR_ROLE();
        vm.prank(ADMIN);
        batch.grantRole(role, account);
    }

    function _assertTokenReentryRefused(bytes memory data) private {
        token = new HostileToken();
        token.mint(address(batch), FLOAT);
        _grantOperator(address(token));
        bytes[] memory calls = new bytes[](1);
        calls[0] = data;
        token.setReentry(address(batch), calls);
        token.setMode(ALICE, HostileToken.Mode.Reenter);
        uint256 index = uint256(keccak256(data));
        pay(address(token), one(index, ALICE, 10));
        vm.assertEq(token.balanceOf(ALICE), 10);
        vm.assertEq(token.reentrySuccesses(), 0);
        vm.assertEq(
            token.reentryAnswers(0),
            abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector)
        );
    }

    function _sweep(
        address asset,
        IPayoutBatch.Payment[] memory payments,
        uint256 lowest,
        uint256 highest,
        uint256 step
    ) private {
        uint256 succeeded = 0;
        uint256 failed = 0;
        for (uint256 limit = lowest; limit < highest; limit += step) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(OPERATOR);
            try batch.payBatch{gas: limit}(LIST, asset, payments) {
                vm.assertEq(batch.unclaimedTotal(asset), 0, "nobody is shown as refusing");
                vm.assertEq(batch.settledLines(LIST, 0), 7, "all are paid");
                ++succeeded;
            } catch {
                vm.assertEq(batch.settledLines(LIST, 0), 0, "nothing happened");
                ++failed;
            }
            vm.revertToState(snapshot);
        }
        vm.assertGt(succeeded, 50, "some calls had enough gas");
        vm.assertGt(failed, 50, "some calls had too little");
    }
}
