// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IFeeSchedule} from "../../contracts/src/payouts/IFeeSchedule.sol";
import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {LinePayments} from "../../contracts/src/payouts/LinePayments.sol";
import {PayoutBatch} from "../../contracts/src/payouts/PayoutBatch.sol";
import {TipRelay} from "../../contracts/src/payouts/TipRelay.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {HostileReceiver} from "./mocks/HostileReceiver.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {vm} from "./Vm.sol";

/// @notice A payout batch with a float in a token and in native coins, a tip relay, their roles,
/// and builders whose defaults are valid.
abstract contract LinesFixture {
    uint256 internal constant FLOAT = 1_000_000;
    uint64 internal constant FEE_DELAY = 700;
    uint80 internal constant FEE_MINIMUM = 0.0005 ether;
    uint80 internal constant FEE_MINIMUM_MAX = 0.005 ether;
    uint16 internal constant FEE_BPS = 500;

    address internal constant NATIVE = address(0);
    address internal constant ADMIN = address(0xAD);
    address internal constant OPERATOR = address(0x09E4);
    address internal constant PAUSER = address(0x9A5E);
    address internal constant COMPLIANCE = address(0xCE);
    address internal constant TREASURY = address(0x7EA5);
    address internal constant STRANGER = address(0x5757);
    address internal constant FAN = address(0xFA4);
    address internal constant ALICE = address(0xA1A1);
    address internal constant BOB = address(0xB2B2);
    address internal constant CAROL = address(0xC3C3);
    bytes32 internal constant LIST = keccak256("list");
    bytes32 internal constant ORDER = keccak256("order");
    bytes32 internal constant REASON = keccak256("reason");

    PayoutBatch internal batch;
    TipRelay internal relay;
    HostileToken internal token;
    HostileReceiver internal receiver;

    function setUp() public virtual {
        vm.warp(1_000_000);
        batch = new PayoutBatch(ADMIN);
        relay = new TipRelay(terms(FEE_MINIMUM, FEE_BPS), FEE_MINIMUM_MAX, FEE_DELAY, ADMIN);
        token = new HostileToken();
        receiver = new HostileReceiver();
        _grantRoles(batch);
        _grantRoles(relay);
        token.mint(address(batch), FLOAT);
        vm.deal(address(batch), FLOAT);
        vm.deal(FAN, 1_000 ether);
    }

    function _grantRoles(LinePayments target) private {
        vm.startPrank(ADMIN);
        target.grantRole(target.OPERATOR_ROLE(), OPERATOR);
        target.grantRole(target.PAUSER_ROLE(), PAUSER);
        target.grantRole(target.COMPLIANCE_ROLE(), COMPLIANCE);
        vm.stopPrank();
    }

    /* PAYMENTS */

    function one(uint256 index, address payee, uint256 amount)
        internal
        pure
        returns (IPayoutBatch.Payment[] memory list)
    {
        list = new IPayoutBatch.Payment[](1);
        list[0] = IPayoutBatch.Payment(index, payee, amount);
    }

    /// @notice Lines 0, 1 and 2 for Alice, Bob and Carol.
    function three(uint256 toAlice, uint256 toBob, uint256 toCarol)
        internal
        pure
        returns (IPayoutBatch.Payment[] memory list)
    {
        list = new IPayoutBatch.Payment[](3);
        list[0] = IPayoutBatch.Payment(0, ALICE, toAlice);
        list[1] = IPayoutBatch.Payment(1, BOB, toBob);
        list[2] = IPayoutBatch.Payment(2, CAROL, toCarol);
    }

    function pay(address asset, IPayoutBatch.Payment[] memory payments) internal {
        vm.prank(OPERATOR);
        batch.payBatch(LIST, asset, payments);
    }

    /* TIPS */

    function terms(uint80 minimum, uint16 bps)
        internal
        pure
        returns (IFeeSchedule.FeeTerms memory)
    {
        return IFeeSchedule.FeeTerms(TREASURY, minimum, bps);
    }

    /// @notice A tip of the fan for the order that `seed` names.
    function tip(address creator, uint256 seed, uint96 amount) internal returns (uint256) {
        uint256 value = amount + relay.feeOf(amount);
        vm.prank(FAN);
        return relay.tip{value: value}(creator, bytes32(seed), amount);
    }

    function numbers(uint256 a) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = a;
    }

    function numbers(uint256 a, uint256 b, uint256 c)
        internal
        pure
        returns (uint256[] memory list)
    {
        list = new uint256[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function payTips(uint256[] memory list) internal {
        vm.prank(OPERATOR);
        relay.payTips(list);
    }

    /* BOTH */

    function placeHold(LinePayments target, address account, uint64 duration) internal {
        uint64 expiresAt = uint64(block.timestamp) + duration;
        vm.prank(COMPLIANCE);
        target.placeHold(account, REASON, expiresAt);
    }

    function pause(LinePayments target) internal {
        vm.prank(PAUSER);
        target.pause();
    }

    /// @notice The next call emits that a line of `LIST` was skipped.
    function expectSkip(
        address asset,
        uint256 index,
        address payee,
        uint256 amount,
        ILinePayments.SkipReason reason
    ) internal {
        bytes32 opId = batch.operationIdOf(LIST, index);
        vm.expectEmit(address(batch));
        emit ILinePayments.LineSkipped(opId, LIST, payee, index, asset, amount, uint8(reason));
    }

    function isPaused() internal pure returns (bytes memory) {
        return abi.encodeWithSelector(Pausable.EnforcedPause.selector);
    }

    function missingRole(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, account, role
        );
    }

    function heldUntil(address account, uint256 expiresAt) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IPayeeHolds.AccountHeld.selector, account, expiresAt);
    }

    function nothingUnclaimed(address payee, address asset) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILinePayments.NothingUnclaimed.selector, payee, asset);
    }

    function invalidRecipient(address to) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILinePayments.InvalidRecipient.selector, to);
    }
}
