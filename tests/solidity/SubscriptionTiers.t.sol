// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {SubscriptionTiers} from "../../contracts/src/cwe/SubscriptionTiers.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

contract SubscriptionTiersTest is SettlementFixture {
    bytes32 private constant TIER = keccak256("tier");
    uint256 private constant PRICE = 10_000_000;
    address private constant GOVERNANCE = address(0x60);
    address private constant PAYER = address(0x9A);

    SubscriptionTiers private tiers;

    function setUp() public override {
        super.setUp();
        tiers = new SubscriptionTiers(clock, payouts, ADMIN);
        vm.startPrank(ADMIN);
        tiers.grantRole(tiers.GOVERNANCE_ROLE(), GOVERNANCE);
        payouts.grantRole(payouts.FUNDER_ROLE(), address(tiers));
        vm.stopPrank();
        token.mint(PAYER, 100 * PRICE);
        vm.prank(PAYER);
        token.approve(address(tiers), type(uint256).max);
    }

    /* TIERS */

    function test_setTier_firstIsInForceAtOnce() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        _assertPrice(FIRST_EPOCH, PRICE);
        _assertPrice(FIRST_EPOCH + 1, PRICE);
    }

    function test_setTier_laterWaitsForTheNextEpoch() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        _expectTierSet(FIRST_EPOCH + 1, 2 * PRICE);
        _assertPrice(FIRST_EPOCH, PRICE);
        _assertPrice(FIRST_EPOCH + 1, 2 * PRICE);
        _expectTierSet(FIRST_EPOCH + 1, 3 * PRICE);
        _assertPrice(FIRST_EPOCH, PRICE);
        _assertPrice(FIRST_EPOCH + 1, 3 * PRICE);
        vm.warp(clock.startOf(FIRST_EPOCH + 1));
        _expectTierSet(FIRST_EPOCH + 2, 4 * PRICE);
        _assertPrice(FIRST_EPOCH + 1, 3 * PRICE);
        _assertPrice(FIRST_EPOCH + 2, 4 * PRICE);
    }

    function test_RevertWhen_priceIsZero() public {
        vm.prank(GOVERNANCE);
        vm.expectRevert(abi.encodeWithSelector(SubscriptionTiers.PriceIsZero.selector, TIER));
        tiers.setTier(TIER, address(token), 0);
    }

    function test_RevertWhen_assetIsNoContract() public {
        vm.prank(GOVERNANCE);
        vm.expectRevert(abi.encodeWithSelector(SubscriptionTiers.NotAContract.selector, ALICE));
        tiers.setTier(TIER, ALICE, PRICE);
    }

    function test_RevertWhen_strangerSetsTier() public {
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, ADMIN, tiers.GOVERNANCE_ROLE()
        );
        vm.prank(ADMIN);
        vm.expectRevert(refusal);
        tiers.setTier(TIER, address(token), PRICE);
    }

    function test_RevertWhen_tierIsNotInForce() public {
        _expectNotInForce(FIRST_EPOCH);
        vm.warp(clock.startOf(FIRST_EPOCH + 1));
        _expectTierSet(FIRST_EPOCH + 1, PRICE);
        _expectNotInForce(FIRST_EPOCH);
    }

    /* SUBSCRIPTIONS */

    function test_subscribe_forwardsTheWholePrice() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        vm.expectEmit(address(tiers));
        emit SubscriptionTiers.Subscribed(ALICE, FIRST_EPOCH, TIER, PAYER, address(token), PRICE);
        vm.expectEmit(address(payouts));
        emit IEpochCommits.EpochFunded(FIRST_EPOCH, address(token), address(tiers), PRICE);
        _subscribe(FIRST_EPOCH, ALICE);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), PRICE);
        vm.assertEq(token.balanceOf(address(payouts)), PRICE);
        vm.assertEq(token.balanceOf(address(tiers)), 0);
        vm.assertEq(token.allowance(address(tiers), address(payouts)), 0);
        vm.assertTrue(tiers.isSubscribed(ALICE, FIRST_EPOCH, TIER));
    }

    function test_subscribe_paysThePriceOfThatEpoch() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        _expectTierSet(FIRST_EPOCH + 1, 2 * PRICE);
        _subscribe(FIRST_EPOCH, ALICE);
        _subscribe(FIRST_EPOCH + 1, ALICE);
        _subscribe(FIRST_EPOCH, BOB);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), 2 * PRICE);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH + 1, address(token)), 2 * PRICE);
    }

    function test_subscribe_worksWhilePaused() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        vm.prank(ADMIN);
        payouts.pause();
        _subscribe(FIRST_EPOCH, ALICE);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), PRICE);
    }

    function test_RevertWhen_subscribedTwice() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        _subscribe(FIRST_EPOCH, ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                SubscriptionTiers.AlreadySubscribed.selector, ALICE, FIRST_EPOCH, TIER
            )
        );
        tiers.subscribe(TIER, FIRST_EPOCH, ALICE);
    }

    function test_RevertWhen_epochIsNeitherCurrentNorNext() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        _expectNotPayable(FIRST_EPOCH - 1, FIRST_EPOCH);
        _expectNotPayable(FIRST_EPOCH + 2, FIRST_EPOCH);
        vm.warp(clock.endOf(FIRST_EPOCH));
        _expectNotPayable(FIRST_EPOCH, FIRST_EPOCH + 1);
    }

    function test_RevertWhen_subscriberIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(SubscriptionTiers.SubscriberIsZero.selector));
        tiers.subscribe(TIER, FIRST_EPOCH, address(0));
    }

    function test_RevertWhen_tokenTakesAFee() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        token.setFee(1);
        vm.prank(PAYER);
        vm.expectRevert(
            abi.encodeWithSelector(
                SubscriptionTiers.InexactPayment.selector, address(token), PRICE - 10, PRICE
            )
        );
        tiers.subscribe(TIER, FIRST_EPOCH, ALICE);
        vm.assertFalse(tiers.isSubscribed(ALICE, FIRST_EPOCH, TIER));
    }

    /// @dev The fee begins with the second leg, when the settlement pulls.
    function test_RevertWhen_settlementReceivesLess() public {
        HostileToken fickle = new FickleToken(address(tiers));
        vm.prank(GOVERNANCE);
        tiers.setTier(TIER, address(fickle), PRICE);
        fickle.mint(address(this), PRICE);
        fickle.approve(address(tiers), PRICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                SubscriptionTiers.InexactPayment.selector, address(fickle), PRICE - 1, PRICE
            )
        );
        tiers.subscribe(TIER, FIRST_EPOCH, ALICE);
    }

    function test_subscribe_reentryIsRefused() public {
        _expectTierSet(FIRST_EPOCH, PRICE);
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(tiers.subscribe, (TIER, FIRST_EPOCH, BOB));
        token.setReentry(address(tiers), calls);
        token.setMode(address(tiers), HostileToken.Mode.Reenter);
        _subscribe(FIRST_EPOCH, ALICE);
        vm.assertEq(token.reentryAnswerCount(), 1);
        vm.assertEq(token.reentrySuccesses(), 0);
    }

    /* STEPS */

    function _subscribe(uint64 epoch, address subscriber) private {
        vm.prank(PAYER);
        tiers.subscribe(TIER, epoch, subscriber);
    }

    function _expectTierSet(uint64 effectiveEpoch, uint256 price) private {
        vm.expectEmit(address(tiers));
        emit SubscriptionTiers.TierSet(TIER, address(token), effectiveEpoch, price);
        vm.prank(GOVERNANCE);
        tiers.setTier(TIER, address(token), price);
    }

    function _assertPrice(uint64 epoch, uint256 expected) private view {
        SubscriptionTiers.Price memory price = tiers.priceOf(TIER, epoch);
        vm.assertEq(price.asset, address(token));
        vm.assertEq(price.amount, expected);
    }

    function _expectNotInForce(uint64 epoch) private {
        vm.expectRevert(
            abi.encodeWithSelector(SubscriptionTiers.TierNotInForce.selector, TIER, epoch)
        );
        tiers.priceOf(TIER, epoch);
    }

    function _expectNotPayable(uint64 epoch, uint64 current) private {
        vm.expectRevert(
            abi.encodeWithSelector(SubscriptionTiers.EpochNotPayable.selector, epoch, current)
        );
        tiers.subscribe(TIER, epoch, ALICE);
    }
}

/// @notice Takes one unit on the way from one address, and nothing elsewhere.
contract FickleToken is HostileToken {
    address private immutable _taxed;

    constructor(address taxed) {
        _taxed = taxed;
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        super.transferFrom(from, to, amount);
        if (from == _taxed) _burn(to, 1);
        return true;
    }
}
