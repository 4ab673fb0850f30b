// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {IRefundablePayments} from "../../contracts/src/circuit/IRefundablePayments.sol";
import {ITicket} from "../../contracts/src/circuit/ITicket.sol";
import {ITicketSale} from "../../contracts/src/circuit/ITicketSale.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: RefundablePayments.tree.
contract RefundablePaymentsTest is CircuitFixture {
    uint256 private constant FEE = 1e6;
    uint256 private constant SEAT_FEE = PRICE / 10;

    function setUp() public override {
        super.setUp();
        dollar.mint(ALICE, MONEY);
        dollar.mint(REFUNDER, MONEY);
    }

    /* CONTENT */

    function test_refund_byTheCreatorIsWhole() public {
        pay(views, view_(10e6));
        allow(dollar, ALICE, views);
        vm.expectEmit(address(views));
        emit PayPerViewSplitter.ContentRefunded(
            ORDER, fan, ALICE, CONTENT, address(dollar), 10e6, FEE
        );
        vm.prank(ALICE);
        views.refund(_content());
        vm.assertEq(dollar.balanceOf(fan), MONEY);
        vm.assertEq(dollar.balanceOf(ALICE), MONEY - FEE, "the fee is the creator's loss");
        vm.assertEq(dollar.balanceOf(TREASURY), FEE);
        vm.assertEq(dollar.balanceOf(address(views)), 0);
    }

    function test_refund_byTheRefunderIsOutOfItsMoney() public {
        pay(views, view_(10e6));
        refund(REFUNDER, views, _content());
        vm.assertEq(dollar.balanceOf(fan), MONEY);
        vm.assertEq(dollar.balanceOf(REFUNDER), MONEY - 11e6);
        vm.assertEq(dollar.balanceOf(ALICE), MONEY + 10e6);
    }

    function test_refund_goesOnWhilePaused() public {
        pay(views, view_(10e6));
        pause(views);
        refund(ALICE, views, _content());
        vm.assertEq(dollar.balanceOf(fan), MONEY);
    }

    function test_refund_happensOnceAndTheOrderStaysConsumed() public {
        pay(views, view_(10e6));
        refund(ALICE, views, _content());
        bytes32 key = keccak256(abi.encode(fan, ORDER));
        vm.assertEq(views.paymentHash(key), views.REFUNDED());
        vm.assertTrue(views.isOrderPaid(fan, ORDER));
        _refuse(ALICE, _content(), _notRefundable());
        vm.expectRevert(
            abi.encodeWithSelector(IOrderPayments.OrderAlreadyPaid.selector, fan, ORDER)
        );
        pay(views, view_(10e6));
    }

    function test_RevertWhen_callerMayNotRefund() public {
        pay(views, view_(10e6));
        _refuse(
            STRANGER,
            _content(),
            abi.encodeWithSelector(IRefundablePayments.NotRefunder.selector, STRANGER)
        );
        // A creator of nothing that was paid: being named is not enough.
        IRefundablePayments.Payment memory payment = _content();
        payment.creator = STRANGER;
        _refuse(STRANGER, payment, _notRefundable());
    }

    function test_RevertWhen_nothingWasPaid() public {
        _refuse(REFUNDER, _content(), _notRefundable());
    }

    /// @notice More, less, or to somebody else than was paid is not refunded.
    function testFuzz_RevertWhen_paymentIsAnother(uint8 field, uint256 change) public {
        pay(views, view_(10e6));
        IRefundablePayments.Payment memory other = _content();
        field %= 7;
        if (field == 0) other.orderId = bytes32(uint256(other.orderId) ^ (1 << change % 256));
        if (field == 1) other.payer = address(uint160(other.payer) ^ uint160(1 << change % 160));
        if (field == 2) {
            other.creator = address(uint160(other.creator) ^ uint160(1 << change % 160));
        }
        if (field == 3) other.subject = bytes32(uint256(other.subject) ^ (1 << change % 256));
        if (field == 4) other.ticketId ^= 1 << change % 256;
        if (field == 5) other.price ^= 1 << change % 256;
        if (field == 6) other.fee ^= 1 << change % 256;
        vm.expectRevert(
            abi.encodeWithSelector(
                IRefundablePayments.NotRefundable.selector, other.payer, other.orderId
            )
        );
        vm.prank(REFUNDER);
        views.refund(other);
    }

    /// @notice A change of the fee does not change what comes back.
    function test_refund_isOfTheFeeThatWasPaid() public {
        pay(views, view_(10e6));
        vm.prank(ADMIN);
        views.announceFeeTerms(terms(5e6, 1000));
        vm.warp(NOW + FEE_DELAY);
        views.applyFeeTerms();
        refund(ALICE, views, _content());
        vm.assertEq(dollar.balanceOf(fan), MONEY);
    }

    /* TICKETS */

    function test_refund_ticketIsGoneAndItsPlaceFree() public {
        uint256 ticketId = buy(1);
        buy(2);
        allow(dollar, ALICE, sale);
        vm.expectEmit(address(sale));
        emit ITicketSale.TicketRefunded(
            bytes32(uint256(1)), fan, ALICE, eventId, ticketId, address(dollar), PRICE, SEAT_FEE
        );
        vm.prank(ALICE);
        sale.refund(_seat(1, ticketId));
        vm.assertEq(ticket.balanceOf(fan), 1);
        vm.assertEq(sale.tierOf(eventId, TIER).taken, 1);
        vm.assertEq(dollar.balanceOf(fan), MONEY - PRICE - SEAT_FEE);
        // The place is sold again, under a number of its own.
        uint256 later = buy(3);
        (,, uint32 number) = ticket.admissionOf(later);
        vm.assertEq(number, 3);
        vm.assertEq(later, 3);
    }

    function test_refund_afterTheEventEnded() public {
        uint256 ticketId = buy(1);
        vm.prank(ALICE);
        sale.endEvent(eventId);
        refund(ALICE, sale, _seat(1, ticketId));
        vm.assertEq(ticket.balanceOf(fan), 0);
    }

    function test_RevertWhen_ticketIsSoldOn() public {
        uint256 ticketId = buy(1);
        vm.prank(fan);
        ticket.transferFrom(fan, BOB, ticketId);
        _refuseSeat(
            _seat(1, ticketId), abi.encodeWithSelector(ITicket.NotHolder.selector, fan, ticketId)
        );
    }

    function test_RevertWhen_ticketIsRedeemed() public {
        uint256 ticketId = buy(1);
        vm.prank(fan);
        ticket.redeem(ticketId);
        _refuseSeat(
            _seat(1, ticketId),
            abi.encodeWithSelector(ITicket.AlreadyRedeemed.selector, ticketId, fan)
        );
    }

    /// @notice Two tickets of one payer: each order gives back its own.
    function test_RevertWhen_ticketIsOfAnotherOrder() public {
        uint256 first = buy(1);
        uint256 second = buy(2);
        _refuseSeat(
            _seat(1, second),
            abi.encodeWithSelector(
                IRefundablePayments.NotRefundable.selector, fan, bytes32(uint256(1))
            )
        );
        refund(ALICE, sale, _seat(1, first));
        vm.assertEq(ticket.ownerOf(second), fan);
    }

    /* HELPERS */

    function _content() private view returns (IRefundablePayments.Payment memory) {
        return paymentOf(view_(10e6), 0, FEE);
    }

    function _seat(uint256 seed, uint256 ticketId)
        private
        view
        returns (IRefundablePayments.Payment memory)
    {
        return paymentOf(seat(fan, seed), ticketId, SEAT_FEE);
    }

    function _notRefundable() private view returns (bytes memory) {
        return abi.encodeWithSelector(IRefundablePayments.NotRefundable.selector, fan, ORDER);
    }

    function _refuse(
        address account,
        IRefundablePayments.Payment memory payment,
        bytes memory reason
    ) private {
        allow(dollar, account, views);
        vm.expectRevert(reason);
        vm.prank(account);
        views.refund(payment);
    }

    function _refuseSeat(IRefundablePayments.Payment memory payment, bytes memory reason) private {
        allow(dollar, ALICE, sale);
        vm.expectRevert(reason);
        vm.prank(ALICE);
        sale.refund(payment);
    }
}
