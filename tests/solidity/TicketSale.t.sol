// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {ITicket} from "../../contracts/src/circuit/ITicket.sol";
import {ITicketSale} from "../../contracts/src/circuit/ITicketSale.sol";
import {DemoWallet} from "../../contracts/src/demo/DemoWallet.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Outline: TicketSale.tree.
contract TicketSaleTest is CircuitFixture {
    uint256 private constant FEE = PRICE / 10;

    /* EVENTS */

    function test_createEvent_isADraftOfItsCreator() public {
        bytes32 id = keccak256(abi.encode(BOB, SALT));
        vm.expectEmit(address(sale));
        emit ITicketSale.EventCreated(id, BOB, NOW + 1, NOW + 2);
        vm.expectEmit(address(sale));
        emit ITicketSale.EventStatusSet(id, 1);
        vm.expectEmit(address(sale));
        emit ITicketSale.EventDescribed(id, "Day", "A talk");
        vm.prank(BOB);
        vm.assertEq(sale.createEvent(SALT, NOW + 1, NOW + 2, "Day", "A talk"), id);
        vm.assertEq(sale.eventIdOf(BOB, SALT), id);
        ITicketSale.EventTerms memory one = sale.eventOf(id);
        vm.assertEq(one.creator, BOB);
        vm.assertEq(uint256(one.status), uint256(ITicketSale.EventStatus.Draft));
    }

    function test_RevertWhen_eventExists() public {
        vm.expectRevert(abi.encodeWithSelector(ITicketSale.EventExists.selector, eventId));
        vm.prank(ALICE);
        sale.createEvent(SALT, NOW + 1, NOW + 2, "Again", "");
    }

    function test_RevertWhen_eventTimesAreWrong() public {
        uint64[2][3] memory times = [[NOW + 2, NOW + 2], [NOW + 2, NOW + 1], [NOW - 2, NOW]];
        for (uint256 i = 0; i < times.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ITicketSale.InvalidEventTimes.selector, times[i][0], times[i][1]
                )
            );
            vm.prank(BOB);
            sale.createEvent(SALT, times[i][0], times[i][1], "Day", "");
        }
    }

    function test_RevertWhen_textIsTooLong() public {
        string memory name = string(new bytes(201));
        string memory text = string(new bytes(4_001));
        bytes memory reason = _tooLong(201, 200);
        vm.startPrank(ALICE);
        vm.expectRevert(reason);
        sale.describeEvent(eventId, name, "");
        vm.expectRevert(reason);
        sale.describeTier(eventId, TIER, name, "");
        reason = _tooLong(4_001, 4_000);
        vm.expectRevert(reason);
        sale.describeEvent(eventId, "", text);
        vm.expectRevert(reason);
        sale.describeTier(eventId, TIER, "", text);
        sale.describeTier(eventId, TIER, string(new bytes(200)), string(new bytes(4_000)));
        vm.stopPrank();
    }

    function test_lifecycle_goesForwardOnly() public {
        vm.startPrank(ALICE);
        vm.expectRevert(_wrongStatus(ITicketSale.EventStatus.Active));
        sale.activateEvent(eventId);
        vm.expectEmit(address(sale));
        emit ITicketSale.EventStatusSet(eventId, 3);
        sale.endEvent(eventId);
        bytes memory ended = _wrongStatus(ITicketSale.EventStatus.Ended);
        vm.expectRevert(ended);
        sale.activateEvent(eventId);
        vm.expectRevert(ended);
        sale.endEvent(eventId);
        vm.expectRevert(ended);
        sale.setTier(eventId, TIER, PRICE, CAP);
        vm.expectRevert(ended);
        sale.describeEvent(eventId, "Other", "");
        vm.expectRevert(ended);
        sale.describeTier(eventId, TIER, "Other", "");
        vm.stopPrank();
    }

    function test_RevertWhen_callerIsNotTheCreatorOfTheEvent() public {
        bytes memory reason =
            abi.encodeWithSelector(ITicketSale.NotCreatorOfEvent.selector, BOB, eventId);
        vm.startPrank(BOB);
        vm.expectRevert(reason);
        sale.activateEvent(eventId);
        vm.expectRevert(reason);
        sale.endEvent(eventId);
        vm.expectRevert(reason);
        sale.setTier(eventId, TIER, PRICE, CAP);
        vm.expectRevert(reason);
        sale.describeEvent(eventId, "Other", "");
        vm.expectRevert(reason);
        sale.describeTier(eventId, TIER, "Other", "");
        vm.stopPrank();
    }

    /* TIERS */

    function test_setTier_changesPriceAndPlaces() public {
        buy(1);
        vm.expectEmit(address(sale));
        emit ITicketSale.TicketTierSet(eventId, TIER, PRICE + 1, 1);
        vm.startPrank(ALICE);
        sale.setTier(eventId, TIER, PRICE + 1, 1);
        vm.expectRevert(abi.encodeWithSelector(ITicketSale.SupplyCapTooLow.selector, 0, 1));
        sale.setTier(eventId, TIER, PRICE, 0);
        vm.expectRevert(abi.encodeWithSelector(IOrderPayments.PriceIsZero.selector));
        sale.setTier(eventId, TIER, 0, CAP);
        vm.stopPrank();
        _refuse(seat(fan, 2), _wrongPrice(PRICE, PRICE + 1));
    }

    /// @notice What a ticket says is fixed from the first that is sold.
    function test_RevertWhen_textOfSoldTicketsChanges() public {
        buy(1);
        bytes memory reason = abi.encodeWithSelector(ITicketSale.TicketsAreSold.selector, eventId);
        vm.startPrank(ALICE);
        vm.expectRevert(reason);
        sale.describeEvent(eventId, "Other", "");
        vm.expectRevert(reason);
        sale.describeTier(eventId, TIER, "Other", "");
        vm.expectEmit(address(sale));
        emit ITicketSale.TierDescribed(eventId, TIER + 1, "Balcony", "ipfs://other");
        sale.describeTier(eventId, TIER + 1, "Balcony", "ipfs://other");
        vm.stopPrank();
    }

    /* PURCHASES */

    function test_pay_ticketAndMoneyComeTogether() public {
        IOrderPayments.Order memory one = seat(fan, 1);
        vm.expectEmit(address(sale));
        emit ITicketSale.TicketPaid(
            one.orderId, fan, ALICE, eventId, TIER, 1, address(dollar), PRICE, FEE
        );
        vm.expectEmit(address(ticket));
        emit ITicket.TicketIssued(1, eventId, TIER, 1);
        pay(sale, one);
        assertMoney(address(sale), PRICE, FEE);
        vm.assertEq(ticket.ownerOf(1), fan);
        (bytes32 id, uint32 tierId, uint32 number) = ticket.admissionOf(1);
        vm.assertEq(id, eventId);
        vm.assertEq(tierId, TIER);
        vm.assertEq(number, 1);
    }

    function test_pay_numbersAreDensePerEventAndIdsPerSale() public {
        vm.startPrank(BOB);
        bytes32 other = sale.createEvent(SALT, NOW + 1, NOW + 2, "Day", "");
        sale.setTier(other, 0, 1e6, 10);
        sale.activateEvent(other);
        vm.stopPrank();
        buy(1);
        IOrderPayments.Order memory one = order(fan, other, 0, 1e6);
        (one.orderId, one.creator) = (bytes32(uint256(2)), BOB);
        pay(sale, one);
        buy(3);
        (,, uint32 number) = ticket.admissionOf(2);
        vm.assertEq(number, 1);
        (,, number) = ticket.admissionOf(3);
        vm.assertEq(number, 2);
        vm.assertEq(sale.ticketCount(), 3);
    }

    function test_pay_soldOutAtTheCap() public {
        for (uint256 i = 0; i < CAP; ++i) {
            buy(i);
        }
        _refuse(seat(fan, CAP), abi.encodeWithSelector(ITicketSale.SoldOut.selector, eventId, TIER));
        vm.assertEq(sale.ticketCount(), CAP, "no ticket for a purchase that reverts");
        vm.assertEq(ticket.balanceOf(fan), CAP);
        vm.assertFalse(sale.isOrderPaid(fan, bytes32(uint256(CAP))));
    }

    function test_RevertWhen_eventIsNotOnSale() public {
        vm.startPrank(BOB);
        bytes32 draft = sale.createEvent(SALT, NOW + 1, NOW + 2, "Day", "");
        sale.setTier(draft, TIER, PRICE, CAP);
        vm.stopPrank();
        IOrderPayments.Order memory one = seat(fan, 1);
        (one.subject, one.creator) = (draft, BOB);
        _refuse(one, _wrongStatus(draft, ITicketSale.EventStatus.Draft));
        one.subject = keccak256("no event");
        _refuse(one, _wrongStatus(one.subject, ITicketSale.EventStatus.None));
        vm.prank(ALICE);
        sale.endEvent(eventId);
        _refuse(seat(fan, 1), _wrongStatus(ITicketSale.EventStatus.Ended));
    }

    function test_RevertWhen_eventIsOver() public {
        vm.warp(NOW + 2_000);
        _refuse(
            seat(fan, 1),
            abi.encodeWithSelector(ITicketSale.EventIsOver.selector, eventId, NOW + 2_000)
        );
        vm.warp(NOW + 1_999);
        buy(1);
    }

    function test_RevertWhen_orderIsNotWhatIsOnSale() public {
        IOrderPayments.Order memory one = seat(fan, 1);
        one.creator = BOB;
        _refuse(one, abi.encodeWithSelector(IOrderPayments.InvalidCreator.selector, BOB));
        one = seat(fan, 1);
        one.tierId = TIER + 1;
        _refuse(one, abi.encodeWithSelector(ITicketSale.NoSuchTier.selector, eventId, TIER + 1));
        one = seat(fan, 1);
        one.price = PRICE - 1;
        _refuse(one, _wrongPrice(PRICE - 1, PRICE));
        one.price = PRICE + 1;
        _refuse(one, _wrongPrice(PRICE + 1, PRICE));
    }

    /// @notice Money that does not come takes no place and makes no ticket.
    function test_RevertWhen_moneyIsMissing() public {
        uint256 rest = dollar.balanceOf(fan) - PRICE;
        vm.prank(fan);
        dollar.transfer(BOB, rest);
        vm.expectPartialRevert(
            bytes4(keccak256("ERC20InsufficientBalance(address,uint256,uint256)"))
        );
        pay(sale, seat(fan, 1));
        vm.assertEq(sale.ticketCount(), 0);
        vm.assertEq(sale.tierOf(eventId, TIER).taken, 0);
        vm.assertEq(sale.eventOf(eventId).issued, 0);
    }

    function test_pay_relayedTicketIsThePayers() public {
        IOrderPayments.Order memory one = seat(fan, 1);
        bytes memory signature = signed(sale, one);
        vm.prank(RELAYER);
        sale.payFor(one, signature, noPermit());
        vm.assertEq(ticket.ownerOf(1), fan);
    }

    function test_pay_smartAccountBuysTwoInOneTransaction() public {
        DemoWallet.Call[] memory calls = new DemoWallet.Call[](2);
        for (uint256 i = 0; i < calls.length; ++i) {
            bytes memory data = abi.encodeCall(sale.pay, (seat(address(wallet), i)));
            calls[i] = DemoWallet.Call(address(sale), data);
        }
        vm.prank(fan);
        wallet.execute(calls);
        vm.assertEq(ticket.balanceOf(address(wallet)), 2);
    }

    function test_pause_stopsTheSaleAndNothingElse() public {
        uint256 ticketId = buy(1);
        pause(sale);
        _refuse(seat(fan, 2), isPaused());
        vm.prank(fan);
        ticket.transferFrom(fan, BOB, ticketId);
        vm.prank(BOB);
        ticket.redeem(ticketId);
        vm.prank(ALICE);
        sale.endEvent(eventId);
    }

    /* HELPERS */

    function _refuse(IOrderPayments.Order memory one, bytes memory reason) private {
        vm.expectRevert(reason);
        pay(sale, one);
    }

    function _wrongStatus(ITicketSale.EventStatus status) private view returns (bytes memory) {
        return _wrongStatus(eventId, status);
    }

    function _wrongStatus(bytes32 id, ITicketSale.EventStatus status)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(ITicketSale.WrongEventStatus.selector, id, status);
    }

    function _wrongPrice(uint256 actual, uint256 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITicketSale.WrongPrice.selector, actual, expected);
    }

    function _tooLong(uint256 length, uint256 lengthMax) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ITicketSale.TextTooLong.selector, length, lengthMax);
    }
}
