// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {IEscrowBeneficiaries} from "../../contracts/src/settlement/IEscrowBeneficiaries.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {IWorkVerdicts} from "../../contracts/src/settlement/IWorkVerdicts.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {IUnallocatedTransfers} from "../../contracts/src/settlement/IUnallocatedTransfers.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {Leaf, LeafLib} from "../../contracts/src/settlement/LeafLib.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Does to a settlement what its parties may do, in any order, and keeps its own books.
/// Every action is possible in every state, so a revert is a finding.
contract PayoutsHandler is IWorkVerdicts, IEscrowBeneficiaries {
    uint64 public constant VETO_WINDOW = 500;
    uint256 private constant GUARDIAN_KEY = 1;
    uint256 private constant PAYEES = 6;
    /// @dev Leaves of works in an epoch and asset; beside them a fee and an escrow leaf.
    uint256 private constant EPOCH_LEAVES = 4;
    uint256 private constant CONTENTS = 3;
    uint64 private constant GOVERNANCE_DELAY = 700;

    EpochClock public immutable clock;
    EpochPayouts public immutable payouts;
    HostileToken[2] public tokens;

    mapping(bytes32 workId => bool) public isUnderVerdict;
    /// @dev What is told to the settlement about escrow.
    mapping(bytes32 escrowId => address) public beneficiaryOf;
    mapping(bytes32 escrowId => bool) public isClaimOpen;
    ILeafWithdrawals.Withdrawal[] private _withdrawals;
    /// @dev Places of the escrow leaves in `_withdrawals`.
    uint256[] private _escrows;
    bytes32[] private _transfers;
    uint64[] public fundedEpochs;

    mapping(address asset => uint256) public ghostPaidIn;
    /// @notice What left the settlement, by its balance.
    mapping(address asset => uint256) public ghostLeft;
    /// @notice What left the settlement, by its events.
    mapping(address asset => uint256) public ghostReported;
    /// @notice The most often that one line of a leaf was settled.
    uint256 public ghostLineSettledMax;
    mapping(bytes32 opId => mapping(uint256 line => uint256)) private _lineSettledTimes;
    /// @notice The most often that one escrow was released or expired.
    uint256 public ghostEscrowSettledMax;
    mapping(bytes32 opId => uint256) private _escrowSettledTimes;
    /// @notice How often the tokens sent a held account something from the settlement, or something
    /// was set aside for one.
    uint256 public ghostHeldReceived;
    /// @notice How often each event was seen, by its selector; shows what the actions reach.
    mapping(bytes32 kind => uint256) public seenEvents;
    /// @notice How often a batch reported each refusal.
    mapping(uint8 refusal => uint256) public seenRefusals;

    constructor() {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 10_000, 1_000);
        address[] memory guardians = new address[](1);
        guardians[0] = vm.addr(GUARDIAN_KEY);
        payouts = new EpochPayouts(
            clock,
            this,
            this,
            IEpochPayouts.Delays(VETO_WINDOW, GOVERNANCE_DELAY, 40_000),
            guardians,
            1,
            address(this)
        );
        payouts.grantRole(payouts.FUNDER_ROLE(), address(this));
        payouts.grantRole(payouts.VETO_ROLE(), address(this));
        payouts.grantRole(payouts.COMPLIANCE_ROLE(), address(this));
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

    /// @notice Holds a payee for up to a day, or lifts its hold.
    function setHold(uint256 seed) external {
        address payee = _payee(seed >> 8);
        if (payouts.isHeld(payee) && seed % 4 != 0) {
            payouts.liftHold(payee);
        } else {
            payouts.placeHold(payee, bytes32(seed | 1), uint64(block.timestamp + 1 + seed % 1 days));
        }
    }

    /// @notice Somebody claims a content, wins it or loses it.
    function setBeneficiary(uint256 seed) external {
        bytes32 escrowId = _escrowId(seed >> 8);
        isClaimOpen[escrowId] = seed % 3 == 0;
        beneficiaryOf[escrowId] = seed % 3 == 1 ? _payee(seed >> 16) : address(0);
    }

    /// @notice The guardian is replaced by itself, which voids its signatures.
    function replaceGuardians() external {
        payouts.announceGuardians(payouts.guardians(), 1);
        vm.warp(block.timestamp + GOVERNANCE_DELAY);
        payouts.applyGuardians();
    }

    /// @notice Waits until the next epoch can be committed, and commits it. One time in four its
    /// leaves promise more than the one leaf's amount that is allocated.
    function commit(uint256 seed) external {
        uint64 epoch = payouts.nextEpoch();
        _waitUntilCommittable(epoch);
        IEpochCommits.Approval memory approval = _approvalOf(epoch, seed);
        IGuardianSet.GuardianSignature[] memory signatures = new IGuardianSet.GuardianSignature[](1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(GUARDIAN_KEY, payouts.approvalDigest(approval));
        signatures[0] =
            IGuardianSet.GuardianSignature(vm.addr(GUARDIAN_KEY), abi.encodePacked(r, s, v));
        payouts.commitEpoch(approval, signatures);
        if (seed % 3 != 0) vm.warp(block.timestamp + VETO_WINDOW);
    }

    function veto(uint256 seed) external {
        uint64 next = payouts.nextEpoch();
        if (next == 0) return;
        if (payouts.epochOf(next - 1).status != IEpochBooks.EpochStatus.Pending) return;
        uint256[2] memory before = _startRecording();
        payouts.veto(next - 1, bytes32(seed));
        _finishRecording(before);
    }

    function withdraw(uint256 seed) external {
        if (_withdrawals.length == 0) return;
        uint256[2] memory before = _startRecording();
        try payouts.withdraw(_pick(seed)) {}
        catch (bytes memory reason) {
            vm.assertEq(bytes32(bytes4(reason)), ILeafWithdrawals.WithdrawalRefused.selector);
        }
        _finishRecording(before);
    }

    /// @notice Three leaves, perhaps the same ones.
    function withdrawBatch(uint256 seed) external {
        if (_withdrawals.length == 0) return;
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](3);
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
        try payouts.pushUnclaimed(payee, address(token)) {}
        catch (bytes memory reason) {
            _assertHeld(payee, reason);
        }
        _finishRecording(before);
    }

    /// @notice A payee that has something waiting takes it elsewhere.
    function withdrawUnclaimed(uint256 seed) external {
        (HostileToken token, address payee) = _waiting(seed);
        if (payee == address(0)) return;
        uint256[2] memory before = _startRecording();
        vm.prank(payee);
        try payouts.withdrawUnclaimed(address(token), address(0xCAFE)) {}
        catch (bytes memory reason) {
            _assertHeld(payee, reason);
        }
        _finishRecording(before);
    }

    function releaseEscrow(uint256 seed) external {
        if (_escrows.length == 0) return;
        uint256[2] memory before = _startRecording();
        try payouts.releaseEscrow(_pickEscrow(seed)) {} catch {}
        _finishRecording(before);
    }

    function expireEscrow(uint256 seed) external {
        if (_escrows.length == 0) return;
        uint256[2] memory before = _startRecording();
        try payouts.expireEscrow(_pickEscrow(seed)) {} catch {}
        _finishRecording(before);
    }

    /// @notice Announces a transfer of money of some epoch that is unallocated and free, if any is.
    function announceTransfer(uint256 seed) external {
        uint64 epoch = fundedEpochs[seed % fundedEpochs.length];
        address asset = address(tokens[(seed >> 8) % 2]);
        if (payouts.epochOf(epoch).status != IEpochBooks.EpochStatus.Active) return;
        uint256 free = payouts.unallocated(epoch, asset) - payouts.unallocatedReserved(epoch, asset);
        if (free == 0) return;
        uint256 amount = seed % 3 == 0 ? free : 1 + (seed >> 16) % free;
        _transfers.push(
            payouts.announceUnallocatedTransfer(epoch, asset, _payee(seed >> 24), amount)
        );
    }

    /// @dev The recipient accepts: the log of a transfer that fails would be recorded all the same.
    function applyTransfer(uint256 seed) external {
        if (_transfers.length == 0) return;
        bytes32 transferId = _transfers[seed % _transfers.length];
        (,, address asset, address to,) = payouts.unallocatedTransferOf(transferId);
        if (asset != address(0)) HostileToken(asset).setMode(to, HostileToken.Mode.Plain);
        uint256[2] memory before = _startRecording();
        try payouts.applyUnallocatedTransfer(transferId) {} catch {}
        _finishRecording(before);
    }

    function cancelTransfer(uint256 seed) external {
        if (_transfers.length == 0) return;
        try payouts.cancelUnallocatedTransfer(_transfers[seed % _transfers.length]) {} catch {}
    }

    /* VIEWS */

    /// @notice What the settlement owes or holds in `asset`, added up from its parts.
    function sumOfParts(address asset) external view returns (uint256 sum) {
        for (uint256 i = 0; i < fundedEpochs.length; ++i) {
            uint64 epoch = fundedEpochs[i];
            bool isCommitted = payouts.epochOf(epoch).status != IEpochBooks.EpochStatus.None;
            sum += isCommitted
                ? payouts.remaining(epoch, asset) + payouts.escrowed(epoch, asset)
                + payouts.unallocated(epoch, asset)
                : payouts.paidIn(epoch, asset);
        }
        for (uint256 i = 0; i < PAYEES; ++i) {
            sum += payouts.unclaimed(_payee(i), asset);
        }
    }

    /// @notice Whether every announced transfer of `asset` is covered by unallocated money.
    function areTransfersCovered(address asset) external view returns (bool) {
        for (uint256 i = 0; i < fundedEpochs.length; ++i) {
            uint64 epoch = fundedEpochs[i];
            uint256 reserved = payouts.unallocatedReserved(epoch, asset);
            if (reserved > payouts.unallocated(epoch, asset)) return false;
        }
        return true;
    }

    /* INTERNALS */

    function _payee(uint256 seed) private pure returns (address) {
        return address(uint160(0xE000 + seed % PAYEES));
    }

    function _workId(uint256 number) private pure returns (bytes32) {
        return bytes32(0x3000 + number);
    }

    function _escrowId(uint256 seed) private pure returns (bytes32) {
        return LeafIds.escrowOf(bytes32(seed % CONTENTS));
    }

    /// @dev One of the four newest, or one time in four any.
    function _pickEscrow(uint256 seed) private view returns (IEscrowReleases.EscrowLeaf memory) {
        uint256 count = _escrows.length;
        bool isAny = (seed >> 64) % 4 == 0 || count < 4;
        ILeafWithdrawals.Withdrawal memory w =
            _withdrawals[_escrows[isAny ? seed % count : count - 1 - seed % 4]];
        return IEscrowReleases.EscrowLeaf(w.epoch, w.workId, w.asset, w.amounts[0], w.proof);
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
    function _pick(uint256 seed) private view returns (ILeafWithdrawals.Withdrawal memory) {
        uint256 count = _withdrawals.length;
        bool isAny = (seed >> 64) % 4 == 0 || count < 8;
        return _withdrawals[isAny ? seed % count : count - 1 - seed % 8];
    }

    function _assertHeld(address payee, bytes memory reason) private view {
        vm.assertEq(bytes32(bytes4(reason)), IPayeeHolds.AccountHeld.selector);
        vm.assertTrue(payouts.isHeld(payee), "refused though it is not held");
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
        returns (IEpochCommits.Approval memory approval)
    {
        approval = IEpochCommits.Approval({
            epoch: epoch,
            attempt: payouts.attemptOf(epoch),
            guardianSet: payouts.guardianSet(),
            manifestDigest: bytes32(seed),
            root: bytes32(0),
            totals: new IEpochCommits.AssetTotals[](payouts.assetsOf(epoch).length),
            deadline: uint64(block.timestamp)
        });
        uint256 firstNew = _withdrawals.length;
        uint256 place = 0;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 paidIn = payouts.paidIn(epoch, address(tokens[i]));
            if (paidIn == 0) continue;
            approval.totals[place++] = _addLeaves(epoch, tokens[i], paidIn, seed);
        }
        approval.root = _proveNew(firstNew);
    }

    /// @dev Up to four leaves of three lines, perhaps a fee and an escrow leaf, all of one amount,
    /// at most a sixth of what was paid in; nothing from sums too small to divide.
    function _addLeaves(uint64 epoch, HostileToken token, uint256 paidIn, uint256 seed)
        private
        returns (IEpochCommits.AssetTotals memory t)
    {
        (t.asset, t.paidIn, t.unallocated) = (address(token), paidIn, paidIn);
        uint256 line = paidIn / (3 * (EPOCH_LEAVES + 2));
        if (line == 0) return t;
        line = 1 + seed % line;
        uint256 leaves = 1 + (seed >> 96) % EPOCH_LEAVES;
        for (uint256 i = 0; i < leaves; ++i) {
            _addLeaf(epoch, token, _workId(i), line, seed);
        }
        bool isOverpromised = seed % 4 == 0 && leaves > 1;
        t.allocated = isOverpromised ? 3 * line : 3 * line * leaves;
        if ((seed >> 104) % 2 == 0) {
            _addLeaf(epoch, token, LeafIds.FEES, line, seed >> 8);
            t.fees = 3 * line;
        }
        if ((seed >> 105) % 4 != 0) {
            _addEscrow(epoch, token, _escrowId(seed >> 112), 3 * line);
            bool isShort = (seed >> 107) % 8 == 0;
            t.escrow = isShort ? 3 * line - 1 : 3 * line;
        }
        t.unallocated = paidIn - t.allocated - t.fees - t.escrow;
    }

    function _addLeaf(uint64 epoch, HostileToken token, bytes32 id, uint256 line, uint256 seed)
        private
    {
        _withdrawals.push();
        ILeafWithdrawals.Withdrawal storage w = _withdrawals[_withdrawals.length - 1];
        (w.epoch, w.workId, w.asset) = (epoch, id, address(token));
        for (uint256 k = 0; k < 3; ++k) {
            w.payees.push(_payee((seed >> 128) % (PAYEES - 2) + k));
            w.amounts.push(line);
        }
    }

    function _addEscrow(uint64 epoch, HostileToken token, bytes32 id, uint256 amount) private {
        _escrows.push(_withdrawals.length);
        _withdrawals.push();
        ILeafWithdrawals.Withdrawal storage w = _withdrawals[_withdrawals.length - 1];
        (w.epoch, w.workId, w.asset) = (epoch, id, address(token));
        w.payees.push(address(payouts));
        w.amounts.push(amount);
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

    function _leafOf(ILeafWithdrawals.Withdrawal memory w) private view returns (bytes32) {
        uint256 amount = 0;
        for (uint256 i = 0; i < w.amounts.length; ++i) {
            amount += w.amounts[i];
        }
        Leaf memory leaf = Leaf({
            epoch: w.epoch,
            workId: w.workId,
            part: w.part,
            asset: w.asset,
            amount: amount,
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
            else _recordTransfer(logs[i]);
        }
    }

    function _recordTransfer(Vm.Log memory log) private {
        if (log.topics[0] != IERC20.Transfer.selector) return;
        if (_addressOf(log.topics[1]) == address(payouts)) _recordReceiver(log.topics[2]);
    }

    function _recordReceiver(bytes32 topic) private {
        if (payouts.isHeld(_addressOf(topic))) ghostHeldReceived += 1;
    }

    function _recordEvent(Vm.Log memory log) private {
        bytes32 kind = log.topics[0];
        seenEvents[kind] += 1;
        if (kind == ILeafWithdrawals.WithdrawRefused.selector) {
            (,, uint8 refusal) = abi.decode(log.data, (uint32, address, uint8));
            seenRefusals[refusal] += 1;
        }
        if (kind == ILeafWithdrawals.PayeePaid.selector) _recordLine(log, true);
        if (kind == ILeafWithdrawals.PayeeUnclaimed.selector) _recordLine(log, false);
        if (kind == ILeafWithdrawals.UnclaimedWithdrawn.selector) {
            (, uint256 amount) = abi.decode(log.data, (address, uint256));
            ghostReported[_addressOf(log.topics[2])] += amount;
            _recordReceiver(log.topics[1]);
        }
        if (kind == IUnallocatedTransfers.UnallocatedTransferred.selector) {
            (, uint256 amount) = abi.decode(log.data, (address, uint256));
            ghostReported[_addressOf(log.topics[3])] += amount;
        }
        if (kind == IEscrowReleases.EscrowReleased.selector) {
            (, address beneficiary,) = abi.decode(log.data, (address, address, uint256));
            _recordReceiver(bytes32(uint256(uint160(beneficiary))));
            _recordEscrow(log.topics[1]);
        }
        if (kind == IEscrowReleases.EscrowExpired.selector) _recordEscrow(log.topics[1]);
    }

    function _recordLine(Vm.Log memory log, bool isPaid) private {
        (uint256 amount, uint32 line) = abi.decode(log.data, (uint256, uint32));
        if (isPaid) ghostReported[_addressOf(log.topics[3])] += amount;
        _recordReceiver(log.topics[2]);
        uint256 times = ++_lineSettledTimes[log.topics[1]][line];
        if (times > ghostLineSettledMax) ghostLineSettledMax = times;
    }

    function _recordEscrow(bytes32 opId) private {
        uint256 times = ++_escrowSettledTimes[opId];
        if (times > ghostEscrowSettledMax) ghostEscrowSettledMax = times;
    }

    function _addressOf(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }

    function _heldBalances() private view returns (uint256[2] memory) {
        return [tokens[0].balanceOf(address(payouts)), tokens[1].balanceOf(address(payouts))];
    }
}
