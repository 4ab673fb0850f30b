// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IWorkVerdicts} from "../../contracts/src/settlement/IWorkVerdicts.sol";
import {Leaf, LeafLib} from "../../contracts/src/settlement/LeafLib.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Does to a settlement what its parties may do, in any order, and keeps its own books.
/// Every action is possible in every state, so a revert is a finding.
contract PayoutsHandler is IWorkVerdicts {
    uint64 public constant VETO_WINDOW = 500;
    uint256 private constant GUARDIAN_KEY = 1;
    uint256 private constant PAYEES = 6;
    uint256 private constant EPOCH_LEAVES = 4;

    EpochClock public immutable clock;
    EpochPayouts public immutable payouts;
    HostileToken[2] public tokens;

    mapping(bytes32 workId => bool) public isUnderVerdict;
    IEpochPayouts.Withdrawal[] private _withdrawals;
    uint64[] public fundedEpochs;

    mapping(address asset => uint256) public ghostPaidIn;
    /// @notice What left the settlement, by its balance.
    mapping(address asset => uint256) public ghostLeft;
    /// @notice What left the settlement, by its events.
    mapping(address asset => uint256) public ghostReported;
    /// @notice The most often that one leaf was settled.
    uint256 public ghostSettledMax;
    mapping(bytes32 opId => uint256) private _settledTimes;
    /// @notice How often each event was seen, by its selector; shows what the actions reach.
    mapping(bytes32 kind => uint256) public seenEvents;
    /// @notice How often a batch reported each refusal.
    mapping(uint8 refusal => uint256) public seenRefusals;

    constructor() {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 10_000, 1_000);
        address[] memory guardians = new address[](1);
        guardians[0] = vm.addr(GUARDIAN_KEY);
        payouts = new EpochPayouts(clock, this, VETO_WINDOW, guardians, 1, address(this));
        payouts.grantRole(payouts.FUNDER_ROLE(), address(this));
        payouts.grantRole(payouts.VETO_ROLE(), address(this));
        tokens = [new HostileToken(), new HostileToken()];
        if (address(tokens[0]) > address(tokens[1])) tokens = [tokens[1], tokens[0]];
    }

    /* ACTIONS */

    function fund(uint256 seed, uint96 amount) external {
        HostileToken token = tokens[seed % 2];
        uint64 epoch = clock.currentEpoch() + uint64((seed >> 1) % 2);
        if (payouts.assetsOf(epoch).length == 0) fundedEpochs.push(epoch);
        uint256 sent = uint256(amount) + 1;
        token.mint(address(this), sent);
        token.approve(address(payouts), sent);
        ghostPaidIn[address(token)] += payouts.fund(epoch, address(token), sent);
    }

    function donate(uint256 seed, uint96 amount) external {
        tokens[seed % 2].mint(address(payouts), amount);
    }

    function wait(uint16 duration) external {
        vm.warp(block.timestamp + duration);
    }

    /// @notice Lets a payee accept from now on, or refuse in one of nine ways.
    function setRefusal(uint256 seed, uint8 mode) external {
        mode = mode % 2 == 0 ? uint8(HostileToken.Mode.Plain) : (mode >> 1) % 9;
        tokens[seed % 2].setMode(_payee(seed >> 1), HostileToken.Mode(mode));
    }

    function setVerdict(uint256 seed) external {
        bytes32 workId = _workId((seed >> 8) % EPOCH_LEAVES);
        isUnderVerdict[workId] = seed % 4 == 0;
    }

    /// @notice Waits until the next epoch can be committed, and commits it. One time in four its
    /// leaves promise more than the one leaf's amount that is allocated.
    function commit(uint256 seed) external {
        uint64 epoch = payouts.nextEpoch();
        _waitUntilCommittable(epoch);
        IEpochPayouts.Approval memory approval = _approvalOf(epoch, seed);
        IEpochPayouts.GuardianSignature[] memory signatures =
            new IEpochPayouts.GuardianSignature[](1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(GUARDIAN_KEY, payouts.approvalDigest(approval));
        signatures[0] =
            IEpochPayouts.GuardianSignature(vm.addr(GUARDIAN_KEY), abi.encodePacked(r, s, v));
        payouts.commitEpoch(approval, signatures);
        if (seed % 3 != 0) vm.warp(block.timestamp + VETO_WINDOW);
    }

    function veto(uint256 seed) external {
        uint64 next = payouts.nextEpoch();
        if (next == 0) return;
        if (payouts.epochOf(next - 1).status != IEpochPayouts.EpochStatus.Pending) return;
        uint256[2] memory before = _startRecording();
        payouts.veto(next - 1, bytes32(seed));
        _finishRecording(before);
    }

    function withdraw(uint256 seed) external {
        if (_withdrawals.length == 0) return;
        uint256[2] memory before = _startRecording();
        try payouts.withdraw(_pick(seed)) {}
        catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), IEpochPayouts.WithdrawalRefused.selector);
        }
        _finishRecording(before);
    }

    /// @notice Three leaves, perhaps the same ones.
    function withdrawBatch(uint256 seed) external {
        if (_withdrawals.length == 0) return;
        IEpochPayouts.Withdrawal[] memory ws = new IEpochPayouts.Withdrawal[](3);
        for (uint256 i = 0; i < 3; ++i) {
            ws[i] = _pick(seed >> (8 * i));
        }
        uint256[2] memory before = _startRecording();
        payouts.withdrawBatch(ws);
        _finishRecording(before);
    }

    /// @notice Somebody pushes to a payee that has something waiting and accepts again.
    function pushUnclaimed(uint256 seed) external {
        (HostileToken token, address payee) = _waiting(seed);
        if (payee == address(0)) return;
        token.setMode(payee, HostileToken.Mode.Plain);
        uint256[2] memory before = _startRecording();
        payouts.pushUnclaimed(payee, address(token));
        _finishRecording(before);
    }

    /// @notice A payee that has something waiting takes it elsewhere.
    function withdrawUnclaimed(uint256 seed) external {
        (HostileToken token, address payee) = _waiting(seed);
        if (payee == address(0)) return;
        uint256[2] memory before = _startRecording();
        vm.prank(payee);
        payouts.withdrawUnclaimed(address(token), address(0xCAFE));
        _finishRecording(before);
    }

    /* VIEWS */

    /// @notice What the settlement owes or holds in `asset`, added up from its parts.
    function sumOfParts(address asset) external view returns (uint256 sum) {
        for (uint256 i = 0; i < fundedEpochs.length; ++i) {
            uint64 epoch = fundedEpochs[i];
            bool isCommitted = payouts.epochOf(epoch).status != IEpochPayouts.EpochStatus.None;
            sum += isCommitted
                ? payouts.remaining(epoch, asset) + payouts.unallocated(epoch, asset)
                : payouts.paidIn(epoch, asset);
        }
        for (uint256 i = 0; i < PAYEES; ++i) {
            sum += payouts.unclaimed(_payee(i), asset);
        }
    }

    /* INTERNALS */

    function _payee(uint256 seed) private pure returns (address) {
        return address(uint160(0xE000 + seed % PAYEES));
    }

    function _workId(uint256 number) private pure returns (bytes32) {
        return bytes32(0x3000 + number);
    }

    /// @dev A payee with unclaimed money, and its token; zero if nobody has any.
    function _waiting(uint256 seed) private view returns (HostileToken token, address payee) {
        seed %= 2 * PAYEES;
        for (uint256 i = 0; i < 2 * PAYEES; ++i) {
            token = tokens[(seed + i) % 2];
            payee = _payee((seed + i) >> 1);
            if (payouts.unclaimed(payee, address(token)) != 0) return (token, payee);
        }
        return (token, address(0));
    }

    /// @dev One of the eight newest, or one time in four any.
    function _pick(uint256 seed) private view returns (IEpochPayouts.Withdrawal memory) {
        uint256 count = _withdrawals.length;
        bool isAny = (seed >> 64) % 4 == 0 || count < 8;
        return _withdrawals[isAny ? seed % count : count - 1 - seed % 8];
    }

    function _waitUntilCommittable(uint64 epoch) private {
        uint64 graceEnd = clock.graceEndOf(epoch);
        if (block.timestamp < graceEnd) vm.warp(graceEnd);
        if (epoch == 0) return;
        uint64 previousActiveAt = payouts.epochOf(epoch - 1).activeAt;
        if (block.timestamp < previousActiveAt) vm.warp(previousActiveAt);
    }

    function _approvalOf(uint64 epoch, uint256 seed)
        private
        returns (IEpochPayouts.Approval memory approval)
    {
        approval = IEpochPayouts.Approval({
            epoch: epoch,
            attempt: payouts.attemptOf(epoch),
            guardianSet: 1,
            manifestDigest: bytes32(seed),
            root: bytes32(0),
            totals: new IEpochPayouts.AssetTotals[](payouts.assetsOf(epoch).length),
            deadline: uint64(block.timestamp)
        });
        uint256 firstNew = _withdrawals.length;
        uint256 place = 0;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 paidIn = payouts.paidIn(epoch, address(tokens[i]));
            if (paidIn == 0) continue;
            uint256 allocated = _addLeaves(epoch, tokens[i], paidIn, seed);
            approval.totals[place++] = IEpochPayouts.AssetTotals({
                asset: address(tokens[i]),
                paidIn: paidIn,
                carriedIn: 0,
                allocated: allocated,
                escrow: 0,
                unallocated: paidIn - allocated,
                fees: 0
            });
        }
        approval.root = _proveNew(firstNew);
    }

    /// @dev Up to four leaves of three lines, each at most a quarter of what was paid in; nothing
    /// from sums too small to divide.
    function _addLeaves(uint64 epoch, HostileToken token, uint256 paidIn, uint256 seed)
        private
        returns (uint256 allocated)
    {
        uint256 line = paidIn / (3 * EPOCH_LEAVES);
        if (line == 0) return 0;
        line = 1 + seed % line;
        uint256 leaves = 1 + (seed >> 96) % EPOCH_LEAVES;
        for (uint256 i = 0; i < leaves; ++i) {
            _withdrawals.push();
            IEpochPayouts.Withdrawal storage w = _withdrawals[_withdrawals.length - 1];
            (w.epoch, w.workId, w.asset) = (epoch, _workId(i), address(token));
            for (uint256 k = 0; k < 3; ++k) {
                w.payees.push(_payee((seed >> 128) % (PAYEES - 2) + k));
                w.amounts.push(line);
            }
        }
        bool isOverpromised = seed % 4 == 0 && leaves > 1;
        return isOverpromised ? 3 * line : 3 * line * leaves;
    }

    function _proveNew(uint256 firstNew) private returns (bytes32) {
        uint256 count = _withdrawals.length - firstNew;
        if (count == 0) return bytes32(0);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = _leafOf(_withdrawals[firstNew + i]);
        }
        for (uint256 i = 0; i < count; ++i) {
            _withdrawals[firstNew + i].proof = MerkleTree.proofOf(leaves, i);
        }
        return MerkleTree.rootOf(leaves);
    }

    function _leafOf(IEpochPayouts.Withdrawal memory w) private view returns (bytes32) {
        Leaf memory leaf = Leaf({
            epoch: w.epoch,
            workId: w.workId,
            part: w.part,
            asset: w.asset,
            amount: 3 * w.amounts[0],
            splitHash: LeafLib.splitHash(w.payees, w.amounts)
        });
        return LeafLib.hash(leaf, block.chainid, address(payouts));
    }

    function _startRecording() private returns (uint256[2] memory) {
        vm.recordLogs();
        return _heldBalances();
    }

    /// @dev Books what left by balance, and what the events say, apart from each other.
    function _finishRecording(uint256[2] memory before) private {
        uint256[2] memory held = _heldBalances();
        ghostLeft[address(tokens[0])] += before[0] - held[0];
        ghostLeft[address(tokens[1])] += before[1] - held[1];
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(payouts)) _recordEvent(logs[i]);
        }
    }

    function _recordEvent(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        seenEvents[kind] += 1;
        if (kind == IEpochPayouts.WithdrawRefused.selector) {
            (,, uint8 refusal) = abi.decode(log.data, (uint32, address, uint8));
            seenRefusals[refusal] += 1;
        }
        if (kind == IEpochPayouts.LeafWithdrawn.selector) {
            uint256 times = ++_settledTimes[log.topics[1]];
            if (times > ghostSettledMax) ghostSettledMax = times;
        }
        if (kind == IEpochPayouts.PayeePaid.selector) {
            (uint256 amount,) = abi.decode(log.data, (uint256, uint32));
            ghostReported[_addressOf(log.topics[3])] += amount;
        }
        if (kind == IEpochPayouts.UnclaimedWithdrawn.selector) {
            (, uint256 amount) = abi.decode(log.data, (address, uint256));
            ghostReported[_addressOf(log.topics[2])] += amount;
        }
    }

    function _addressOf(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _heldBalances() private view returns (uint256[2] memory) {
        return [tokens[0].balanceOf(address(payouts)), tokens[1].balanceOf(address(payouts))];
    }
}
