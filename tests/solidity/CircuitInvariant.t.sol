// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {ITicket} from "../../contracts/src/circuit/ITicket.sol";
import {ITicketSale} from "../../contracts/src/circuit/ITicketSale.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {TipSplitter} from "../../contracts/src/circuit/TipSplitter.sol";
import {CircuitHandler} from "./CircuitHandler.sol";
import {vm} from "./Vm.sol";

/// @notice What no sequence of actions breaks, of the contracts that payments go through.
contract CircuitInvariantTest {
    address private constant TREASURY = address(0x7EA5);

    CircuitHandler private handler;

    function setUp() public {
        handler = new CircuitHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @notice The actions get everywhere: laws that hold because nothing happens are worth
    /// nothing.
    function test_handler_reachesEveryOutcome() public {
        for (uint256 i = 0; i < 2_000; ++i) {
            _act(uint256(keccak256(abi.encode(i))));
        }
        _assertSeen(PayPerViewSplitter.ContentPaid.selector);
        _assertSeen(PayPerViewSplitter.ContentRefunded.selector);
        _assertSeen(TipSplitter.TipPaid.selector);
        _assertSeen(ITicketSale.TicketPaid.selector);
        _assertSeen(ITicketSale.TicketRefunded.selector);
        _assertSeen(ITicket.TicketRedeemed.selector);
        _assertRefused(IOrderPayments.OrderAlreadyPaid.selector);
        _assertRefused(IOrderPayments.FeeAboveMaximum.selector);
        _assertRefused(ITicketSale.SoldOut.selector);
        _assertRefused(ITicketSale.WrongPrice.selector);
        _assertRefused(ITicket.AlreadyRedeemed.selector);
        _assertRefused(ITicket.NotHolder.selector);
        _assertLaws();
    }

    function invariant_laws() public view {
        _assertLaws();
    }

    function _assertLaws() private view {
        _assertNothingStays();
        _assertEveryBalanceIsTheSumOfEvents();
        _assertOrdersArePaidOnce();
        _assertPlacesAreWithinTheCap();
        vm.assertTrue(handler.areTicketsAsReported(), "tickets");
        vm.assertTrue(handler.arePaymentsRemembered(), "payments");
    }

    function _assertNothingStays() private view {
        vm.assertEq(handler.dollar().balanceOf(address(handler.views())), 0, "views");
        vm.assertEq(handler.dollar().balanceOf(address(handler.tips())), 0, "tips");
        vm.assertEq(handler.dollar().balanceOf(address(handler.sale())), 0, "sale");
    }

    function _assertEveryBalanceIsTheSumOfEvents() private view {
        for (uint256 i = 0; i < handler.PEOPLE(); ++i) {
            _assertBalance(handler.person(i), "person");
        }
        _assertBalance(handler.creator(), "creator");
        _assertBalance(TREASURY, "treasury");
        vm.assertEq(handler.ghostWrongFees(), 0, "fees are those of the terms");
    }

    function _assertOrdersArePaidOnce() private view {
        vm.assertLe(handler.ghostPaidMax(), 1, "once");
    }

    function _assertPlacesAreWithinTheCap() private view {
        for (uint32 tierId = 0; tierId < handler.TIERS(); ++tierId) {
            ITicketSale.Tier memory tier = handler.sale().tierOf(handler.eventId(), tierId);
            vm.assertLe(tier.taken, tier.supplyCap, "cap");
            vm.assertEq(tier.taken, handler.ghostTaken(tierId), "taken");
        }
    }

    function _assertBalance(address account, string memory who) private view {
        vm.assertEq(handler.dollar().balanceOf(account), handler.ghostBalance(account), who);
    }

    function _act(uint256 seed) private {
        uint256 action = seed % 16;
        seed >>= 8;
        if (action < 3) handler.pay(seed, uint32(seed >> 64));
        else if (action < 7) handler.buy(seed);
        else if (action < 9) handler.setTier(seed);
        else if (action == 9) handler.refund(seed);
        else if (action == 10) handler.refundAgain(seed);
        else if (action == 11) handler.resell(seed);
        else if (action < 14) handler.redeem(seed);
        else if (action == 14) handler.changeFee(seed);
        else handler.pauseFor(seed);
    }

    function _assertSeen(bytes32 kind) private view {
        vm.assertGt(handler.seenEvents(kind), 0, "event is reached");
    }

    function _assertRefused(bytes4 reason) private view {
        vm.assertGt(handler.seenReasons(reason), 0, "reason is reached");
    }
}
