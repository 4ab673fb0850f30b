// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFeeSchedule} from "../../contracts/src/payouts/IFeeSchedule.sol";
import {ILinePayments} from "../../contracts/src/payouts/ILinePayments.sol";
import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {ITipRelay} from "../../contracts/src/payouts/ITipRelay.sol";
import {LinePayments} from "../../contracts/src/payouts/LinePayments.sol";
import {PayoutBatch} from "../../contracts/src/payouts/PayoutBatch.sol";
import {TipRelay} from "../../contracts/src/payouts/TipRelay.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {HostileReceiver} from "./mocks/HostileReceiver.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Does to a payout batch and a tip relay what their parties may do, in any order, and
/// rebuilds their books from their events. Every action is possible in every state, so a revert is
/// a finding.
contract LinesHandler {
    uint256 public constant PAYEES = 5;
    uint256 private constant LISTS = 8;
    /// @dev Payees that burn all they get shall not burn the test's time.
    uint256 private constant CALL_GAS = 500_000;
    uint64 private constant FEE_DELAY = 700;
    address private constant NATIVE = address(0);
    address private constant TREASURY = address(0x7EA5);

    PayoutBatch public immutable batch;
    TipRelay public immutable relay;
    HostileToken public immutable token;
    HostileReceiver[PAYEES] public payees;

    bytes32[] private _opIds;
    mapping(bytes32 opId => bytes32) private _listOf;
    mapping(bytes32 opId => uint256) private _indexOf;
    mapping(bytes32 opId => address) private _emitterOf;
    mapping(bytes32 opId => uint256) private _settledTimes;
    mapping(address emitter => mapping(address payee => uint256)) private _givenTo;
    /// @notice The most often that one line was settled.
    uint256 public ghostSettledMax;
    mapping(address emitter => mapping(address payee => mapping(address asset => uint256))) public
        ghostUnclaimed;
    mapping(address emitter => mapping(address asset => uint256)) public ghostUnclaimedTotal;
    /// @notice What payees and treasury received, by their balances.
    mapping(address asset => uint256) public ghostReceived;
    /// @notice What payees and treasury received, by the events.
    mapping(address asset => uint256) public ghostReported;
    uint256 public ghostOwed;
    uint256 public ghostFees;
    uint256 public ghostTips;
    /// @notice How often a held account received something or had something set aside.
    uint256 public ghostHeldReceived;
    mapping(bytes32 kind => uint256) public seenEvents;
    mapping(uint256 reason => uint256) public seenReasons;
    uint256 public seenTooLow;

    constructor() {
        vm.warp(1_000_000);
        batch = new PayoutBatch(address(this));
        relay = new TipRelay(
            IFeeSchedule.FeeTerms(TREASURY, 7, 500), type(uint80).max, FEE_DELAY, address(this)
        );
        token = new HostileToken();
        for (uint256 i = 0; i < PAYEES; ++i) {
            payees[i] = new HostileReceiver();
        }
        _grantRoles(batch);
        _grantRoles(relay);
        vm.deal(address(this), type(uint128).max);
    }

    function _grantRoles(LinePayments target) private {
        target.grantRole(target.OPERATOR_ROLE(), address(this));
        target.grantRole(target.COMPLIANCE_ROLE(), address(this));
    }

    /* ACTIONS */

    /// @notice Fills the float.
    function fund(uint256 seed, uint16 amount) external watched {
        if (seed % 2 == 0) {
            token.mint(address(batch), amount);
        } else {
            (bool sent,) = address(batch).call{value: amount}("");
            vm.assertTrue(sent);
        }
    }

    /// @notice Coins that come without a call, which nobody can refuse.
    function force(uint8 amount) external watched {
        vm.deal(address(relay), address(relay).balance + amount);
    }

    function wait(uint16 duration) external {
        vm.warp(block.timestamp + duration);
    }

    /// @notice Up to five lines of a small list, so that plans overlap, contradict and repeat.
    function payBatch(uint256 seed) external watched {
        IPayoutBatch.Payment[] memory payments = new IPayoutBatch.Payment[](1 + seed % 5);
        for (uint256 i = 0; i < payments.length; ++i) {
            uint256 word = uint256(keccak256(abi.encode(seed, i)));
            address payee = word % 16 == 0 ? address(batch) : _payee(word >> 8);
            uint256 amount = (word >> 16) % 20 == 0 ? 0 : (word >> 24) % 1000;
            payments[i] = IPayoutBatch.Payment(250 + (word >> 40) % 12, payee, amount);
        }
        bytes32 listId = bytes32((seed >> 16) % LISTS);
        address asset = (seed >> 24) % 2 == 0 ? NATIVE : address(token);
        try batch.payBatch(listId, asset, payments) {}
        catch (bytes memory reason) {
            vm.assertTrue(bytes4(reason) == IPayoutBatch.BalanceTooLow.selector, "too low");
            ++seenTooLow;
            _forgetLogs();
        }
    }

    function tip(uint256 seed, uint32 amount) external watched {
        uint96 exact = uint96(amount) + 1;
        bytes32 orderId = bytes32(seed);
        if (relay.isOrderPaid(address(this), orderId)) return;
        uint256 fee = relay.feeOf(exact);
        relay.tip{value: exact + fee}(_payee(seed), orderId, exact);
    }

    function payTips(uint256 seed) external watched {
        uint256[] memory numbers = new uint256[](1 + seed % 5);
        for (uint256 i = 0; i < numbers.length; ++i) {
            numbers[i] = uint256(keccak256(abi.encode(seed, i))) % (relay.tipCount() + 1);
        }
        relay.payTips(numbers);
    }

    /// @notice Lets a payee accept from now on, or refuse in one of many ways, in both assets.
    function setRefusal(uint256 seed, uint8 mode) external {
        bool accepts = mode % 2 == 0;
        HostileReceiver payee = payees[seed % PAYEES];
        payee.setMode(HostileReceiver.Mode(accepts ? 0 : (mode >> 1) % 5));
        token.setMode(address(payee), HostileToken.Mode(accepts ? 0 : (mode >> 1) % 9));
    }

    function setHold(uint256 seed) external {
        LinePayments target = seed % 2 == 0 ? LinePayments(batch) : LinePayments(relay);
        address account = seed % 7 == 0 ? TREASURY : _payee(seed >> 8);
        if (target.isHeld(account) && seed % 3 != 0) {
            target.liftHold(account);
        } else {
            uint64 expiresAt = uint64(block.timestamp + 1 + (seed >> 16) % 1 days);
            target.placeHold(account, bytes32(seed | 1), expiresAt);
        }
    }

    /// @notice Somebody asks for unclaimed money: a payee, to itself or to another payee.
    function withdrawUnclaimed(uint256 seed) external watched {
        LinePayments target = seed % 2 == 0 ? LinePayments(batch) : LinePayments(relay);
        address asset = (seed >> 8) % 2 == 0 ? NATIVE : address(token);
        address payee = _payee(seed >> 16);
        address to = _payee(seed >> 24);
        if (payee == to) {
            try target.pushUnclaimed{gas: CALL_GAS}(payee, asset) {}
            catch {
                _forgetLogs();
            }
            return;
        }
        vm.prank(payee);
        try target.withdrawUnclaimed{gas: CALL_GAS}(asset, to) {}
        catch {
            _forgetLogs();
        }
    }

    function withdrawFees() external watched {
        try relay.withdrawFees() {
            if (relay.isHeld(TREASURY)) ++ghostHeldReceived;
        } catch {
            _forgetLogs();
        }
    }

    function changeFee(uint80 minimum, uint16 bps) external watched {
        relay.announceFeeTerms(IFeeSchedule.FeeTerms(TREASURY, minimum % 1000, bps % 1001));
        vm.warp(block.timestamp + FEE_DELAY);
        relay.applyFeeTerms();
    }

    /* BOOKS */

    /// @notice Whether the contracts say of every line seen what the events said.
    function areLinesAsReported() external view returns (bool) {
        for (uint256 i = 0; i < _opIds.length; ++i) {
            bytes32 opId = _opIds[i];
            LinePayments emitter = LinePayments(_emitterOf[opId]);
            bool isSettled = emitter.isSettled(_listOf[opId], _indexOf[opId]);
            if (isSettled != (_settledTimes[opId] == 1)) return false;
            if (emitter.operationIdOf(_listOf[opId], _indexOf[opId]) != opId) return false;
        }
        return true;
    }

    /// @dev Keeps the ghosts: what balances did in an action, and what its events say.
    modifier watched() {
        uint256[2][PAYEES] memory given = _given();
        uint256 coins = _received(NATIVE);
        uint256 tokens = _received(address(token));
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            _read(logs[i]);
        }
        ghostReceived[NATIVE] += _received(NATIVE) - coins;
        ghostReceived[address(token)] += _received(address(token)) - tokens;
        uint256[2][PAYEES] memory givenNow = _given();
        for (uint256 i = 0; i < PAYEES; ++i) {
            if (batch.isHeld(_payee(i)) && givenNow[i][0] != given[i][0]) ++ghostHeldReceived;
            if (relay.isHeld(_payee(i)) && givenNow[i][1] != given[i][1]) ++ghostHeldReceived;
        }
    }

    /// @dev What a reverted call logged is recorded as well; nothing else was logged then.
    function _forgetLogs() private {
        vm.getRecordedLogs();
    }

    /// @dev What batch and relay paid to each payee or set aside for it, by their events.
    function _given() private view returns (uint256[2][PAYEES] memory given) {
        for (uint256 i = 0; i < PAYEES; ++i) {
            given[i][0] = _givenTo[address(batch)][_payee(i)];
            given[i][1] = _givenTo[address(relay)][_payee(i)];
        }
    }

    /// @dev What payees and treasury have.
    function _received(address asset) private view returns (uint256 sum) {
        if (asset == NATIVE) sum = TREASURY.balance;
        for (uint256 i = 0; i < PAYEES; ++i) {
            sum += asset == NATIVE ? _payee(i).balance : token.balanceOf(_payee(i));
        }
    }

    function _read(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        ++seenEvents[kind];
        if (kind == ILinePayments.LinePaid.selector) {
            (, address asset, uint256 amount) = _settle(log);
            ghostReported[asset] += amount;
        } else if (kind == ILinePayments.LineUnclaimed.selector) {
            (address payee, address asset, uint256 amount) = _settle(log);
            ghostUnclaimed[log.emitter][payee][asset] += amount;
            ghostUnclaimedTotal[log.emitter][asset] += amount;
        } else if (kind == ILinePayments.LineSkipped.selector) {
            (,,, uint8 reason) = abi.decode(log.data, (uint256, address, uint256, uint8));
            ++seenReasons[reason];
        } else if (kind == ILinePayments.UnclaimedWithdrawn.selector) {
            address asset = address(uint160(uint256(log.topics[2])));
            (address to, uint256 amount) = abi.decode(log.data, (address, uint256));
            _givenTo[log.emitter][to] += amount;
            ghostUnclaimed[log.emitter][address(uint160(uint256(log.topics[1])))][asset] -= amount;
            ghostUnclaimedTotal[log.emitter][asset] -= amount;
            ghostReported[asset] += amount;
        } else if (kind == ITipRelay.TipReceived.selector) {
            (,, uint256 amount, uint256 fee) =
                abi.decode(log.data, (bytes32, uint256, uint256, uint256));
            ghostOwed += amount;
            ghostFees += fee;
            ++ghostTips;
        } else if (kind == ITipRelay.FeesWithdrawn.selector) {
            uint256 amount = abi.decode(log.data, (uint256));
            ghostFees -= amount;
            ghostReported[NATIVE] += amount;
        }
    }

    /// @dev Settles a line in the ghost books, whether paid or unclaimed.
    function _settle(Vm.Log memory log) private returns (address payee, address, uint256) {
        bytes32 opId = log.topics[1];
        (uint256 index, address asset, uint256 amount) =
            abi.decode(log.data, (uint256, address, uint256));
        if (_settledTimes[opId] == 0) _opIds.push(opId);
        (_listOf[opId], _indexOf[opId], _emitterOf[opId]) = (log.topics[2], index, log.emitter);
        uint256 times = ++_settledTimes[opId];
        if (times > ghostSettledMax) ghostSettledMax = times;
        if (log.emitter == address(relay)) ghostOwed -= amount;
        payee = address(uint160(uint256(log.topics[3])));
        _givenTo[log.emitter][payee] += amount;
        return (payee, asset, amount);
    }

    function _payee(uint256 seed) private view returns (address) {
        return address(payees[seed % PAYEES]);
    }
}
