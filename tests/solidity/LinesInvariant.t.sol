// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {ITipRelay} from "../../contracts/src/payouts/ITipRelay.sol";
import {LinePayments} from "../../contracts/src/payouts/LinePayments.sol";
import {LinesHandler} from "./LinesHandler.sol";
import {vm} from "./Vm.sol";

/// @notice What no sequence of actions breaks, of a payout batch and of a tip relay.
contract LinesInvariantTest {
    address private constant NATIVE = address(0);

    LinesHandler private handler;

    /// @dev Every run starts with a float, some tips, and payees of whom some refuse.
    function setUp() public {
        handler = new LinesHandler();
        handler.fund(0, 4_000);
        handler.fund(1, 4_000);
        handler.setRefusal(2, 3);
        handler.setRefusal(3, 5);
        handler.tip(1, 1_000);
        handler.tip(2, 2_000);
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice The actions get everywhere: laws that hold because nothing happens are worth
    /// nothing.
    function test_handler_reachesEveryOutcome() public {
        for (uint256 i = 0; i < 1_000; ++i) {
            _act(uint256(keccak256(abi.encode(i))));
        }
        _assertSeen(ILinePayments.LinePaid.selector);
        _assertSeen(ILinePayments.LineUnclaimed.selector);
        _assertSeen(ILinePayments.UnclaimedWithdrawn.selector);
        _assertSeen(ITipRelay.TipReceived.selector);
        _assertSeen(ITipRelay.FeesWithdrawn.selector);
        for (uint8 reason = 1; reason <= uint8(ILinePayments.SkipReason.PayeeHeld); ++reason) {
            vm.assertGt(handler.seenReasons(reason), 0, "reason is reached");
        }
        vm.assertGt(handler.seenTooLow(), 0, "float runs low");
    }

    /* LAWS: two campaigns, as each costs as much as all laws together. */

    function invariant_linesAndHolds() public view {
        _assertLineIsSettledAtMostOnce();
        _assertHeldAccountReceivesNothing();
    }

    function invariant_money() public view {
        _assertBatchCoversWhatIsUnclaimed();
        _assertRelayCoversOwedAndUnclaimedAndFees();
        _assertEventsTellWhatIsUnclaimed();
        _assertEventsTellWhatWasReceived();
    }

    function _assertLineIsSettledAtMostOnce() private view {
        vm.assertLe(handler.ghostSettledMax(), 1, "once");
        vm.assertTrue(handler.areLinesAsReported(), "bits and ids are as the events say");
    }

    function _assertBatchCoversWhatIsUnclaimed() private view {
        address batch = address(handler.batch());
        address token = address(handler.token());
        vm.assertGe(batch.balance, handler.batch().unclaimedTotal(NATIVE), "coins");
        vm.assertGe(
            handler.token().balanceOf(batch), handler.batch().unclaimedTotal(token), "tokens"
        );
    }

    function _assertRelayCoversOwedAndUnclaimedAndFees() private view {
        ITipRelay relay = handler.relay();
        vm.assertGe(
            address(relay).balance,
            relay.owed() + relay.unclaimedTotal(NATIVE) + relay.fees(),
            "solvent"
        );
        vm.assertEq(relay.owed(), handler.ghostOwed(), "owed");
        vm.assertEq(relay.fees(), handler.ghostFees(), "fees");
        vm.assertEq(relay.tipCount(), handler.ghostTips(), "dense");
    }

    function _assertEventsTellWhatIsUnclaimed() private view {
        _assertUnclaimed(handler.batch(), NATIVE);
        _assertUnclaimed(handler.batch(), address(handler.token()));
        _assertUnclaimed(handler.relay(), NATIVE);
    }

    function _assertEventsTellWhatWasReceived() private view {
        address token = address(handler.token());
        vm.assertEq(handler.ghostReceived(NATIVE), handler.ghostReported(NATIVE), "coins");
        vm.assertEq(handler.ghostReceived(token), handler.ghostReported(token), "tokens");
    }

    function _assertHeldAccountReceivesNothing() private view {
        vm.assertEq(handler.ghostHeldReceived(), 0, "held");
    }

    function _assertUnclaimed(LinePayments target, address asset) private view {
        uint256 sum = 0;
        for (uint256 i = 0; i < handler.PAYEES(); ++i) {
            address payee = address(handler.payees(i));
            uint256 unclaimed = target.unclaimed(payee, asset);
            vm.assertEq(unclaimed, handler.ghostUnclaimed(address(target), payee, asset), "payee");
            sum += unclaimed;
        }
        vm.assertEq(target.unclaimedTotal(asset), sum, "sum");
        vm.assertEq(sum, handler.ghostUnclaimedTotal(address(target), asset), "sum of events");
    }

    function _act(uint256 seed) private {
        uint256 action = seed % 12;
        seed >>= 8;
        if (action == 0) handler.fund(seed, uint16(seed) % 4_000);
        if (action == 1) handler.force(uint8(seed));
        if (action == 2) handler.wait(uint16(seed));
        if (action == 3 || action == 4) handler.payBatch(seed);
        if (action == 5) handler.tip(seed, uint32(seed));
        if (action == 6) handler.payTips(seed);
        if (action == 7) handler.setRefusal(seed, uint8(seed >> 8));
        if (action == 8) handler.setHold(seed);
        if (action == 9) handler.withdrawUnclaimed(seed);
        if (action == 10) handler.withdrawFees();
        if (action == 11) handler.changeFee(uint80(seed), uint16(seed));
    }

    function _assertSeen(bytes32 kind) private view {
        vm.assertGt(handler.seenEvents(kind), 0, "event is reached");
    }
}
