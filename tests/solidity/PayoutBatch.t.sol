// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: PayoutBatch.tree. Hostile payees and tokens: PayoutBatchHostile.t.sol.
contract PayoutBatchTest is LinesFixture {
    bytes32 private constant OTHER_LIST = keccak256("another list");
    /// @dev Of `_settledLines`; contracts that prove state look there.
    uint256 private constant SETTLED_LINES_POSITION = 3;

    /* PAYMENT */

    function test_payBatch_paysEveryLine() public {
        pay(address(token), three(10, 20, 30));
        vm.assertEq(token.balanceOf(ALICE), 10);
        vm.assertEq(token.balanceOf(BOB), 20);
        vm.assertEq(token.balanceOf(CAROL), 30);
        vm.assertEq(token.balanceOf(address(batch)), FLOAT - 60);
        vm.assertEq(batch.settledLines(LIST, 0), 7);
        vm.assertEq(batch.unclaimedTotal(address(token)), 0);
    }

    function test_payBatch_native() public {
        pay(NATIVE, three(10, 20, 30));
        vm.assertEq(ALICE.balance, 10);
        vm.assertEq(BOB.balance, 20);
        vm.assertEq(CAROL.balance, 30);
        vm.assertEq(address(batch).balance, FLOAT - 60);
        vm.assertEq(batch.settledLines(LIST, 0), 7);
    }

    function test_payBatch_emitsWhatItPaid() public {
        bytes32 opId =
            OperationLib.operationId(block.chainid, address(batch), keccak256("PAYOUT"), LIST, 9);
        vm.assertEq(batch.operationIdOf(LIST, 9), opId);
        vm.expectEmit(address(batch));
        emit ILinePayments.LinePaid(opId, LIST, ALICE, 9, address(token), 10);
        pay(address(token), one(9, ALICE, 10));
    }

    function test_payBatch_ofNothing() public {
        pay(address(token), new IPayoutBatch.Payment[](0));
        vm.assertEq(token.balanceOf(address(batch)), FLOAT);
    }

    function test_operationId_namesChainContractListAndLine() public {
        bytes32 opId = batch.operationIdOf(LIST, 0);
        vm.assertNotEq(batch.operationIdOf(LIST, 1), opId);
        vm.assertNotEq(batch.operationIdOf(OTHER_LIST, 0), opId);
        vm.assertNotEq(relay.operationIdOf(LIST, 0), opId);
        vm.chainId(block.chainid + 1);
        vm.assertNotEq(batch.operationIdOf(LIST, 0), opId);
    }

    /* ONCE */

    function test_payBatch_settledLineIsSkippedWhateverItSays() public {
        pay(address(token), one(5, ALICE, 10));
        expectSkip(address(token), 5, ALICE, 10, ILinePayments.SkipReason.Settled);
        pay(address(token), one(5, ALICE, 10));
        expectSkip(address(token), 5, BOB, 11, ILinePayments.SkipReason.Settled);
        pay(address(token), one(5, BOB, 11));
        expectSkip(NATIVE, 5, ALICE, 10, ILinePayments.SkipReason.Settled);
        pay(NATIVE, one(5, ALICE, 10));
        vm.assertEq(token.balanceOf(address(batch)), FLOAT - 10);
        vm.assertEq(address(batch).balance, FLOAT);
        vm.assertEq(token.balanceOf(BOB), 0);
    }

    function test_payBatch_lineTwiceInOneBatchIsPaidOnce() public {
        IPayoutBatch.Payment[] memory payments = three(10, 20, 30);
        payments[2] = payments[0];
        expectSkip(address(token), 0, ALICE, 10, ILinePayments.SkipReason.Settled);
        pay(address(token), payments);
        vm.assertEq(token.balanceOf(ALICE), 10);
        vm.assertEq(token.balanceOf(BOB), 20);
    }

    function test_payBatch_replannedBatchPaysOnlyWhatIsOpen() public {
        pay(address(token), one(1, BOB, 20));
        pay(address(token), three(10, 20, 30));
        vm.assertEq(token.balanceOf(ALICE), 10);
        vm.assertEq(token.balanceOf(BOB), 20);
        vm.assertEq(token.balanceOf(CAROL), 30);
    }

    function test_payBatch_listsAreIndependent() public {
        pay(address(token), one(5, ALICE, 10));
        vm.assertFalse(batch.isSettled(OTHER_LIST, 5));
        vm.prank(OPERATOR);
        batch.payBatch(OTHER_LIST, address(token), one(5, ALICE, 10));
        vm.assertEq(token.balanceOf(ALICE), 20);
    }

    function test_payBatch_everyIndexHasABitOfItsOwn() public {
        uint256[5] memory indexes = [0, 255, 256, type(uint256).max - 255, type(uint256).max];
        for (uint256 i = 0; i < indexes.length; ++i) {
            vm.assertFalse(batch.isSettled(LIST, indexes[i]));
            pay(address(token), one(indexes[i], ALICE, 10));
            vm.assertTrue(batch.isSettled(LIST, indexes[i]));
            vm.assertEq(token.balanceOf(ALICE), 10 * (i + 1));
        }
        vm.assertEq(batch.settledLines(LIST, 0), 1 | 1 << 255);
        vm.assertEq(batch.settledLines(LIST, 1), 1);
        vm.assertEq(batch.settledLines(LIST, type(uint256).max >> 8), 1 | 1 << 255);
    }

    /// @notice Two lines never share a bit, and no line is refused because of another.
    function testFuzz_payBatch_settlesItsLineAlone(bytes32 list, uint256 index, uint256 other)
        public
    {
        vm.assume(index != other);
        vm.prank(OPERATOR);
        batch.payBatch(list, address(token), one(index, ALICE, 10));
        vm.assertTrue(batch.isSettled(list, index));
        vm.assertFalse(batch.isSettled(list, other));
        vm.assertFalse(batch.isSettled(~list, index));
    }

    /// @notice Whatever is asked for, in two batches, a line is paid what it was first asked for.
    function testFuzz_payBatch_paysTheFirstOfEachLine(uint8[24] memory indexes, uint8 cut) public {
        uint256 size = 1 + cut % 23;
        IPayoutBatch.Payment[] memory first = new IPayoutBatch.Payment[](size);
        IPayoutBatch.Payment[] memory second = new IPayoutBatch.Payment[](24 - size);
        uint256 seen = 0;
        uint256 expected = 0;
        for (uint256 i = 0; i < 24; ++i) {
            uint256 index = indexes[i] % 12;
            IPayoutBatch.Payment memory payment = IPayoutBatch.Payment(index, ALICE, i + 1);
            if (i < size) first[i] = payment;
            else second[i - size] = payment;
            if (seen & 1 << index == 0) expected += i + 1;
            seen |= 1 << index;
        }
        pay(address(token), first);
        pay(address(token), second);
        vm.assertEq(token.balanceOf(ALICE), expected);
        vm.assertEq(batch.settledLines(LIST, 0), seen);
    }

    /* SKIPPED, OPEN */

    function test_payBatch_malformedLineStaysOpen() public {
        _assertMalformed(address(token), address(0), 10);
        _assertMalformed(address(token), address(token), 10);
        _assertMalformed(address(token), address(batch), 10);
        _assertMalformed(address(token), ALICE, 0);
        _assertMalformed(NATIVE, address(0), 10);
        _assertMalformed(NATIVE, address(batch), 10);
        _assertMalformed(NATIVE, ALICE, 0);
        pay(address(token), one(0, ALICE, 10));
        vm.assertEq(token.balanceOf(ALICE), 10);
    }

    function test_payBatch_malformedLineStopsNoOther() public {
        IPayoutBatch.Payment[] memory payments = three(10, 0, 30);
        pay(address(token), payments);
        vm.assertEq(batch.settledLines(LIST, 0), 5);
        vm.assertEq(token.balanceOf(CAROL), 30);
    }

    function test_payBatch_heldLineStaysOpenUntilTheHoldEnds() public {
        placeHold(batch, BOB, 100);
        expectSkip(address(token), 1, BOB, 20, ILinePayments.SkipReason.PayeeHeld);
        pay(address(token), three(10, 20, 30));
        vm.assertEq(batch.settledLines(LIST, 0), 5);
        vm.assertEq(batch.unclaimed(BOB, address(token)), 0);
        vm.warp(block.timestamp + 99);
        pay(address(token), three(10, 20, 30));
        vm.assertEq(token.balanceOf(BOB), 0);
        vm.warp(block.timestamp + 1);
        pay(address(token), three(10, 20, 30));
        vm.assertEq(token.balanceOf(BOB), 20);
        vm.assertEq(token.balanceOf(address(batch)), FLOAT - 60);
    }

    function test_payBatch_nativeBindsHoldsToo() public {
        placeHold(batch, BOB, 100);
        pay(NATIVE, three(10, 20, 30));
        vm.assertEq(BOB.balance, 0);
        vm.assertEq(batch.unclaimed(BOB, NATIVE), 0);
    }

    function test_payBatch_settledIsSaidBeforeHeld() public {
        pay(address(token), one(0, ALICE, 10));
        placeHold(batch, ALICE, 100);
        expectSkip(address(token), 0, ALICE, 10, ILinePayments.SkipReason.Settled);
        pay(address(token), one(0, ALICE, 10));
    }

    /* REFUSED AS A WHOLE */

    function test_RevertWhen_callerIsNotTheOperator() public {
        bytes memory reason = missingRole(ADMIN, batch.OPERATOR_ROLE());
        vm.expectRevert(reason);
        vm.prank(ADMIN);
        batch.payBatch(LIST, address(token), three(10, 20, 30));
    }

    function test_RevertWhen_paused() public {
        pause(batch);
        vm.expectRevert(isPaused());
        pay(address(token), three(10, 20, 30));
    }

    function test_RevertWhen_assetHasNoCode() public {
        vm.expectRevert(abi.encodeWithSelector(IPayoutBatch.NotAContract.selector, STRANGER));
        pay(STRANGER, three(10, 20, 30));
    }

    function test_RevertWhen_balanceDoesNotCoverTheBatch() public {
        _assertTooLow(address(token), three(1, FLOAT, 1), FLOAT - 1, FLOAT);
        _assertTooLow(NATIVE, three(1, FLOAT, 1), FLOAT - 1, FLOAT);
        vm.assertEq(token.balanceOf(ALICE), 0);
        vm.assertEq(batch.settledLines(LIST, 0), 0);
        pay(address(token), three(1, FLOAT - 2, 1));
        vm.assertEq(token.balanceOf(address(batch)), 0);
    }

    function test_payBatch_skippedLinesNeedNoCover() public {
        pay(address(token), three(10, FLOAT - 40, 30));
        pay(address(token), three(10, FLOAT - 40, 30));
        placeHold(batch, ALICE, 100);
        pay(address(token), one(3, ALICE, 10));
        vm.assertFalse(batch.isSettled(LIST, 3));
    }

    /* SETUP */

    function test_float_isFilledByAnybodyAlsoWhilePaused() public {
        pause(batch);
        vm.expectEmit(address(batch));
        emit IPayoutBatch.FloatReceived(FAN, 5);
        vm.prank(FAN);
        (bool sent,) = address(batch).call{value: 5}("");
        vm.assertTrue(sent);
        vm.assertEq(address(batch).balance, FLOAT + 5);
    }

    function test_pause_isThePausersAndItsEndTheAdmins() public {
        bytes memory reason = missingRole(ADMIN, batch.PAUSER_ROLE());
        vm.expectRevert(reason);
        vm.prank(ADMIN);
        batch.pause();
        pause(batch);
        reason = missingRole(PAUSER, batch.DEFAULT_ADMIN_ROLE());
        vm.expectRevert(reason);
        vm.prank(PAUSER);
        batch.unpause();
        vm.prank(ADMIN);
        batch.unpause();
        pay(address(token), three(10, 20, 30));
    }

    function test_hold_isCompliancesAlone() public {
        bytes memory reason = missingRole(OPERATOR, batch.COMPLIANCE_ROLE());
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        batch.placeHold(ALICE, REASON, uint64(block.timestamp) + 1);
        placeHold(batch, ALICE, 10);
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        batch.liftHold(ALICE);
        pause(batch);
        vm.prank(COMPLIANCE);
        batch.liftHold(ALICE);
        vm.assertFalse(batch.isHeld(ALICE));
    }

    /// @notice Proofs of state outlive a release, so a position that moves is a break.
    function test_settledLines_standWhereProofsLook() public {
        pay(address(token), one(256 * 9 + 3, ALICE, 10));
        bytes32 inner = keccak256(abi.encode(LIST, SETTLED_LINES_POSITION));
        bytes32 slot = keccak256(abi.encode(uint256(9), inner));
        vm.assertEq(uint256(vm.load(address(batch), slot)), 1 << 3);
        tip(ALICE, 1, 1 ether);
        payTips(numbers(0));
        inner = keccak256(abi.encode(bytes32(0), SETTLED_LINES_POSITION));
        slot = keccak256(abi.encode(uint256(0), inner));
        vm.assertEq(uint256(vm.load(address(relay), slot)), 1);
    }

    function _assertMalformed(address asset, address payee, uint256 amount) private {
        expectSkip(asset, 0, payee, amount, ILinePayments.SkipReason.Malformed);
        pay(asset, one(0, payee, amount));
        vm.assertFalse(batch.isSettled(LIST, 0));
    }

    function _assertTooLow(
        address asset,
        IPayoutBatch.Payment[] memory payments,
        uint256 available,
        uint256 required
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(IPayoutBatch.BalanceTooLow.selector, asset, available, required)
        );
        pay(asset, payments);
    }
}
