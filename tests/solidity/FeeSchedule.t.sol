// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFeeSchedule} from "../../contracts/src/payouts/IFeeSchedule.sol";
import {ITipRelay} from "../../contracts/src/payouts/ITipRelay.sol";
import {TipRelay} from "../../contracts/src/payouts/TipRelay.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: TipRelay.tree.
contract FeeScheduleTest is LinesFixture {
    address private constant NEW_TREASURY = address(0x7EA6);

    /* THE FEE */

    function test_fee_minimumMeetsTheRateAtAHundredthOfAnEther() public view {
        vm.assertEq(relay.feeOf(1), 0.0005 ether);
        vm.assertEq(relay.feeOf(0.01 ether), 0.0005 ether);
        vm.assertEq(relay.feeOf(0.01 ether + 19), 0.0005 ether);
        vm.assertEq(relay.feeOf(0.01 ether + 20), 0.0005 ether + 1);
        vm.assertEq(relay.feeOf(1 ether), 0.05 ether);
    }

    /// @notice In dollars with 6 decimals: 10 costs 11, 20 costs 21 by the tip's rate, 5 costs 6.
    function test_fee_workedExamples() public {
        relay = new TipRelay(terms(1e6, 1000), 1e6, FEE_DELAY, ADMIN);
        vm.assertEq(relay.feeOf(10e6), 1e6);
        vm.assertEq(relay.feeOf(5e6), 1e6);
        vm.assertEq(relay.feeOf(10e6 + 10), 1e6 + 1);
        relay = new TipRelay(terms(1e6, 500), 1e6, FEE_DELAY, ADMIN);
        vm.assertEq(relay.feeOf(20e6), 1e6);
    }

    function testFuzz_fee_isTheFloorOrTheMinimum(uint96 amount, uint80 minimum, uint16 bps) public {
        bps %= 1001;
        relay = new TipRelay(terms(minimum, bps), type(uint80).max, FEE_DELAY, ADMIN);
        uint256 fee = relay.feeOf(amount);
        uint256 exact = uint256(amount) * bps;
        vm.assertGe(fee, minimum, "minimum");
        vm.assertGe(fee * 10_000 + 9_999, exact, "not below the floor");
        vm.assertTrue(fee == minimum || fee * 10_000 <= exact, "not above it");
    }

    /* CHANGES */

    function test_feeTerms_areAnnouncedThenWaitThenApply() public {
        uint64 applicableAt = uint64(block.timestamp) + FEE_DELAY;
        vm.expectEmit(address(relay));
        emit IFeeSchedule.FeeTermsAnnounced(NEW_TREASURY, 3, 200, applicableAt);
        _announce(NEW_TREASURY, 3, 200);
        (IFeeSchedule.FeeTerms memory announced, uint64 then) = relay.announcedFeeTerms();
        vm.assertEq(announced.treasury, NEW_TREASURY);
        vm.assertEq(then, applicableAt);
        vm.assertEq(relay.feeOf(1 ether), 0.05 ether);
        vm.warp(applicableAt - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IFeeSchedule.FeeTermsNotApplicableYet.selector, applicableAt)
        );
        relay.applyFeeTerms();
        vm.warp(applicableAt);
        vm.expectEmit(address(relay));
        emit IFeeSchedule.FeeTermsSet(NEW_TREASURY, 3, 200);
        vm.prank(STRANGER);
        relay.applyFeeTerms();
        vm.assertEq(relay.feeOf(1 ether), 0.02 ether);
        vm.assertEq(relay.feeOf(1), 3);
        vm.assertEq(relay.feeTerms().treasury, NEW_TREASURY);
        _assertNothingIsAnnounced();
    }

    function test_feeTerms_applyWhilePaused() public {
        _announce(NEW_TREASURY, 3, 200);
        pause(relay);
        vm.warp(block.timestamp + FEE_DELAY);
        relay.applyFeeTerms();
        vm.assertEq(relay.feeTerms().bps, 200);
    }

    /// @notice Fees go to whoever is the treasury when they are withdrawn; the value of a tip that
    /// was signed under former terms is inexact and reverts.
    function test_feeTerms_changeSurprisesNobody() public {
        tip(ALICE, 1, 1 ether);
        _announce(NEW_TREASURY, 3, 200);
        vm.warp(block.timestamp + FEE_DELAY);
        relay.applyFeeTerms();
        vm.expectRevert(
            abi.encodeWithSelector(ITipRelay.InexactPayment.selector, 1.05 ether, 1.02 ether)
        );
        vm.prank(FAN);
        relay.tip{value: 1.05 ether}(ALICE, ORDER, 1 ether);
        vm.assertEq(relay.fees(), 0.05 ether);
        relay.withdrawFees();
        vm.assertEq(NEW_TREASURY.balance, 0.05 ether);
        vm.assertEq(TREASURY.balance, 0);
    }

    function test_cancelFeeTerms_endsTheAnnouncement() public {
        _announce(NEW_TREASURY, 3, 200);
        vm.expectEmit(address(relay));
        emit IFeeSchedule.FeeTermsCancelled();
        vm.prank(ADMIN);
        relay.cancelFeeTerms();
        _assertNothingIsAnnounced();
        vm.warp(block.timestamp + FEE_DELAY);
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeTermsNotAnnounced.selector));
        relay.applyFeeTerms();
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeTermsNotAnnounced.selector));
        vm.prank(ADMIN);
        relay.cancelFeeTerms();
        _announce(NEW_TREASURY, 3, 200);
    }

    function test_RevertWhen_anotherAnnouncementStands() public {
        _announce(NEW_TREASURY, 3, 200);
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeTermsAlreadyAnnounced.selector));
        _announce(NEW_TREASURY, 3, 100);
    }

    function test_RevertWhen_callerIsNotTheAdmin() public {
        bytes memory reason = missingRole(OPERATOR, relay.DEFAULT_ADMIN_ROLE());
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        relay.announceFeeTerms(terms(3, 200));
        _announce(NEW_TREASURY, 3, 200);
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        relay.cancelFeeTerms();
    }

    function test_RevertWhen_termsAreOutOfBounds() public {
        _announce(NEW_TREASURY, FEE_MINIMUM_MAX, 1000);
        vm.prank(ADMIN);
        relay.cancelFeeTerms();
        vm.expectRevert(outOfBounds(FEE_MINIMUM_MAX, 1001));
        _announce(NEW_TREASURY, FEE_MINIMUM_MAX, 1001);
        vm.expectRevert(outOfBounds(FEE_MINIMUM_MAX + 1, 1000));
        _announce(NEW_TREASURY, FEE_MINIMUM_MAX + 1, 1000);
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.InvalidTreasury.selector, address(0)));
        _announce(address(0), 3, 200);
        vm.expectRevert(
            abi.encodeWithSelector(IFeeSchedule.InvalidTreasury.selector, address(relay))
        );
        _announce(address(relay), 3, 200);
    }

    function test_RevertWhen_constructedOutOfBounds() public {
        vm.expectRevert(outOfBounds(6, 200));
        new TipRelay(terms(6, 200), 5, FEE_DELAY, ADMIN);
        vm.expectRevert(outOfBounds(5, 1001));
        new TipRelay(terms(5, 1001), 5, FEE_DELAY, ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IFeeSchedule.FeeDelayIsZero.selector));
        new TipRelay(terms(5, 200), 5, 0, ADMIN);
    }

    function _announce(address treasury, uint80 minimum, uint16 bps) private {
        vm.prank(ADMIN);
        relay.announceFeeTerms(IFeeSchedule.FeeTerms(treasury, minimum, bps));
    }

    function _assertNothingIsAnnounced() private view {
        (IFeeSchedule.FeeTerms memory announced, uint64 then) = relay.announcedFeeTerms();
        vm.assertEq(announced.treasury, address(0));
        vm.assertEq(then, 0);
    }

    function outOfBounds(uint80 minimum, uint16 bps) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IFeeSchedule.FeeOutOfBounds.selector, bps, minimum);
    }
}
