// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {EventRegister} from "./EventRegister.sol";
import {ITicket} from "./ITicket.sol";
import {ITicketSale} from "./ITicketSale.sol";
import {OrderPayments} from "./OrderPayments.sol";
import {RefundablePayments} from "./RefundablePayments.sol";
import {Ticket} from "./Ticket.sol";

/// @title Sale of tickets to events
contract TicketSale is EventRegister, RefundablePayments {
    /* STORAGE */

    /// @inheritdoc ITicketSale
    Ticket public immutable ticket;
    /// @inheritdoc ITicketSale
    uint256 public ticketCount;

    /* CONSTRUCTOR */

    /// @dev Creates its tickets itself, so that neither can stand beside another's.
    constructor(
        IERC20 asset_,
        FeeTerms memory terms,
        uint80 feeMinimumMax_,
        uint64 feeDelay_,
        address admin
    ) OrderPayments(asset_, terms, feeMinimumMax_, feeDelay_, admin) {
        ticket = new Ticket();
    }

    /* INTERNALS */

    /// @inheritdoc OrderPayments
    function _admit(Order calldata) internal override returns (uint256) {
        return ++ticketCount;
    }

    /// @inheritdoc OrderPayments
    function _deliver(Order calldata order, uint256 ticketId, uint256 fee) internal override {
        uint32 number = _takePlace(order);
        emit TicketPaid(
            order.orderId,
            order.payer,
            order.creator,
            order.subject,
            order.tierId,
            ticketId,
            address(asset),
            order.price,
            fee
        );
        ticket.issue(order.payer, ticketId, ITicket.Admission(order.subject, order.tierId, number));
    }

    /// @inheritdoc RefundablePayments
    function _takeBack(Payment calldata payment) internal override {
        // The event and the number are not needed: the payment names the event.
        // slither-disable-next-line unused-return
        (, uint32 tierId,) = ticket.admissionOf(payment.ticketId);
        _freePlace(payment.subject, tierId);
        emit TicketRefunded(
            payment.orderId,
            payment.payer,
            payment.creator,
            payment.subject,
            payment.ticketId,
            address(asset),
            payment.price,
            payment.fee
        );
        ticket.takeBack(payment.payer, payment.ticketId);
    }
}
