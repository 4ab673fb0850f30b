// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {IPayeeHolds} from "../../contracts/src/settlement/IPayeeHolds.sol";
import {Leaf, LeafLib} from "../../contracts/src/settlement/LeafLib.sol";
import {OperationLib} from "../../contracts/src/settlement/OperationLib.sol";
import {MerkleTree} from "./MerkleTree.sol";
import {Beneficiaries} from "./mocks/Beneficiaries.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {Registries, RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

/// @notice A deployed settlement, five guardians of whom three approve, and builders whose defaults
/// are valid, so that a test names only what it is about.
abstract contract SettlementFixture {
    uint64 internal constant GENESIS = 1_000_000;
    uint64 internal constant LENGTH = 10_000;
    uint64 internal constant GRACE = 1_000;
    uint64 internal constant VETO_WINDOW = 500;
    uint64 internal constant GOVERNANCE_DELAY = 700;
    uint64 internal constant ESCROW_EXPIRY = 40_000;
    uint64 internal constant FIRST_EPOCH = 5;
    uint32 internal constant THRESHOLD = 3;
    uint256 internal constant GUARDIAN_COUNT = 5;

    address internal constant ADMIN = address(0xAD);
    address internal constant FUNDER = address(0xF0);
    address internal constant WATCHER = address(0x3A);
    address internal constant COURT = address(0xC0);
    address internal constant COMPLIANCE = address(0xCE);
    address internal constant STRANGER = address(0x57);
    address internal constant ALICE = address(0xA1);
    address internal constant BOB = address(0xB2);
    address internal constant CAROL = address(0xC3);
    bytes32 internal constant REASON = keccak256("reason");
    bytes32 internal constant WORK = bytes32(uint256(0x3011));

    EpochClock internal clock;
    Registries internal registries;
    WorkRegistry internal registry;
    Beneficiaries internal beneficiaries;
    EpochPayouts internal payouts;
    HostileToken internal token;
    uint256[] internal guardianKeys;
    address[] internal guardianAddresses;

    function setUp() public virtual {
        vm.warp(GENESIS + FIRST_EPOCH * LENGTH);
        clock = new EpochClock(GENESIS, LENGTH, GRACE);
        registries = RegistriesLib.deploy(clock, ADMIN);
        registry = registries.registry;
        beneficiaries = new Beneficiaries();
        token = new HostileToken();
        _makeGuardians();
        payouts = new EpochPayouts(
            clock, registry, beneficiaries, delays(), guardianAddresses, THRESHOLD, ADMIN
        );
        vm.startPrank(ADMIN);
        payouts.grantRole(payouts.FUNDER_ROLE(), FUNDER);
        payouts.grantRole(payouts.VETO_ROLE(), WATCHER);
        payouts.grantRole(payouts.COMPLIANCE_ROLE(), COMPLIANCE);
        registry.grantRole(registry.VERDICT_ROLE(), COURT);
        vm.stopPrank();
    }

    function delays() internal pure returns (IEpochPayouts.Delays memory) {
        return IEpochPayouts.Delays(VETO_WINDOW, GOVERNANCE_DELAY, ESCROW_EXPIRY);
    }

    /* GUARDIANS */

    function _makeGuardians() private {
        for (uint256 key = 1; key <= GUARDIAN_COUNT; ++key) {
            uint256 place = guardianKeys.length;
            guardianKeys.push(key);
            guardianAddresses.push(vm.addr(key));
            for (; place > 0 && guardianAddresses[place - 1] > vm.addr(key); --place) {
                guardianKeys[place] = guardianKeys[place - 1];
                guardianAddresses[place] = guardianAddresses[place - 1];
            }
            guardianKeys[place] = key;
            guardianAddresses[place] = vm.addr(key);
        }
    }

    function signatureOf(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @notice Signatures of the first `count` guardians, ascending.
    function signaturesOf(IEpochCommits.Approval memory approval, uint256 count)
        internal
        view
        returns (IGuardianSet.GuardianSignature[] memory signatures)
    {
        return signaturesOf(payouts.approvalDigest(approval), count);
    }

    function signaturesOf(bytes32 digest, uint256 count)
        internal
        view
        returns (IGuardianSet.GuardianSignature[] memory signatures)
    {
        signatures = new IGuardianSet.GuardianSignature[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = IGuardianSet.GuardianSignature(
                guardianAddresses[i], signatureOf(guardianKeys[i], digest)
            );
        }
    }

    /* MONEY AND EPOCHS */

    function fundToken(HostileToken asset, uint64 epoch, uint256 amount) internal {
        asset.mint(FUNDER, amount);
        vm.startPrank(FUNDER);
        asset.approve(address(payouts), amount);
        payouts.fund(epoch, address(asset), amount);
        vm.stopPrank();
    }

    function fund(uint64 epoch, uint256 amount) internal {
        fundToken(token, epoch, amount);
    }

    function totals(address asset, uint256 paidIn, uint256 allocated)
        internal
        pure
        returns (IEpochCommits.AssetTotals memory)
    {
        return IEpochCommits.AssetTotals({
            asset: asset,
            paidIn: paidIn,
            carriedIn: 0,
            allocated: allocated,
            escrow: 0,
            unallocated: paidIn - allocated,
            fees: 0
        });
    }

    /// @notice A valid approval of `epoch`, whose only asset is `token`; without money if nothing
    /// was paid in.
    function approvalOf(uint64 epoch, bytes32 root, uint256 allocated)
        internal
        view
        returns (IEpochCommits.Approval memory approval)
    {
        uint256 paidIn = payouts.paidIn(epoch, address(token));
        approval = IEpochCommits.Approval({
            epoch: epoch,
            attempt: payouts.attemptOf(epoch),
            guardianSet: payouts.guardianSet(),
            manifestDigest: keccak256(abi.encode("manifest", epoch, root)),
            root: root,
            totals: new IEpochCommits.AssetTotals[](paidIn == 0 ? 0 : 1),
            deadline: type(uint64).max
        });
        if (paidIn != 0) approval.totals[0] = totals(address(token), paidIn, allocated);
    }

    function commit(IEpochCommits.Approval memory approval) internal {
        payouts.commitEpoch(approval, signaturesOf(approval, THRESHOLD));
    }

    /// @notice `approvalOf`, of whose unallocated money some is escrow and some are fees instead.
    function approvalWith(
        uint64 epoch,
        bytes32 root,
        uint256 allocated,
        uint256 escrow,
        uint256 fees
    ) internal view returns (IEpochCommits.Approval memory approval) {
        approval = approvalOf(epoch, root, allocated);
        approval.totals[0].escrow = escrow;
        approval.totals[0].fees = fees;
        approval.totals[0].unallocated -= escrow + fees;
    }

    function warpToGraceEnd(uint64 epoch) internal {
        vm.warp(clock.graceEndOf(epoch));
    }

    /// @notice Funds the first epoch, commits `root` over `allocated` and waits until it is active.
    function activate(bytes32 root, uint256 paidIn, uint256 allocated) internal {
        fund(FIRST_EPOCH, paidIn);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, root, allocated));
        vm.warp(block.timestamp + VETO_WINDOW);
    }

    /// @notice As `activate`; `escrow` of what was paid in is in escrow leaves.
    function activateWithEscrow(bytes32 root, uint256 paidIn, uint256 allocated, uint256 escrow)
        internal
    {
        fund(FIRST_EPOCH, paidIn);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalWith(FIRST_EPOCH, root, allocated, escrow, 0));
        vm.warp(block.timestamp + VETO_WINDOW);
    }

    function placeHold(address account, uint64 duration) internal {
        uint64 expiresAt = uint64(block.timestamp) + duration;
        vm.prank(COMPLIANCE);
        payouts.placeHold(account, REASON, expiresAt);
    }

    /* LEAVES */

    function addresses(address a, address b, address c)
        internal
        pure
        returns (address[] memory list)
    {
        list = new address[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function amounts(uint256 a, uint256 b, uint256 c)
        internal
        pure
        returns (uint256[] memory list)
    {
        list = new uint256[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    /// @notice A withdrawal of `WORK` for Alice, Bob and Carol; its proof suits a tree of one leaf.
    function withdrawalOf(uint256 toAlice, uint256 toBob, uint256 toCarol)
        internal
        view
        returns (ILeafWithdrawals.Withdrawal memory)
    {
        return ILeafWithdrawals.Withdrawal({
            epoch: FIRST_EPOCH,
            workId: WORK,
            part: 0,
            asset: address(token),
            payees: addresses(ALICE, BOB, CAROL),
            amounts: amounts(toAlice, toBob, toCarol),
            proof: new bytes32[](0)
        });
    }

    function sumOf(uint256[] memory list) internal pure returns (uint256 sum) {
        for (uint256 i = 0; i < list.length; ++i) {
            sum += list[i];
        }
    }

    function leafOf(ILeafWithdrawals.Withdrawal memory w) internal view returns (bytes32) {
        Leaf memory leaf = Leaf({
            epoch: w.epoch,
            workId: w.workId,
            part: w.part,
            asset: w.asset,
            amount: sumOf(w.amounts),
            splitHash: LeafLib.splitHash(w.payees, w.amounts)
        });
        return LeafLib.hash(leaf, block.chainid, address(payouts));
    }

    /// @notice Gives every withdrawal its proof and returns the root.
    function proveAll(ILeafWithdrawals.Withdrawal[] memory ws) internal view returns (bytes32) {
        bytes32[] memory leaves = new bytes32[](ws.length);
        for (uint256 i = 0; i < ws.length; ++i) {
            leaves[i] = leafOf(ws[i]);
        }
        for (uint256 i = 0; i < ws.length; ++i) {
            ws[i].proof = MerkleTree.proofOf(leaves, i);
        }
        return MerkleTree.rootOf(leaves);
    }

    /// @notice An escrow leaf; its proof suits a tree of one leaf.
    function escrowLeafOf(bytes32 escrowId, uint256 amount)
        internal
        view
        returns (IEscrowReleases.EscrowLeaf memory)
    {
        return IEscrowReleases.EscrowLeaf(
            FIRST_EPOCH, escrowId, address(token), amount, new bytes32[](0)
        );
    }

    /// @notice The withdrawal that opens the same leaf as an ordinary one.
    function asWithdrawal(IEscrowReleases.EscrowLeaf memory leaf)
        internal
        view
        returns (ILeafWithdrawals.Withdrawal memory w)
    {
        w = withdrawalOf(0, 0, 0);
        (w.epoch, w.workId, w.asset, w.proof) = (leaf.epoch, leaf.escrowId, leaf.asset, leaf.proof);
        (w.payees, w.amounts) = (new address[](1), new uint256[](1));
        (w.payees[0], w.amounts[0]) = (address(payouts), leaf.amount);
    }

    function opIdOf(ILeafWithdrawals.Withdrawal memory w) internal view returns (bytes32) {
        return OperationLib.withdrawalId(
            block.chainid, address(payouts), w.epoch, w.workId, w.part, w.asset
        );
    }

    function missingRole(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector, account, role
        );
    }

    function heldUntil(address account, uint64 expiresAt) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IPayeeHolds.AccountHeld.selector, account, expiresAt);
    }

    function refusedWith(ILeafWithdrawals.Refusal refusal) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(ILeafWithdrawals.WithdrawalRefused.selector, refusal);
    }
}
