// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {IRefundablePayments} from "../../contracts/src/circuit/IRefundablePayments.sol";
import {ITicket} from "../../contracts/src/circuit/ITicket.sol";
import {ITicketSale} from "../../contracts/src/circuit/ITicketSale.sol";
import {OrderPayments} from "../../contracts/src/circuit/OrderPayments.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {RefundablePayments} from "../../contracts/src/circuit/RefundablePayments.sol";
import {Ticket} from "../../contracts/src/circuit/Ticket.sol";
import {TicketSale} from "../../contracts/src/circuit/TicketSale.sol";
import {TipSplitter} from "../../contracts/src/circuit/TipSplitter.sol";
import {DemoToken} from "../../contracts/src/demo/DemoToken.sol";
import {IFeeSchedule} from "../../contracts/src/payouts/IFeeSchedule.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Does to the payment contracts what payers, creators, relayers and the administrator may
/// do, in any order, and rebuilds from their events who should have what. Attempts that the
/// contracts refuse are counted by their reason; every other revert is a finding.
contract CircuitHandler {
    uint256 public constant PEOPLE = 4;
    uint256 public constant TIERS = 2;
    uint64 private constant FEE_DELAY = 700;
    address private constant TREASURY = address(0x7EA5);

    DemoToken public immutable dollar;
    PayPerViewSplitter public immutable views;
    TipSplitter public immutable tips;
    TicketSale public immutable sale;
    Ticket public immutable ticket;
    bytes32 public immutable eventId;

    /// @notice What accounts should have, by the events alone.
    mapping(address account => uint256) public ghostBalance;
    /// @notice How often an order of a payer was paid, by target.
    mapping(address target => mapping(bytes32 key => uint256)) private _paidTimes;
    /// @notice The most often that one order was paid.
    uint256 public ghostPaidMax;
    /// @notice Payments that are not refunded, as they can be given back.
    IRefundablePayments.Payment[] private _standing;
    address[] private _standingAt;
    mapping(uint256 ticketId => address) private _redeemerOf;
    mapping(uint256 ticketId => uint32) private _tierOfTicket;
    mapping(uint32 tierId => uint256) public ghostTaken;
    mapping(uint256 ticketId => bool) private _isGone;
    uint256 public ghostIssued;
    /// @notice How often an event told another fee than the terms in force.
    uint256 public ghostWrongFees;
    mapping(bytes32 kind => uint256) public seenEvents;
    mapping(bytes4 reason => uint256) public seenReasons;

    constructor() {
        vm.warp(1_000_000);
        IFeeSchedule.FeeTerms memory terms = IFeeSchedule.FeeTerms(TREASURY, 7, 500);
        dollar = new DemoToken(address(this));
        views = new PayPerViewSplitter(dollar, terms, type(uint80).max, FEE_DELAY, address(this));
        tips = new TipSplitter(dollar, terms, type(uint80).max, FEE_DELAY, address(this));
        sale = new TicketSale(dollar, terms, type(uint80).max, FEE_DELAY, address(this));
        ticket = sale.ticket();
        vm.prank(creator());
        eventId = sale.createEvent(0, 2_000_000, type(uint64).max, "Night", "");
        for (uint32 tierId = 0; tierId < TIERS; ++tierId) {
            vm.prank(creator());
            sale.setTier(eventId, tierId, 10 + tierId, 2 + tierId);
        }
        vm.prank(creator());
        sale.activateEvent(eventId);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _fund(person(i));
        }
        _fund(creator());
    }

    function _fund(address account) private {
        dollar.mint(account, 1e18);
        ghostBalance[account] = 1e18;
        OrderPayments[3] memory targets = [OrderPayments(views), tips, sale];
        for (uint256 i = 0; i < targets.length; ++i) {
            vm.prank(account);
            dollar.approve(address(targets[i]), type(uint256).max);
        }
    }

    /* PARTIES */

    function person(uint256 seed) public pure returns (address) {
        return vm.addr(1 + seed % PEOPLE);
    }

    function creator() public pure returns (address) {
        return vm.addr(99);
    }

    /* ACTIONS */

    /// @notice A payer pays for a content, or tips, itself or through a relayer.
    function pay(uint256 seed, uint32 price) external watched {
        bool isTip = seed % 2 == 0;
        IOrderPayments.Order memory one = _order(seed, isTip ? bytes32(0) : bytes32(seed | 1));
        one.price = uint256(price) + 1;
        _pay(isTip ? OrderPayments(tips) : OrderPayments(views), one, seed);
    }

    /// @notice A payer buys a ticket, often at a price that was.
    function buy(uint256 seed) external watched {
        IOrderPayments.Order memory one = _order(seed, eventId);
        one.tierId = uint32((seed >> 16) % TIERS);
        one.price = seed % 7 == 0 ? 10 : sale.tierOf(eventId, one.tierId).price;
        _pay(sale, one, seed);
    }

    /// @notice The creator moves price and places.
    function setTier(uint256 seed) external {
        uint32 tierId = uint32(seed % TIERS);
        uint32 taken = sale.tierOf(eventId, tierId).taken;
        vm.prank(creator());
        sale.setTier(eventId, tierId, 1 + (seed >> 8) % 50, taken + uint32((seed >> 32) % 3));
    }

    /// @notice The creator gives some payment back; of tickets, only those it can.
    function refund(uint256 seed) external watched {
        if (_standing.length == 0) return;
        uint256 place = seed % _standing.length;
        (IRefundablePayments.Payment memory payment, address target) =
            (_standing[place], _standingAt[place]);
        vm.prank(creator());
        try RefundablePayments(target).refund(payment) {}
        catch (bytes memory reason) {
            bool isHeldByPayer = ticket.redeemerOf(payment.ticketId) == address(0)
                && ticket.balanceOf(payment.payer) != 0
                && ticket.ownerOf(payment.ticketId) == payment.payer;
            vm.assertTrue(
                target == address(sale) && !isHeldByPayer, "only tickets are not refunded"
            );
            _refused(reason);
        }
    }

    /// @notice Somebody tries to get a payment back a second time.
    function refundAgain(uint256 seed) external watched {
        uint256 count = ghostIssued;
        if (count == 0) return;
        uint256 ticketId = 1 + seed % count;
        if (!_isGone[ticketId]) return;
        IRefundablePayments.Payment memory payment = IRefundablePayments.Payment({
            orderId: bytes32(seed % 16),
            payer: person(seed),
            creator: creator(),
            subject: eventId,
            ticketId: ticketId,
            price: 10,
            fee: 7
        });
        vm.prank(creator());
        try sale.refund(payment) {
            vm.assertTrue(false, "refunded twice");
        } catch (bytes memory reason) {
            _refused(reason);
        }
    }

    /// @notice A holder sells a ticket on.
    function resell(uint256 seed) external watched {
        uint256 ticketId = _someTicket(seed);
        if (ticketId == 0) return;
        address holder = ticket.ownerOf(ticketId);
        vm.prank(holder);
        try ticket.transferFrom(holder, person(seed >> 8), ticketId) {
            vm.assertTrue(_redeemerOf[ticketId] == address(0), "a redeemed ticket stays");
        } catch (bytes memory reason) {
            _refused(reason);
        }
    }

    /// @notice A person, the holder or not, redeems a ticket.
    function redeem(uint256 seed) external watched {
        uint256 ticketId = _someTicket(seed);
        if (ticketId == 0) return;
        address account = person(seed >> 8);
        bool isHolder = ticket.ownerOf(ticketId) == account;
        vm.prank(account);
        try ticket.redeem(ticketId) {
            vm.assertTrue(isHolder, "only the holder redeems");
        } catch (bytes memory reason) {
            _refused(reason);
        }
    }

    function changeFee(uint256 seed) external {
        OrderPayments target = _target(seed);
        target.announceFeeTerms(
            IFeeSchedule.FeeTerms(TREASURY, uint80((seed >> 8) % 40), uint16((seed >> 16) % 1001))
        );
        vm.warp(block.timestamp + FEE_DELAY);
        target.applyFeeTerms();
    }

    function pauseFor(uint256 seed) external {
        OrderPayments target = _target(seed);
        if (target.paused()) {
            target.unpause();
        } else if (seed % 5 == 0) {
            target.grantRole(target.PAUSER_ROLE(), address(this));
            target.pause();
        }
    }

    /* BOOKS */

    /// @notice Whether a ticket's holder and redeemer are what the events said.
    function areTicketsAsReported() external view returns (bool) {
        for (uint256 ticketId = 1; ticketId <= ghostIssued; ++ticketId) {
            address redeemer = ticket.redeemerOf(ticketId);
            if (redeemer != _redeemerOf[ticketId]) return false;
            if (_isGone[ticketId]) continue;
            if (redeemer != address(0) && ticket.ownerOf(ticketId) != redeemer) return false;
        }
        return true;
    }

    /// @notice Whether the contracts remember every payment that stands.
    function arePaymentsRemembered() external view returns (bool) {
        for (uint256 i = 0; i < _standing.length; ++i) {
            IRefundablePayments.Payment memory one = _standing[i];
            bytes32 key = keccak256(abi.encode(one.payer, one.orderId));
            bytes32 hash =
                keccak256(abi.encode(one.creator, one.subject, one.ticketId, one.price, one.fee));
            if (OrderPayments(_standingAt[i]).paymentHash(key) != hash) return false;
        }
        return true;
    }

    /// @dev Keeps the ghosts by what an action's events say.
    modifier watched() {
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            _read(logs[i]);
        }
    }

    function _order(uint256 seed, bytes32 subject)
        private
        view
        returns (IOrderPayments.Order memory)
    {
        return IOrderPayments.Order({
            orderId: bytes32((seed >> 32) % 16),
            payer: person(seed >> 8),
            creator: creator(),
            subject: subject,
            tierId: 0,
            price: 0,
            maxFee: seed % 11 == 0 ? 0 : type(uint256).max,
            deadline: uint64(block.timestamp)
        });
    }

    function _pay(OrderPayments target, IOrderPayments.Order memory one, uint256 seed) private {
        bytes4 reason = seed % 3 == 0 ? _payFor(target, one) : _payDirectly(target, one);
        if (reason != 0) ++seenReasons[reason];
    }

    function _payDirectly(OrderPayments target, IOrderPayments.Order memory one)
        private
        returns (bytes4)
    {
        vm.prank(one.payer);
        try target.pay(one) {
            return 0;
        } catch (bytes memory reason) {
            _forgetLogs();
            return bytes4(reason);
        }
    }

    function _payFor(OrderPayments target, IOrderPayments.Order memory one)
        private
        returns (bytes4)
    {
        uint256 key = 1;
        while (vm.addr(key) != one.payer) ++key;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, target.orderDigest(one));
        IOrderPayments.Permit memory permit;
        try target.payFor(one, abi.encodePacked(r, s, v), permit) {
            return 0;
        } catch (bytes memory reason) {
            _forgetLogs();
            return bytes4(reason);
        }
    }

    function _refused(bytes memory reason) private {
        ++seenReasons[bytes4(reason)];
        _forgetLogs();
    }

    /// @dev What a reverted call logged is recorded as well; nothing else was logged then.
    function _forgetLogs() private {
        vm.getRecordedLogs();
    }

    function _target(uint256 seed) private view returns (OrderPayments) {
        if (seed % 3 == 0) return views;
        return seed % 3 == 1 ? OrderPayments(tips) : OrderPayments(sale);
    }

    /// @dev A ticket that exists; zero if the one that `seed` names does not.
    function _someTicket(uint256 seed) private view returns (uint256 ticketId) {
        if (ghostIssued == 0) return 0;
        ticketId = 1 + seed % ghostIssued;
        if (_isGone[ticketId]) return 0;
    }

    function _read(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        ++seenEvents[kind];
        if (kind == PayPerViewSplitter.ContentPaid.selector) {
            (bytes32 content,, uint256 price, uint256 fee) =
                abi.decode(log.data, (bytes32, address, uint256, uint256));
            _book(log, content, 0, price, fee);
        } else if (kind == TipSplitter.TipPaid.selector) {
            (, uint256 price, uint256 fee) = abi.decode(log.data, (address, uint256, uint256));
            _credit(log, price, fee);
        } else if (kind == ITicketSale.TicketPaid.selector) {
            (bytes32 id, uint32 tierId, uint256 ticketId,, uint256 price, uint256 fee) =
                abi.decode(log.data, (bytes32, uint32, uint256, address, uint256, uint256));
            _book(log, id, ticketId, price, fee);
            ++ghostTaken[tierId];
            ghostIssued = ticketId;
            _tierOfTicket[ticketId] = tierId;
        } else if (kind == PayPerViewSplitter.ContentRefunded.selector) {
            (,, uint256 price, uint256 fee) =
                abi.decode(log.data, (bytes32, address, uint256, uint256));
            _debit(log, price + fee);
        } else if (kind == ITicketSale.TicketRefunded.selector) {
            (, uint256 ticketId,, uint256 price, uint256 fee) =
                abi.decode(log.data, (bytes32, uint256, address, uint256, uint256));
            _debit(log, price + fee);
            --ghostTaken[_tierOfTicket[ticketId]];
            _isGone[ticketId] = true;
        } else if (kind == ITicket.TicketRedeemed.selector) {
            uint256 ticketId = uint256(log.topics[1]);
            vm.assertTrue(_redeemerOf[ticketId] == address(0), "redeemed once");
            _redeemerOf[ticketId] = _account(log.topics[3]);
        }
    }

    function _book(Vm.Log memory log, bytes32 subject, uint256 ticketId, uint256 price, uint256 fee)
        private
    {
        _credit(log, price, fee);
        _standing.push(
            IRefundablePayments.Payment({
                orderId: log.topics[1],
                payer: _account(log.topics[2]),
                creator: _account(log.topics[3]),
                subject: subject,
                ticketId: ticketId,
                price: price,
                fee: fee
            })
        );
        _standingAt.push(log.emitter);
    }

    function _credit(Vm.Log memory log, uint256 price, uint256 fee) private {
        bytes32 key = keccak256(abi.encode(log.topics[2], log.topics[1]));
        uint256 times = ++_paidTimes[log.emitter][key];
        if (times > ghostPaidMax) ghostPaidMax = times;
        IFeeSchedule.FeeTerms memory terms = IFeeSchedule(log.emitter).feeTerms();
        uint256 rate = price * terms.bps / 10_000;
        if (fee != (rate < terms.minimum ? terms.minimum : rate)) ++ghostWrongFees;
        ghostBalance[_account(log.topics[2])] -= price + fee;
        ghostBalance[_account(log.topics[3])] += price;
        ghostBalance[TREASURY] += fee;
    }

    function _debit(Vm.Log memory log, uint256 sum) private {
        ghostBalance[creator()] -= sum;
        ghostBalance[_account(log.topics[2])] += sum;
        for (uint256 i = 0; i < _standing.length; ++i) {
            if (
                _standingAt[i] == log.emitter && _standing[i].orderId == log.topics[1]
                    && _standing[i].payer == _account(log.topics[2])
            ) {
                uint256 last = _standing.length - 1;
                (_standing[i], _standingAt[i]) = (_standing[last], _standingAt[last]);
                _standing.pop();
                _standingAt.pop();
                return;
            }
        }
        vm.assertTrue(false, "what is refunded stood");
    }

    function _account(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
