// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {OrderPayments} from "../../contracts/src/circuit/OrderPayments.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {TipSplitter} from "../../contracts/src/circuit/TipSplitter.sol";
import {DemoWallet} from "../../contracts/src/demo/DemoWallet.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {Wallet} from "./mocks/Wallet.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: OrderPayments.tree. Misbehaving tokens: OrderPaymentsHostile.t.sol.
contract OrderPaymentsTest is CircuitFixture {
    /* PAY */

    /// @notice 10 dollars of content cost 11.
    function test_pay_view() public {
        vm.expectEmit(address(views));
        emit PayPerViewSplitter.ContentPaid(ORDER, fan, ALICE, CONTENT, address(dollar), 10e6, 1e6);
        pay(views, view_(10e6));
        assertMoney(address(views), 10e6, 1e6);
        vm.assertEq(dollar.balanceOf(fan), MONEY - 11e6);
        vm.assertTrue(views.isOrderPaid(fan, ORDER));
    }

    /// @notice 5 dollars of content cost 6.
    function test_pay_viewUnderTheMinimum() public {
        pay(views, view_(5e6));
        assertMoney(address(views), 5e6, 1e6);
    }

    /// @notice A tip of 20 dollars costs 21.
    function test_pay_tip() public {
        vm.expectEmit(address(tips));
        emit TipSplitter.TipPaid(ORDER, fan, ALICE, address(dollar), 20e6, 1e6);
        pay(tips, tip(20e6));
        assertMoney(address(tips), 20e6, 1e6);
    }

    function test_pay_withoutFee() public {
        vm.warp(NOW);
        tips = new TipSplitter(dollar, terms(0, 0), 0, FEE_DELAY, ADMIN);
        allow(dollar, fan, tips);
        vm.recordLogs();
        pay(tips, tip(20e6));
        assertMoney(address(tips), 20e6, 0);
        vm.assertEq(vm.getRecordedLogs().length, 2, "the event and one transfer");
    }

    function testFuzz_pay_isExact(uint96 price, uint80 minimum, uint16 bps) public {
        vm.assume(price != 0);
        bps %= 1001;
        tips = new TipSplitter(dollar, terms(minimum, bps), type(uint80).max, FEE_DELAY, ADMIN);
        uint256 fee = uint256(price) * bps / 10_000;
        if (fee < minimum) fee = minimum;
        dollar.mint(fan, uint256(price) + fee);
        allow(dollar, fan, tips);
        IOrderPayments.Order memory one = tip(price);
        one.maxFee = fee;
        pay(tips, one);
        assertMoney(address(tips), price, fee);
        vm.assertEq(dollar.balanceOf(fan), MONEY);
    }

    function test_RevertWhen_orderCannotBePaid() public {
        IOrderPayments.Order memory one = view_(10e6);
        one.creator = address(0);
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidCreator.selector, address(0)));
        one.creator = address(views);
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidCreator.selector, views));
        one.creator = address(dollar);
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidCreator.selector, dollar));
        one.creator = fan;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidPayer.selector, fan));
        one = view_(0);
        _refuse(one, abi.encodeWithSelector(IOrderPayments.PriceIsZero.selector));
        one = view_(10e6);
        one.deadline = NOW - 1;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.OrderExpired.selector, NOW - 1));
        one = view_(10e6);
        one.maxFee = 1e6 - 1;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.FeeAboveMaximum.selector, 1e6, 1e6 - 1));
        one = view_(10e6);
        one.subject = 0;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidSubject.selector, 0, 0));
        one = view_(10e6);
        one.tierId = 1;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidSubject.selector, CONTENT, 1));
        one = view_(10e6);
        one.payer = TREASURY;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidPayer.selector, TREASURY));
    }

    function test_RevertWhen_tipIsForSomething() public {
        IOrderPayments.Order memory one = tip(20e6);
        one.subject = CONTENT;
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.InvalidSubject.selector, CONTENT, 0));
        pay(tips, one);
        one = tip(20e6);
        one.tierId = 1;
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.InvalidSubject.selector, 0, 1));
        pay(tips, one);
    }

    function test_pay_inTheLastSecondWithTheGreatestFee() public {
        IOrderPayments.Order memory one = view_(10e6);
        (one.deadline, one.maxFee) = (NOW, 1e6);
        pay(views, one);
        assertMoney(address(views), 10e6, 1e6);
    }

    function test_RevertWhen_callerIsNotThePayer() public {
        bytes memory reason =
            abi.encodeWithSelector(IOrderPayments.NotThePayer.selector, STRANGER, fan);
        vm.startPrank(STRANGER);
        vm.expectRevert(reason);
        views.pay(view_(10e6));
        vm.expectRevert(reason);
        views.payWithPermit(view_(10e6), noPermit());
        vm.stopPrank();
    }

    function test_RevertWhen_assetHasNoCode() public {
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.NotAContract.selector, STRANGER));
        new TipSplitter(IERC20(STRANGER), terms(1e6, 500), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
    }

    /* ONCE */

    function test_order_isPaidOnceByEachPayer() public {
        pay(views, view_(10e6));
        _refuse(
            view_(10e6),
            abi.encodeWithSelector(IOrderPayments.OrderAlreadyPaid.selector, fan, ORDER)
        );
        // Another price, content or creator does not make it another order.
        IOrderPayments.Order memory other = order(fan, keccak256("other"), 0, 1e6);
        other.creator = BOB;
        _refuse(other, abi.encodeWithSelector(IOrderPayments.OrderAlreadyPaid.selector, fan, ORDER));
        // Who saw the order id uses up nothing with it.
        pay(views, order(BOB, CONTENT, 0, 10e6));
        vm.assertTrue(views.isOrderPaid(BOB, ORDER));
        vm.assertFalse(views.isOrderPaid(STRANGER, ORDER));
        assertMoney(address(views), 20e6, 2e6);
    }

    function test_paymentHash_isOfWhatWasPaid() public {
        bytes32 key = keccak256(abi.encode(fan, ORDER));
        vm.assertEq(views.paymentHash(key), 0);
        pay(views, view_(10e6));
        vm.assertEq(
            views.paymentHash(key),
            keccak256(abi.encode(ALICE, CONTENT, uint256(0), uint256(10e6), uint256(1e6)))
        );
    }

    /* PERMIT */

    function test_payWithPermit_needsNoAllowance() public {
        _disallow(views);
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        vm.prank(fan);
        views.payWithPermit(view_(10e6), permit);
        assertMoney(address(views), 10e6, 1e6);
        vm.assertEq(dollar.allowance(fan, address(views)), 0);
    }

    /// @notice Somebody submits the permit first; the payment goes on.
    function test_payWithPermit_frontRun() public {
        _disallow(views);
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        _submit(permit);
        vm.prank(fan);
        views.payWithPermit(view_(10e6), permit);
        assertMoney(address(views), 10e6, 1e6);
    }

    function test_RevertWhen_permitIsForTooLittle() public {
        _disallow(views);
        IOrderPayments.Permit memory permit = permitOf(views, 11e6 - 1);
        vm.expectPartialRevert(
            bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)"))
        );
        vm.prank(fan);
        views.payWithPermit(view_(10e6), permit);
    }

    /* RELAYED */

    function test_payFor_payerIsWhoSigned() public {
        _disallow(views);
        IOrderPayments.Order memory one = view_(10e6);
        bytes memory signature = signed(views, one);
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        vm.expectEmit(address(views));
        emit PayPerViewSplitter.ContentPaid(ORDER, fan, ALICE, CONTENT, address(dollar), 10e6, 1e6);
        vm.prank(RELAYER);
        views.payFor(one, signature, permit);
        assertMoney(address(views), 10e6, 1e6);
        vm.assertEq(dollar.balanceOf(fan), MONEY - 11e6);
    }

    function test_payFor_permitFrontRun() public {
        _disallow(views);
        IOrderPayments.Order memory one = view_(10e6);
        bytes memory signature = signed(views, one);
        IOrderPayments.Permit memory permit = permitOf(views, 11e6);
        _submit(permit);
        vm.prank(RELAYER);
        views.payFor(one, signature, permit);
        assertMoney(address(views), 10e6, 1e6);
    }

    function test_payFor_outOfAnAllowance() public {
        IOrderPayments.Order memory one = tip(20e6);
        bytes memory signature = signed(tips, one);
        vm.prank(RELAYER);
        tips.payFor(one, signature, noPermit());
        assertMoney(address(tips), 20e6, 1e6);
    }

    /// @notice A relayer that changes anything of the order is refused: it cannot send the money
    /// elsewhere, nor raise price, fee or time.
    function testFuzz_payFor_redirectedIsRefused(uint8 field, uint256 change) public {
        IOrderPayments.Order memory one = view_(10e6);
        (one.maxFee, one.deadline) = (2e6, NOW + 100);
        bytes memory signature = signed(views, one);
        field %= 7;
        if (field == 0) one.orderId = bytes32(uint256(one.orderId) ^ (1 << change % 256));
        if (field == 1) one.creator = address(uint160(one.creator) ^ uint160(1 << change % 160));
        if (field == 2) one.subject = bytes32(uint256(one.subject) ^ (1 << change % 256));
        if (field == 3) one.tierId ^= uint32(1 << change % 32);
        if (field == 4) one.price ^= 1 << change % 256;
        if (field == 5) one.maxFee ^= 1 << change % 256;
        if (field == 6) one.deadline ^= uint64(1 << change % 64);
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.NotSignedByPayer.selector, fan));
        vm.prank(RELAYER);
        views.payFor(one, signature, noPermit());
    }

    function test_RevertWhen_signatureIsForAnotherPlace() public {
        IOrderPayments.Order memory one = view_(10e6);
        bytes memory signature = signed(tips, one);
        bytes memory reason = abi.encodeWithSelector(IOrderPayments.NotSignedByPayer.selector, fan);
        vm.expectRevert(reason);
        views.payFor(one, signature, noPermit());
        signature = signed(views, one);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(reason);
        views.payFor(one, signature, noPermit());
    }

    function test_RevertWhen_payerIsNobody() public {
        IOrderPayments.Order memory one = view_(10e6);
        one.payer = address(0);
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.InvalidPayer.selector, address(0)));
        views.payFor(one, new bytes(65), noPermit());
    }

    function test_RevertWhen_relayedTwice() public {
        IOrderPayments.Order memory one = view_(10e6);
        bytes memory signature = signed(views, one);
        views.payFor(one, signature, noPermit());
        vm.expectRevert(
            abi.encodeWithSelector(IOrderPayments.OrderAlreadyPaid.selector, fan, ORDER)
        );
        views.payFor(one, signature, noPermit());
    }

    /* SMART ACCOUNTS */

    /// @notice The owner's key signs for the account; the account pays and is named.
    function test_payFor_smartAccount() public {
        IOrderPayments.Order memory one = order(address(wallet), CONTENT, 0, 10e6);
        bytes memory signature = signed(views, one);
        vm.expectEmit(address(views));
        emit PayPerViewSplitter.ContentPaid(
            ORDER, address(wallet), ALICE, CONTENT, address(dollar), 10e6, 1e6
        );
        vm.prank(RELAYER);
        views.payFor(one, signature, noPermit());
        vm.assertEq(dollar.balanceOf(address(wallet)), MONEY - 11e6);
        vm.assertEq(dollar.balanceOf(fan), MONEY);
    }

    /// @notice One transaction, two purchases and a tip: three events, each of its own order.
    function test_smartAccount_paysManyInOneTransaction() public {
        IOrderPayments.Order memory first = order(address(wallet), CONTENT, 0, 10e6);
        IOrderPayments.Order memory second = order(address(wallet), CONTENT, 0, 10e6);
        second.orderId = keccak256("second");
        DemoWallet.Call[] memory calls = new DemoWallet.Call[](3);
        calls[0] = DemoWallet.Call(address(views), abi.encodeCall(views.pay, (first)));
        calls[1] = DemoWallet.Call(address(views), abi.encodeCall(views.pay, (second)));
        second.subject = 0;
        calls[2] = DemoWallet.Call(address(tips), abi.encodeCall(tips.pay, (second)));
        vm.prank(fan);
        wallet.execute(calls);
        assertMoney(address(views), 30e6, 3e6);
        vm.assertTrue(views.isOrderPaid(address(wallet), ORDER));
        vm.assertTrue(views.isOrderPaid(address(wallet), keccak256("second")));
        vm.assertTrue(tips.isOrderPaid(address(wallet), keccak256("second")));
    }

    function test_RevertWhen_smartAccountDoesNotAgree() public {
        IOrderPayments.Order memory one = order(address(wallet), CONTENT, 0, 10e6);
        bytes memory signature = signatureOf(0xBAD, views.orderDigest(one));
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.NotSignedByPayer.selector, wallet));
        views.payFor(one, signature, noPermit());
        vm.expectRevert(abi.encodeWithSelector(DemoWallet.NotOwner.selector, STRANGER));
        vm.prank(STRANGER);
        wallet.execute(new DemoWallet.Call[](0));
    }

    function test_RevertWhen_walletAnswersStrangely() public {
        Wallet strange = new Wallet();
        IOrderPayments.Order memory one = order(address(strange), CONTENT, 0, 10e6);
        bytes memory signature = "signature";
        strange.accept(views.orderDigest(one), signature);
        for (uint256 mode = 1; mode <= uint256(Wallet.Mode.RevertBomb); ++mode) {
            strange.setMode(Wallet.Mode(mode));
            vm.expectRevert(
                abi.encodeWithSelector(IOrderPayments.NotSignedByPayer.selector, strange)
            );
            views.payFor(one, signature, noPermit());
        }
    }

    /* FEES */

    /// @notice A change is announced and waits; an order signed before it is paid at most with the
    /// fee that its payer accepted.
    function test_feeChange_surprisesNobody() public {
        IOrderPayments.Order memory one = view_(20e6);
        one.maxFee = 2e6;
        bytes memory signature = signed(views, one);
        vm.prank(ADMIN);
        views.announceFeeTerms(terms(3e6, 1000));
        vm.assertEq(views.feeOf(20e6), 2e6);
        vm.warp(NOW + FEE_DELAY);
        views.applyFeeTerms();
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.FeeAboveMaximum.selector, 3e6, 2e6));
        vm.prank(RELAYER);
        views.payFor(one, signature, noPermit());
        one.maxFee = 3e6;
        pay(views, one);
        assertMoney(address(views), 20e6, 3e6);
    }

    function test_RevertWhen_strangerChangesFees() public {
        bytes memory reason = missingRole(STRANGER, views.DEFAULT_ADMIN_ROLE());
        vm.expectRevert(reason);
        vm.prank(STRANGER);
        views.announceFeeTerms(terms(0, 0));
    }

    /* PAUSE */

    function test_pause_stopsPaymentsUntilUnpaused() public {
        IOrderPayments.Order memory one = view_(10e6);
        bytes memory signature = signed(views, one);
        pause(views);
        _refuse(one, isPaused());
        vm.expectRevert(isPaused());
        views.payFor(one, signature, noPermit());
        vm.prank(fan);
        vm.expectRevert(isPaused());
        views.payWithPermit(one, noPermit());
        vm.prank(ADMIN);
        views.unpause();
        pay(views, one);
    }

    function test_RevertWhen_callerMayNotPause() public {
        bytes memory reason = missingRole(ADMIN, views.PAUSER_ROLE());
        vm.expectRevert(reason);
        vm.prank(ADMIN);
        views.pause();
        pause(views);
        reason = missingRole(PAUSER, views.DEFAULT_ADMIN_ROLE());
        vm.expectRevert(reason);
        vm.prank(PAUSER);
        views.unpause();
    }

    /* HELPERS */

    function _refuse(IOrderPayments.Order memory one, bytes memory reason) private {
        vm.expectRevert(reason);
        pay(views, one);
    }

    function _disallow(OrderPayments spender) private {
        vm.prank(fan);
        dollar.approve(address(spender), 0);
    }

    function _submit(IOrderPayments.Permit memory permit) private {
        vm.prank(STRANGER);
        dollar.permit(
            fan, address(views), permit.value, permit.deadline, permit.v, permit.r, permit.s
        );
    }
}
