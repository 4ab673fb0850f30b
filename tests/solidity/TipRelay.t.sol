// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {ITipRelay} from "../../contracts/src/payouts/ITipRelay.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {HostileReceiver} from "./mocks/HostileReceiver.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: TipRelay.tree. Terms of the fee: FeeSchedule.t.sol.
contract TipRelayTest is LinesFixture {
    /* TIPS */

    function test_tip_isOwedInFullAndTheFeeIsOnTop() public {
        bytes32 opId = OperationLib.operationId(
            block.chainid, address(relay), keccak256("TIP"), bytes32(0), 0
        );
        vm.expectEmit(address(relay));
        emit ITipRelay.TipReceived(ORDER, ALICE, FAN, opId, 0, 1 ether, 0.05 ether);
        vm.prank(FAN);
        uint256 number = relay.tip{value: 1.05 ether}(ALICE, ORDER, 1 ether);
        vm.assertEq(number, 0);
        vm.assertEq(relay.owed(), 1 ether);
        vm.assertEq(relay.fees(), 0.05 ether);
        vm.assertEq(relay.tipCount(), 1);
        vm.assertTrue(relay.isOrderPaid(FAN, ORDER));
        (address creator, uint96 amount) = relay.tipOf(0);
        vm.assertEq(creator, ALICE);
        vm.assertEq(amount, 1 ether);
        vm.assertEq(ALICE.balance, 0);
    }

    function test_tip_numbersAreDense() public {
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertEq(tip(ALICE, i, uint96(i + 1)), i);
        }
        vm.assertEq(relay.tipCount(), 5);
        vm.assertEq(relay.owed(), 15);
    }

    function test_tip_orderIsPaidOnceByEachPayer() public {
        tip(ALICE, 7, 100);
        vm.expectRevert(
            abi.encodeWithSelector(ITipRelay.OrderAlreadyPaid.selector, FAN, bytes32(uint256(7)))
        );
        vm.prank(FAN);
        relay.tip{value: 100 + FEE_MINIMUM}(BOB, bytes32(uint256(7)), 100);
        vm.deal(STRANGER, 1 ether);
        vm.prank(STRANGER);
        relay.tip{value: 100 + FEE_MINIMUM}(BOB, bytes32(uint256(7)), 100);
        vm.assertEq(relay.tipCount(), 2);
        vm.assertTrue(relay.isOrderPaid(STRANGER, bytes32(uint256(7))));
    }

    function test_tip_payerIsTheAccountThatSendsNotTheSigner() public {
        vm.deal(address(receiver), 1 ether);
        bytes memory data = abi.encodeCall(relay.tip, (ALICE, ORDER, 100));
        vm.prank(FAN);
        receiver.execute(address(relay), 100 + FEE_MINIMUM, data);
        vm.assertTrue(relay.isOrderPaid(address(receiver), ORDER));
        vm.assertFalse(relay.isOrderPaid(FAN, ORDER));
    }

    function test_RevertWhen_paymentIsInexact() public {
        uint256 exact = 100 + FEE_MINIMUM;
        uint256[4] memory values = [exact - 1, exact + 1, 100, 0];
        for (uint256 i = 0; i < values.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ITipRelay.InexactPayment.selector, values[i], exact)
            );
            vm.prank(FAN);
            relay.tip{value: values[i]}(ALICE, ORDER, 100);
        }
    }

    function test_RevertWhen_tipIsOfNothing() public {
        vm.expectRevert(abi.encodeWithSelector(ITipRelay.TipOfNothing.selector));
        vm.prank(FAN);
        relay.tip{value: FEE_MINIMUM}(ALICE, ORDER, 0);
    }

    function test_RevertWhen_creatorCannotBePaid() public {
        address[2] memory creators = [address(0), address(relay)];
        for (uint256 i = 0; i < creators.length; ++i) {
            vm.expectRevert(invalidRecipient(creators[i]));
            vm.prank(FAN);
            relay.tip{value: 100 + FEE_MINIMUM}(creators[i], ORDER, 100);
        }
    }

    function test_RevertWhen_coinsComeBare() public {
        vm.prank(FAN);
        (bool sent,) = address(relay).call{value: 1 ether}("");
        vm.assertFalse(sent);
        vm.prank(FAN);
        (sent,) = address(relay).call{value: 1 ether}("0123");
        vm.assertFalse(sent);
    }

    function test_RevertWhen_paused() public {
        tip(ALICE, 1, 100);
        pause(relay);
        vm.expectRevert(isPaused());
        vm.prank(FAN);
        relay.tip{value: 100 + FEE_MINIMUM}(ALICE, ORDER, 100);
        vm.expectRevert(isPaused());
        payTips(numbers(0));
        vm.expectRevert(isPaused());
        relay.withdrawFees();
        vm.expectRevert(isPaused());
        relay.pushUnclaimed(ALICE, NATIVE);
    }

    /// @notice The sum that is owed and the fee never mix, whatever is tipped.
    function testFuzz_tip_isOwedInFull(uint96[6] memory amounts) public {
        uint256 owed = 0;
        uint256 fees = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            amounts[i] = 1 + amounts[i] % 1e28;
            fees += relay.feeOf(amounts[i]);
            owed += amounts[i];
            vm.deal(FAN, amounts[i] + relay.feeOf(amounts[i]));
            tip(ALICE, i, amounts[i]);
        }
        vm.assertEq(relay.owed(), owed);
        vm.assertEq(relay.fees(), fees);
        vm.assertEq(address(relay).balance, owed + fees);
        payTips(numbers(0, 1, 2));
        payTips(numbers(3, 4, 5));
        vm.assertEq(ALICE.balance, owed);
        vm.assertEq(relay.owed(), 0);
        vm.assertEq(address(relay).balance, fees);
    }

    /* PAYMENT */

    function test_payTips_paysWhatWasTipped() public {
        _tipThree();
        bytes32 opId = relay.operationIdOf(bytes32(0), 1);
        vm.expectEmit(address(relay));
        emit ILinePayments.LinePaid(opId, bytes32(0), BOB, 1, NATIVE, 20);
        payTips(numbers(0, 1, 2));
        vm.assertEq(ALICE.balance, 10);
        vm.assertEq(BOB.balance, 20);
        vm.assertEq(CAROL.balance, 30);
        vm.assertEq(relay.owed(), 0);
        vm.assertEq(relay.settledLines(bytes32(0), 0), 7);
        vm.assertEq(address(relay).balance, relay.fees());
    }

    function test_payTips_settledIsSkipped() public {
        _tipThree();
        payTips(numbers(1));
        bytes32 opId = relay.operationIdOf(bytes32(0), 1);
        vm.expectEmit(address(relay));
        emit ILinePayments.LineSkipped(
            opId, bytes32(0), BOB, 1, NATIVE, 20, uint8(ILinePayments.SkipReason.Settled)
        );
        payTips(numbers(0, 1, 1));
        vm.assertEq(BOB.balance, 20);
        vm.assertEq(relay.owed(), 30);
    }

    function test_payTips_unknownIsSkippedAndStaysOpen() public {
        _tipThree();
        bytes32 opId = relay.operationIdOf(bytes32(0), 3);
        vm.expectEmit(address(relay));
        emit ILinePayments.LineSkipped(
            opId, bytes32(0), address(0), 3, NATIVE, 0, uint8(ILinePayments.SkipReason.Malformed)
        );
        payTips(numbers(3, type(uint256).max, 0));
        vm.assertEq(ALICE.balance, 10);
        tip(CAROL, 9, 40);
        payTips(numbers(3));
        vm.assertEq(CAROL.balance, 40);
    }

    function test_payTips_heldCreatorWaits() public {
        _tipThree();
        placeHold(relay, BOB, 100);
        payTips(numbers(0, 1, 2));
        vm.assertEq(BOB.balance, 0);
        vm.assertEq(relay.unclaimed(BOB, NATIVE), 0);
        vm.assertEq(relay.owed(), 20);
        vm.warp(block.timestamp + 100);
        payTips(numbers(1));
        vm.assertEq(BOB.balance, 20);
        vm.assertEq(relay.owed(), 0);
    }

    function test_payTips_refusedIsUnclaimedAndNotOwed() public {
        tip(address(receiver), 0, 10);
        tip(ALICE, 1, 20);
        receiver.setMode(HostileReceiver.Mode.RevertBomb);
        payTips(numbers(0, 1, 1));
        vm.assertEq(relay.owed(), 0);
        vm.assertEq(relay.unclaimed(address(receiver), NATIVE), 10);
        vm.assertEq(relay.unclaimedTotal(NATIVE), 10);
        vm.assertEq(ALICE.balance, 20);
        vm.assertEq(address(relay).balance, 10 + relay.fees());
        receiver.execute(
            address(relay), 0, abi.encodeCall(relay.withdrawUnclaimed, (NATIVE, CAROL))
        );
        vm.assertEq(CAROL.balance, 10);
        vm.assertEq(relay.unclaimedTotal(NATIVE), 0);
    }

    function test_payTips_receiverCannotCallBack() public {
        tip(address(receiver), 0, 10);
        tip(address(receiver), 1, 20);
        _grantOperator(address(receiver));
        receiver.setCallback(address(relay), abi.encodeCall(relay.payTips, (numbers(1))));
        payTips(numbers(0));
        vm.assertEq(relay.unclaimed(address(receiver), NATIVE), 10);
        vm.assertFalse(relay.isSettled(bytes32(0), 1));
        receiver.setCallback(address(relay), abi.encodeCall(relay.withdrawFees, ()));
        payTips(numbers(1));
        vm.assertEq(relay.unclaimed(address(receiver), NATIVE), 30);
        vm.assertEq(relay.fees(), 2 * uint256(FEE_MINIMUM));
        vm.assertEq(relay.owed(), 0);
    }

    /// @notice Every entry is closed to a callback, also those that anybody may call.
    function test_everyEntry_refusesReentry() public {
        tip(ALICE, 0, 10);
        receiver.setMode(HostileReceiver.Mode.Revert);
        tip(address(receiver), 1, 20);
        payTips(numbers(1));
        receiver.setMode(HostileReceiver.Mode.Plain);
        vm.deal(address(receiver), 1 ether);
        _grantOperator(address(receiver));
        bytes[5] memory calls = [
            abi.encodeCall(relay.tip, (ALICE, ORDER, 100)),
            abi.encodeCall(relay.payTips, (numbers(0))),
            abi.encodeCall(relay.withdrawFees, ()),
            abi.encodeCall(relay.pushUnclaimed, (address(receiver), NATIVE)),
            abi.encodeCall(relay.withdrawUnclaimed, (NATIVE, ALICE))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes memory reason =
                abi.encodeWithSelector(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
            receiver.setCallback(
                address(receiver),
                abi.encodeCall(
                    receiver.expectRefusal, (address(relay), i == 0 ? 1 : 0, calls[i], reason)
                )
            );
            uint256 snapshot = vm.snapshotState();
            relay.pushUnclaimed(address(receiver), NATIVE);
            vm.assertEq(relay.unclaimedTotal(NATIVE), 0);
            vm.revertToState(snapshot);
        }
    }

    function test_RevertWhen_callerIsNotTheOperator() public {
        _tipThree();
        bytes memory reason = missingRole(ADMIN, relay.OPERATOR_ROLE());
        vm.expectRevert(reason);
        vm.prank(ADMIN);
        relay.payTips(numbers(0));
    }

    function test_payTips_starvedReceiverNeverLooksLikeRefusal() public {
        receiver.setMode(HostileReceiver.Mode.BurnThenAccept);
        tip(address(receiver), 0, 10);
        uint256 succeeded = 0;
        for (uint256 limit = 60_000; limit < 240_000; limit += 500) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(OPERATOR);
            try relay.payTips{gas: limit}(numbers(0)) {
                vm.assertEq(address(receiver).balance, 10);
                ++succeeded;
            } catch {}
            vm.revertToState(snapshot);
        }
        vm.assertGt(succeeded, 50, "some calls had enough gas");
        vm.assertGt(360 - succeeded, 50, "some calls had too little");
    }

    /* FEES */

    function test_withdrawFees_goToTheTreasuryWhoeverAsks() public {
        _tipThree();
        uint256 fees = 3 * uint256(FEE_MINIMUM);
        vm.expectEmit(address(relay));
        emit ITipRelay.FeesWithdrawn(TREASURY, fees);
        vm.prank(STRANGER);
        relay.withdrawFees();
        vm.assertEq(TREASURY.balance, fees);
        vm.assertEq(relay.fees(), 0);
        vm.assertEq(address(relay).balance, relay.owed());
        vm.expectRevert(abi.encodeWithSelector(ITipRelay.NoFees.selector));
        relay.withdrawFees();
    }

    function test_RevertWhen_treasuryIsHeld() public {
        _tipThree();
        placeHold(relay, TREASURY, 100);
        vm.expectRevert(heldUntil(TREASURY, block.timestamp + 100));
        relay.withdrawFees();
    }

    function _tipThree() private {
        tip(ALICE, 0, 10);
        tip(BOB, 1, 20);
        tip(CAROL, 2, 30);
    }

    function _grantOperator(address account) private {
        bytes32 role = relay.OPERATOR_ROLE();
        vm.prank(ADMIN);
        relay.grantRole(role, account);
    }
}
