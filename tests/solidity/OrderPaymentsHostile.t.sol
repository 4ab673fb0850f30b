// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {IOrderPayments} from "../../contracts/src/circuit/IOrderPayments.sol";
import {OrderPayments} from "../../contracts/src/circuit/OrderPayments.sol";
import {PayPerViewSplitter} from "../../contracts/src/circuit/PayPerViewSplitter.sol";
import {TicketSale} from "../../contracts/src/circuit/TicketSale.sol";
import {CircuitFixture} from "./CircuitFixture.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {vm} from "./Vm.sol";

/// @notice Debits the sender one unit more than it was told.
contract OverdebitingToken is ERC20 {
    constructor(address holder) ERC20("Over", "OVER") {
        _mint(holder, 1e18);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _burn(from, 1);
        return super.transferFrom(from, to, amount);
    }
}

/// @notice Says that it paid, and did not.
contract PretendingToken is ERC20 {
    constructor(address holder) ERC20("Pretending", "PRET") {
        _mint(holder, 1e18);
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// @notice Answers false where others revert.
contract FalseToken is ERC20 {
    constructor(address holder) ERC20("False", "FALSE") {
        _mint(holder, 1e18);
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Outline: OrderPayments.tree.
contract OrderPaymentsHostileTest is CircuitFixture {
    HostileToken private token;
    PayPerViewSplitter private splitter;

    function setUp() public override {
        super.setUp();
        token = new HostileToken();
        token.mint(fan, MONEY);
        splitter = _splitterOf(token);
    }

    /* INEXACT */

    function test_RevertWhen_tokenTakesAFee() public {
        token.setFee(1);
        _refuse(splitter, _inexact(ALICE, 10e6));
    }

    function test_RevertWhen_tokenDebitsMore() public {
        OverdebitingToken over = new OverdebitingToken(fan);
        _refuse(_splitterOf(over), _inexact(ALICE, 10e6));
    }

    function test_RevertWhen_tokenOnlyPretends() public {
        PretendingToken pretending = new PretendingToken(fan);
        _refuse(_splitterOf(pretending), _inexact(ALICE, 10e6));
    }

    function test_RevertWhen_tokenAnswersFalse() public {
        FalseToken answersFalse = new FalseToken(fan);
        PayPerViewSplitter one = _splitterOf(answersFalse);
        vm.expectPartialRevert(bytes4(keccak256("SafeERC20FailedOperation(address)")));
        pay(one, view_(10e6));
    }

    /// @notice A price without its fee is never paid.
    function test_RevertWhen_onlyThePriceIsThere() public {
        HostileToken scarce = new HostileToken();
        scarce.mint(fan, 11e6 - 1);
        PayPerViewSplitter one = _splitterOf(scarce);
        vm.expectPartialRevert(
            bytes4(keccak256("ERC20InsufficientBalance(address,uint256,uint256)"))
        );
        pay(one, view_(10e6));
        vm.assertEq(scarce.balanceOf(ALICE), 0);
        vm.assertFalse(one.isOrderPaid(fan, ORDER));
    }

    function test_RevertWhen_refundIsInexact() public {
        pay(splitter, view_(10e6));
        token.mint(ALICE, 1e6);
        allow(token, ALICE, splitter);
        token.setFee(1);
        vm.expectRevert(
            abi.encodeWithSelector(IOrderPayments.InexactTransfer.selector, ALICE, fan, 11e6)
        );
        vm.prank(ALICE);
        splitter.refund(paymentOf(view_(10e6), 0, 1e6));
    }

    /// @notice A token without permits: the failed permit is passed over, the allowance decides.
    function test_payWithPermit_tokenKnowsNone() public {
        IOrderPayments.Permit memory permit = permitOf(splitter, 11e6);
        vm.prank(fan);
        splitter.payWithPermit(view_(10e6), permit);
        vm.assertEq(token.balanceOf(ALICE), 10e6);
    }

    /* REENTRY */

    /// @notice A token that calls back finds every way to pay and refund closed, and the order that
    /// is being paid consumed.
    function test_everyEntry_refusesReentry() public {
        IOrderPayments.Order memory other = view_(1e6);
        other.orderId = keccak256("other");
        bytes[] memory calls = new bytes[](3);
        calls[1] = abi.encodeCall(splitter.payFor, (other, signed(splitter, other), noPermit()));
        calls[2] = abi.encodeCall(splitter.refund, (paymentOf(view_(10e6), 0, 1e6)));
        bytes32 refunder = splitter.REFUNDER_ROLE();
        vm.prank(ADMIN);
        splitter.grantRole(refunder, address(token));
        calls[0] = abi.encodeCall(
            splitter.payFor, (view_(10e6), signed(splitter, view_(10e6)), noPermit())
        );
        token.setReentry(address(splitter), calls);
        token.setMode(ALICE, HostileToken.Mode.Reenter);
        pay(splitter, view_(10e6));
        _assertGuarded(calls.length);
        vm.assertEq(token.balanceOf(ALICE), 10e6);
        vm.assertFalse(splitter.isOrderPaid(fan, other.orderId));
    }

    /// @notice The last place is sold once, though the token calls back while it is paid for.
    function test_sale_lastPlaceIsSoldOnce() public {
        TicketSale seats = new TicketSale(token, terms(0, 1000), 5e6, FEE_DELAY, ADMIN);
        sale = seats;
        eventId = openEvent();
        vm.prank(ALICE);
        sale.setTier(eventId, TIER, PRICE, 1);
        allow(token, fan, sale);
        IOrderPayments.Order memory second = seat(fan, 2);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(sale.payFor, (second, signed(sale, second), noPermit()));
        calls[1] = abi.encodeCall(sale.refund, (paymentOf(seat(fan, 1), 1, 3e6)));
        bytes32 refunder = sale.REFUNDER_ROLE();
        vm.prank(ADMIN);
        sale.grantRole(refunder, address(token));
        token.setReentry(address(sale), calls);
        token.setMode(ALICE, HostileToken.Mode.Reenter);
        pay(sale, seat(fan, 1));
        _assertGuarded(2);
        vm.assertEq(sale.ticket().balanceOf(fan), 1);
        vm.assertEq(sale.tierOf(eventId, TIER).taken, 1);
    }

    /* HELPERS */

    function _splitterOf(ERC20 asset) private returns (PayPerViewSplitter one) {
        one = new PayPerViewSplitter(asset, terms(1e6, 1000), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
        allow(asset, fan, one);
    }

    function _inexact(address target, uint256 amount) private view returns (bytes memory) {
        return abi.encodeWithSelector(IOrderPayments.InexactTransfer.selector, fan, target, amount);
    }

    function _refuse(PayPerViewSplitter one, bytes memory reason) private {
        vm.expectRevert(reason);
        pay(one, view_(10e6));
    }

    function _assertGuarded(uint256 calls) private view {
        vm.assertEq(token.reentrySuccesses(), 0);
        vm.assertEq(token.reentryAnswerCount(), calls);
        for (uint256 i = 0; i < calls; ++i) {
            vm.assertEq(
                bytes32(bytes4(token.reentryAnswers(i))),
                bytes32(ReentrancyGuard.ReentrancyGuardReentrantCall.selector)
            );
        }
    }
}
