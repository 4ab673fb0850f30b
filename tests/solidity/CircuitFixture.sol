// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {IRefundablePayments} from "../../contracts/src/circuit/IRefundablePayments.sol";
import {OrderPayments} from "../../contracts/src/circuit/OrderPayments.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {RefundablePayments} from "../../contracts/src/circuit/RefundablePayments.sol";
import {Ticket} from "../../contracts/src/circuit/Ticket.sol";
import {TicketSale} from "../../contracts/src/circuit/TicketSale.sol";
import {TipSplitter} from "../../contracts/src/circuit/TipSplitter.sol";
import {DemoToken} from "../../contracts/src/demo/DemoToken.sol";
import {DemoWallet} from "../../contracts/src/demo/DemoWallet.sol";
import {IFeeSchedule} from "../../contracts/src/payouts/IFeeSchedule.sol";
import {vm} from "./Vm.sol";

/// @notice The payment contracts over a dollar with permits, a fan with a key and a wallet, an
/// event on sale, and builders whose defaults are valid.
abstract contract CircuitFixture {
    uint64 internal constant NOW = 1_000_000;
    uint64 internal constant FEE_DELAY = 700;
    uint80 internal constant FEE_MINIMUM_MAX = 5e6;
    uint256 internal constant MONEY = 1_000e6;
    uint256 internal constant FAN_KEY = 0xFA4;
    uint256 internal constant PRICE = 30e6;
    uint32 internal constant CAP = 3;
    uint32 internal constant TIER = 7;

    address internal constant ADMIN = address(0xAD);
    address internal constant PAUSER = address(0x9A5E);
    address internal constant REFUNDER = address(0x2EF4);
    address internal constant TREASURY = address(0x7EA5);
    address internal constant STRANGER = address(0x5757);
    address internal constant RELAYER = address(0x2E1A);
    address internal constant ALICE = address(0xA1A1);
    address internal constant BOB = address(0xB2B2);
    bytes32 internal constant CONTENT = keccak256("content");
    bytes32 internal constant ORDER = keccak256("order");
    bytes32 internal constant SALT = keccak256("salt");

    DemoToken internal dollar;
    DemoWallet internal wallet;
    PayPerViewSplitter internal views;
    TipSplitter internal tips;
    TicketSale internal sale;
    Ticket internal ticket;
    address internal fan;
    bytes32 internal eventId;

    function setUp() public virtual {
        vm.warp(NOW);
        fan = vm.addr(FAN_KEY);
        dollar = new DemoToken(address(this));
        wallet = new DemoWallet(fan);
        views = new PayPerViewSplitter(dollar, terms(1e6, 1000), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
        tips = new TipSplitter(dollar, terms(1e6, 500), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
        sale = new TicketSale(dollar, terms(0, 1000), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
        ticket = sale.ticket();
        address[3] memory payers = [fan, address(wallet), BOB];
        for (uint256 i = 0; i < payers.length; ++i) {
            dollar.mint(payers[i], MONEY);
            allow(dollar, payers[i], views);
            allow(dollar, payers[i], tips);
            allow(dollar, payers[i], sale);
        }
        _grantRoles();
        eventId = openEvent();
    }

    function _grantRoles() private {
        OrderPayments[3] memory all = [OrderPayments(views), tips, sale];
        vm.startPrank(ADMIN);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i].grantRole(all[i].PAUSER_ROLE(), PAUSER);
        }
        views.grantRole(views.REFUNDER_ROLE(), REFUNDER);
        sale.grantRole(sale.REFUNDER_ROLE(), REFUNDER);
        vm.stopPrank();
    }

    function terms(uint80 minimum, uint16 bps)
        internal
        pure
        returns (IFeeSchedule.FeeTerms memory)
    {
        return IFeeSchedule.FeeTerms(TREASURY, minimum, bps);
    }

    function allow(IERC20 asset, address payer, OrderPayments spender) internal {
        vm.prank(payer);
        asset.approve(address(spender), type(uint256).max);
    }

    /* ORDERS */

    function order(address payer, bytes32 subject, uint32 tierId, uint256 price)
        internal
        pure
        returns (IOrderPayments.Order memory)
    {
        return IOrderPayments.Order({
            orderId: ORDER,
            payer: payer,
            creator: ALICE,
            subject: subject,
            tierId: tierId,
            price: price,
            maxFee: type(uint256).max,
            deadline: type(uint64).max
        });
    }

    /// @notice The fan's order of a content.
    function view_(uint256 price) internal view returns (IOrderPayments.Order memory) {
        return order(fan, CONTENT, 0, price);
    }

    /// @notice The fan's tip.
    function tip(uint256 amount) internal view returns (IOrderPayments.Order memory) {
        return order(fan, 0, 0, amount);
    }

    /// @notice An order of the ticket on sale.
    function seat(address payer, uint256 orderId)
        internal
        view
        returns (IOrderPayments.Order memory one)
    {
        one = order(payer, eventId, TIER, PRICE);
        one.orderId = bytes32(orderId);
    }

    function pay(OrderPayments target, IOrderPayments.Order memory one) internal {
        vm.prank(one.payer);
        target.pay(one);
    }

    function signed(OrderPayments target, IOrderPayments.Order memory one)
        internal
        view
        returns (bytes memory)
    {
        return signatureOf(FAN_KEY, target.orderDigest(one));
    }

    function signatureOf(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice The fan's permit of the dollar, for as much as it says.
    function permitOf(OrderPayments spender, uint256 value)
        internal
        view
        returns (IOrderPayments.Permit memory permit)
    {
        permit.value = value;
        permit.deadline = NOW + 100;
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                fan,
                spender,
                value,
                dollar.nonces(fan),
                permit.deadline
            )
        );
        (permit.v, permit.r, permit.s) = vm.sign(
            FAN_KEY, keccak256(abi.encodePacked(hex"1901", dollar.DOMAIN_SEPARATOR(), structHash))
        );
    }

    function noPermit() internal pure returns (IOrderPayments.Permit memory permit) {}

    /// @notice The payment that paying `one` made.
    function paymentOf(IOrderPayments.Order memory one, uint256 ticketId, uint256 fee)
        internal
        pure
        returns (IRefundablePayments.Payment memory)
    {
        return IRefundablePayments.Payment({
            orderId: one.orderId,
            payer: one.payer,
            creator: one.creator,
            subject: one.subject,
            ticketId: ticketId,
            price: one.price,
            fee: fee
        });
    }

    /// @notice `account` gets money and refunds a payment with it.
    function refund(
        address account,
        RefundablePayments target,
        IRefundablePayments.Payment memory payment
    ) internal {
        allow(dollar, account, target);
        vm.prank(account);
        target.refund(payment);
    }

    /* EVENTS */

    /// @notice An event of Alice with one tier, on sale.
    function openEvent() internal returns (bytes32 id) {
        vm.startPrank(ALICE);
        id = sale.createEvent(SALT, NOW + 1_000, NOW + 2_000, "Night", "A concert");
        sale.setTier(id, TIER, PRICE, CAP);
        sale.describeTier(id, TIER, "Front row", "ipfs://image");
        sale.activateEvent(id);
        vm.stopPrank();
    }

    /// @notice The fan buys a ticket under the order id that `seed` names.
    function buy(uint256 seed) internal returns (uint256 ticketId) {
        pay(sale, seat(fan, seed));
        return sale.ticketCount();
    }

    /* BOTH */

    /// @notice What creator, treasury and contract hold of the dollar.
    function assertMoney(address target, uint256 creator, uint256 treasury) internal view {
        vm.assertEq(dollar.balanceOf(ALICE), creator, "creator");
        vm.assertEq(dollar.balanceOf(TREASURY), treasury, "treasury");
        vm.assertEq(dollar.balanceOf(target), 0, "nothing stays");
    }

    function pause(OrderPayments target) internal {
        vm.prank(PAUSER);
        target.pause();
    }

    function isPaused() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
    }

    function missingRole(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, account, role
        );
    }
}
