// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Commit and veto. Outline: EpochPayoutsCommit.tree.
contract EpochPayoutsCommitTest is SettlementFixture {
    bytes32 private constant ROOT = keccak256("root");
    uint256 private constant CURVE_ORDER =
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    /// @dev 100 units paid in for the first epoch, which may be committed.
    function setUp() public override {
        super.setUp();
        fund(FIRST_EPOCH, 100);
        warpToGraceEnd(FIRST_EPOCH);
    }

    /* COMMIT */

    function test_commit_reservesAndAnnounces() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        uint64 activeAt = uint64(block.timestamp) + VETO_WINDOW;
        vm.expectEmit(address(payouts));
        emit IEpochCommits.EpochCommitted(
            FIRST_EPOCH,
            1,
            approval.manifestDigest,
            ROOT,
            activeAt,
            1,
            _firstGuardians(4),
            approval.totals
        );
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 4);
        vm.prank(STRANGER);
        payouts.commitEpoch(approval, signatures);
        IEpochBooks.EpochState memory state = payouts.epochOf(FIRST_EPOCH);
        vm.assertEq(state.root, ROOT);
        vm.assertEq(state.manifestDigest, approval.manifestDigest);
        vm.assertEq(state.activeAt, activeAt);
        vm.assertEq(state.attempt, 1);
        _assertStatus(IEpochBooks.EpochStatus.Pending);
        vm.assertEq(payouts.nextEpoch(), FIRST_EPOCH + 1);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 70);
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), 30);
        vm.assertEq(payouts.accounted(address(token)), 100);
    }

    function test_commit_becomesActiveByTimeAlone() public {
        _assertStatus(IEpochBooks.EpochStatus.None);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.warp(payouts.epochOf(FIRST_EPOCH).activeAt - 1);
        _assertStatus(IEpochBooks.EpochStatus.Pending);
        vm.warp(block.timestamp + 1);
        _assertStatus(IEpochBooks.EpochStatus.Active);
    }

    function test_commit_manyAssetsInAscendingOrder() public {
        IEpochCommits.Approval memory approval = _approvalOfTwoAssets();
        commit(approval);
        vm.assertEq(payouts.remaining(FIRST_EPOCH + 1, approval.totals[0].asset), 5);
        vm.assertEq(payouts.remaining(FIRST_EPOCH + 1, approval.totals[1].asset), 0);
        vm.assertEq(payouts.unallocated(FIRST_EPOCH + 1, approval.totals[1].asset), 9);
    }

    function test_commit_epochWithoutMoney() public {
        commit(approvalOf(FIRST_EPOCH, ROOT, 100));
        warpToGraceEnd(FIRST_EPOCH + 1);
        commit(approvalOf(FIRST_EPOCH + 1, bytes32(0), 0));
        vm.assertEq(payouts.nextEpoch(), FIRST_EPOCH + 2);
    }

    function test_commit_epochWithNothingAllocated() public {
        commit(approvalOf(FIRST_EPOCH, bytes32(0), 0));
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), 100);
    }

    function test_commit_feesAreWithdrawnAndEscrowIsNot() public {
        commit(approvalWith(FIRST_EPOCH, ROOT, 60, 25, 5));
        _assertSums(65, 25, 10);
        vm.assertEq(payouts.accounted(address(token)), 100);
    }

    function test_commit_onlyEscrow() public {
        commit(approvalWith(FIRST_EPOCH, ROOT, 0, 100, 0));
        _assertSums(0, 100, 0);
    }

    function test_commit_onlyFees() public {
        commit(approvalWith(FIRST_EPOCH, ROOT, 0, 0, 100));
        _assertSums(100, 0, 0);
    }

    /// @notice Whatever way a sum is divided, nothing is lost and nothing is made.
    function testFuzz_commit_dividesWhatWasPaidIn(uint8[4] memory parts) public {
        uint256 paidIn = 100;
        uint256 allocated = parts[0] % (paidIn + 1);
        uint256 escrow = parts[1] % (paidIn - allocated + 1);
        uint256 fees = parts[2] % (paidIn - allocated - escrow + 1);
        bytes32 root = allocated + escrow + fees == 0 ? bytes32(0) : ROOT;
        commit(approvalWith(FIRST_EPOCH, root, allocated, escrow, fees));
        _assertSums(allocated + fees, escrow, paidIn - allocated - escrow - fees);
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH, REASON);
        _assertSums(0, 0, 0);
        vm.assertEq(payouts.accounted(address(token)), paidIn);
    }

    function test_commit_onTheDeadline() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.deadline = uint64(block.timestamp);
        commit(approval);
    }

    /* COMMIT: TIME AND ORDER */

    function test_RevertWhen_epochIsNotNext() public {
        _expectRevert(
            approvalOf(FIRST_EPOCH + 1, bytes32(0), 0), _notNext(FIRST_EPOCH + 1, FIRST_EPOCH)
        );
        _expectRevert(
            approvalOf(FIRST_EPOCH - 1, bytes32(0), 0), _notNext(FIRST_EPOCH - 1, FIRST_EPOCH)
        );
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        commit(approval);
        _expectRevert(approval, _notNext(FIRST_EPOCH, FIRST_EPOCH + 1));
    }

    function test_RevertWhen_graceIsNotOver() public {
        vm.warp(clock.graceEndOf(FIRST_EPOCH) - 1);
        _expectRevert(
            approvalOf(FIRST_EPOCH, ROOT, 70),
            abi.encodeWithSelector(
                IEpochCommits.EpochStillOpen.selector, FIRST_EPOCH, block.timestamp + 1
            )
        );
    }

    function test_RevertWhen_previousEpochIsPending() public {
        warpToGraceEnd(FIRST_EPOCH + 1);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        IEpochCommits.Approval memory next = approvalOf(FIRST_EPOCH + 1, bytes32(0), 0);
        uint64 activeAt = payouts.epochOf(FIRST_EPOCH).activeAt;
        vm.warp(activeAt - 1);
        _expectRevert(
            next,
            abi.encodeWithSelector(
                IEpochCommits.PreviousEpochPending.selector, FIRST_EPOCH, activeAt
            )
        );
        vm.warp(activeAt);
        commit(next);
    }

    function test_RevertWhen_deadlineIsOver() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.deadline = uint64(block.timestamp) - 1;
        _expectRevert(
            approval,
            abi.encodeWithSelector(
                IEpochCommits.ApprovalExpired.selector, block.timestamp - 1, block.timestamp
            )
        );
    }

    function test_RevertWhen_attemptIsWrong() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.attempt = 2;
        _expectRevert(approval, abi.encodeWithSelector(IEpochCommits.WrongAttempt.selector, 2, 1));
    }

    function test_RevertWhen_guardianSetIsWrong() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.guardianSet = 2;
        _expectRevert(
            approval, abi.encodeWithSelector(IEpochCommits.WrongGuardianSet.selector, 2, 1)
        );
    }

    /* COMMIT: SIGNATURES */

    function test_RevertWhen_signaturesAreBelowThreshold() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        _expectRevert(
            approval,
            signaturesOf(approval, 2),
            abi.encodeWithSelector(IGuardianSet.BelowThreshold.selector, 2, 3)
        );
    }

    function test_RevertWhen_signersAreUnorderedOrRepeated() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 3);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        _expectRevert(
            approval, signatures, _signersNotAscending(guardianAddresses[1], guardianAddresses[0])
        );
        signatures = signaturesOf(approval, 3);
        signatures[2] = signatures[1];
        _expectRevert(
            approval, signatures, _signersNotAscending(guardianAddresses[1], guardianAddresses[1])
        );
        signatures[0].signer = address(0);
        _expectRevert(approval, signatures, _signersNotAscending(address(0), address(0)));
    }

    function test_RevertWhen_signerIsNoGuardian() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 3);
        uint256 key = _keyAbove(guardianAddresses[1]);
        bytes32 digest = payouts.approvalDigest(approval);
        signatures[2] = IGuardianSet.GuardianSignature(vm.addr(key), signatureOf(key, digest));
        _expectRevert(
            approval,
            signatures,
            abi.encodeWithSelector(IGuardianSet.NotAGuardian.selector, vm.addr(key))
        );
    }

    function test_RevertWhen_surplusSignatureIsInvalid() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 4);
        signatures[3].signature = signatures[2].signature;
        _expectRevert(approval, signatures, _signatureInvalid(3));
    }

    function test_RevertWhen_signatureHasAnotherForm() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 3);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(guardianKeys[0], payouts.approvalDigest(approval));
        bytes32 highS = bytes32(CURVE_ORDER - uint256(s));
        signatures[0].signature = abi.encodePacked(r, highS, uint8(55 - v));
        _expectRevert(approval, signatures, _signatureInvalid(0));
        signatures[0].signature = abi.encodePacked(r, s | bytes32(uint256(v - 27) << 255));
        _expectRevert(approval, signatures, _signatureInvalid(0));
        signatures[0].signature = "";
        _expectRevert(approval, signatures, _signatureInvalid(0));
    }

    function testFuzz_RevertWhen_signatureHasAChangedByte(uint8 place, uint8 mask) public {
        vm.assume(mask != 0);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 3);
        signatures[1].signature[place % 65] ^= bytes1(mask);
        _expectRevert(approval, signatures, _signatureInvalid(1));
    }

    /// @notice What guardians signed is what is committed: any other field voids the signatures.
    function testFuzz_digest_changesWithEveryField(uint8 field, uint8 bit) public view {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        bytes32 before = payouts.approvalDigest(approval);
        IEpochCommits.AssetTotals memory t = approval.totals[0];
        field %= 13;
        if (field == 0) approval.epoch ^= uint64(1) << (bit % 64);
        if (field == 1) approval.attempt ^= uint32(1) << (bit % 32);
        if (field == 2) approval.guardianSet ^= uint32(1) << (bit % 32);
        if (field == 3) approval.manifestDigest ^= bytes32(uint256(1) << bit);
        if (field == 4) approval.root ^= bytes32(uint256(1) << bit);
        if (field == 5) approval.deadline ^= uint64(1) << (bit % 64);
        if (field == 6) t.asset = address(uint160(t.asset) ^ (uint160(1) << (bit % 160)));
        if (field == 7) t.paidIn ^= uint256(1) << bit;
        if (field == 8) t.carriedIn ^= uint256(1) << bit;
        if (field == 9) t.allocated ^= uint256(1) << bit;
        if (field == 10) t.escrow ^= uint256(1) << bit;
        if (field == 11) t.unallocated ^= uint256(1) << bit;
        if (field == 12) t.fees ^= uint256(1) << bit;
        vm.assertNotEq(payouts.approvalDigest(approval), before);
    }

    function test_digest_isThatOfTheTypedData() public view {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        string memory totalsType =
            "AssetTotals(address asset,uint256 paidIn,uint256 carriedIn,uint256 allocated,uint256 escrow,uint256 unallocated,uint256 fees)";
        string memory approvalType =
            "EpochApproval(uint64 epoch,uint32 attempt,uint32 guardianSet,bytes32 manifestDigest,bytes32 root,AssetTotals[] totals,uint64 deadline)";
        bytes32 totalsHash = keccak256(
            abi.encode(keccak256(bytes(totalsType)), address(token), 100, 0, 70, 0, 30, 0)
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(bytes(string.concat(approvalType, totalsType))),
                FIRST_EPOCH,
                1,
                1,
                approval.manifestDigest,
                ROOT,
                keccak256(abi.encodePacked(totalsHash)),
                type(uint64).max
            )
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quittance"),
                keccak256("1"),
                block.chainid,
                address(payouts)
            )
        );
        vm.assertEq(
            payouts.approvalDigest(approval),
            keccak256(abi.encodePacked(hex"1901", domain, structHash))
        );
    }

    function test_RevertWhen_signedForAnotherChain() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, 3);
        vm.chainId(block.chainid + 1);
        _expectRevert(approval, signatures, _signatureInvalid(0));
    }

    /* COMMIT: CONSERVATION */

    function test_RevertWhen_assetIsForgottenOrAdded() public {
        IEpochCommits.Approval memory approval = _approvalOfTwoAssets();
        IEpochCommits.AssetTotals[] memory both = approval.totals;
        approval.totals = new IEpochCommits.AssetTotals[](1);
        approval.totals[0] = both[0];
        _expectRevert(
            approval, abi.encodeWithSelector(IEpochCommits.AssetCountMismatch.selector, 1, 2)
        );
        approval.totals = new IEpochCommits.AssetTotals[](3);
        _expectRevert(
            approval, abi.encodeWithSelector(IEpochCommits.AssetCountMismatch.selector, 3, 2)
        );
    }

    function test_RevertWhen_assetsAreUnorderedOrRepeated() public {
        IEpochCommits.Approval memory approval = _approvalOfTwoAssets();
        (approval.totals[0], approval.totals[1]) = (approval.totals[1], approval.totals[0]);
        _expectRevert(
            approval,
            abi.encodeWithSelector(
                IEpochCommits.AssetsNotAscending.selector,
                approval.totals[0].asset,
                approval.totals[1].asset
            )
        );
        approval.totals[1] = approval.totals[0];
        _expectRevert(
            approval,
            abi.encodeWithSelector(
                IEpochCommits.AssetsNotAscending.selector,
                approval.totals[0].asset,
                approval.totals[0].asset
            )
        );
    }

    function test_RevertWhen_assetWasNotFunded() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].asset = address(0xBEEF);
        _expectRevert(
            approval,
            abi.encodeWithSelector(
                IEpochCommits.AssetNotFunded.selector, FIRST_EPOCH, address(0xBEEF)
            )
        );
    }

    function test_RevertWhen_paidInIsWrong() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].paidIn = 101;
        approval.totals[0].allocated = 71;
        _expectRevert(
            approval,
            abi.encodeWithSelector(IEpochCommits.PaidInMismatch.selector, address(token), 101, 100)
        );
    }

    function test_RevertWhen_carriedInIsWrong() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].carriedIn = 1;
        approval.totals[0].allocated = 71;
        vm.assertEq(payouts.carriedIn(FIRST_EPOCH, address(token)), 0);
        _expectRevert(
            approval,
            abi.encodeWithSelector(IEpochCommits.CarriedInMismatch.selector, address(token), 1, 0)
        );
    }

    function testFuzz_RevertWhen_totalsDoNotConserve(uint128 allocated, uint128 unallocated)
        public
    {
        uint256 divided = uint256(allocated) + unallocated;
        vm.assume(divided != 100);
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].allocated = allocated;
        approval.totals[0].unallocated = unallocated;
        _expectRevert(approval, _conservationBroken(divided));
    }

    function test_RevertWhen_totalsAreOneUnitOff() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].allocated = 71;
        _expectRevert(approval, _conservationBroken(101));
        approval.totals[0].allocated = 69;
        _expectRevert(approval, _conservationBroken(99));
        approval.totals[0].allocated = 70;
        approval.totals[0].unallocated = 31;
        _expectRevert(approval, _conservationBroken(101));
        approval.totals[0].unallocated = 29;
        _expectRevert(approval, _conservationBroken(99));
        approval.totals[0].unallocated = 30;
        approval.totals[0].fees = 1;
        _expectRevert(approval, _conservationBroken(101));
        (approval.totals[0].fees, approval.totals[0].escrow) = (0, 1);
        _expectRevert(approval, _conservationBroken(101));
    }

    function test_RevertWhen_totalsWrapAround() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, ROOT, 70);
        approval.totals[0].allocated = type(uint256).max;
        approval.totals[0].unallocated = 101;
        _expectRevert(approval, abi.encodeWithSignature("Panic(uint256)", 0x11));
    }

    function test_RevertWhen_rootContradictsTotals() public {
        _expectRevert(
            approvalOf(FIRST_EPOCH, bytes32(0), 70),
            abi.encodeWithSelector(IEpochCommits.RootContradictsTotals.selector, bytes32(0))
        );
        _expectRevert(
            approvalOf(FIRST_EPOCH, ROOT, 0),
            abi.encodeWithSelector(IEpochCommits.RootContradictsTotals.selector, ROOT)
        );
        _expectRevert(
            approvalWith(FIRST_EPOCH, bytes32(0), 0, 1, 0),
            abi.encodeWithSelector(IEpochCommits.RootContradictsTotals.selector, bytes32(0))
        );
        _expectRevert(
            approvalWith(FIRST_EPOCH, bytes32(0), 0, 0, 1),
            abi.encodeWithSelector(IEpochCommits.RootContradictsTotals.selector, bytes32(0))
        );
    }

    /* VETO */

    function test_veto_releasesAndVoidsTheSignatures() public {
        IEpochCommits.Approval memory approval = approvalWith(FIRST_EPOCH, ROOT, 70, 10, 5);
        commit(approval);
        vm.expectEmit(address(payouts));
        emit IEpochCommits.EpochVetoed(FIRST_EPOCH, 1, guardianAddresses[4], REASON);
        vm.prank(guardianAddresses[4]);
        payouts.veto(FIRST_EPOCH, REASON);
        IEpochBooks.EpochState memory state = payouts.epochOf(FIRST_EPOCH);
        vm.assertEq(
            abi.encode(state),
            abi.encode(bytes32(0), bytes32(0), 0, 2, IEpochBooks.EpochStatus.None)
        );
        vm.assertEq(payouts.attemptOf(FIRST_EPOCH), 2);
        vm.assertEq(payouts.nextEpoch(), FIRST_EPOCH);
        _assertSums(0, 0, 0);
        vm.assertEq(payouts.accounted(address(token)), 100);
        _expectRevert(approval, abi.encodeWithSelector(IEpochCommits.WrongAttempt.selector, 1, 2));
        IGuardianSet.GuardianSignature[] memory old = signaturesOf(approval, 3);
        approval.attempt = 2;
        _expectRevert(approval, old, _signatureInvalid(0));
        commit(approval);
        _assertSums(75, 10, 15);
        vm.assertEq(payouts.epochOf(FIRST_EPOCH).attempt, 2);
    }

    function test_veto_releasesEveryAsset() public {
        IEpochCommits.Approval memory approval = _approvalOfTwoAssets();
        commit(approval);
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH + 1, REASON);
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(payouts.remaining(FIRST_EPOCH + 1, approval.totals[i].asset), 0);
            vm.assertEq(payouts.unallocated(FIRST_EPOCH + 1, approval.totals[i].asset), 0);
        }
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 70);
    }

    function test_veto_inTheLastSecond() public {
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.warp(payouts.epochOf(FIRST_EPOCH).activeAt - 1);
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH, REASON);
        _assertStatus(IEpochBooks.EpochStatus.None);
    }

    function test_RevertWhen_vetoComesAtActivation() public {
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.warp(payouts.epochOf(FIRST_EPOCH).activeAt);
        _expectNotPending(FIRST_EPOCH);
    }

    function test_RevertWhen_nothingIsPending() public {
        _expectNotPending(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        _expectNotPending(FIRST_EPOCH + 1);
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH, REASON);
        _expectNotPending(FIRST_EPOCH);
    }

    function test_veto_worksWhilePaused() public {
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.prank(ADMIN);
        payouts.pause();
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH, REASON);
        _assertStatus(IEpochBooks.EpochStatus.None);
    }

    function test_RevertWhen_strangerVetoes() public {
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        vm.prank(ADMIN);
        vm.expectRevert(abi.encodeWithSelector(IEpochCommits.MayNotVeto.selector, ADMIN));
        payouts.veto(FIRST_EPOCH, REASON);
    }

    /* BUILDERS */

    /// @dev The first epoch is active; the next one holds 5 and 9 units of two assets, and the
    /// first of them, by address, is allocated.
    function _approvalOfTwoAssets() private returns (IEpochCommits.Approval memory approval) {
        HostileToken low = token;
        HostileToken high = new HostileToken();
        if (address(low) > address(high)) (low, high) = (high, low);
        fundToken(high, FIRST_EPOCH + 1, 9);
        fundToken(low, FIRST_EPOCH + 1, 5);
        commit(approvalOf(FIRST_EPOCH, ROOT, 70));
        warpToGraceEnd(FIRST_EPOCH + 1);
        approval = approvalOf(FIRST_EPOCH + 1, ROOT, 0);
        approval.totals = new IEpochCommits.AssetTotals[](2);
        approval.totals[0] = totals(address(low), 5, 5);
        approval.totals[1] = totals(address(high), 9, 0);
    }

    function _firstGuardians(uint256 count) private view returns (address[] memory list) {
        list = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = guardianAddresses[i];
        }
    }

    function _keyAbove(address bound) private pure returns (uint256 key) {
        key = 1000;
        while (vm.addr(key) <= bound) ++key;
    }

    /* EXPECTATIONS */

    function _expectRevert(
        IEpochCommits.Approval memory approval,
        IGuardianSet.GuardianSignature[] memory signatures,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        payouts.commitEpoch(approval, signatures);
    }

    function _expectRevert(IEpochCommits.Approval memory approval, bytes memory refusal) private {
        _expectRevert(approval, signaturesOf(approval, THRESHOLD), refusal);
    }

    function _expectNotPending(uint64 epoch) private {
        vm.prank(WATCHER);
        vm.expectRevert(abi.encodeWithSelector(IEpochCommits.EpochNotPending.selector, epoch));
        payouts.veto(epoch, REASON);
    }

    function _assertSums(uint256 remaining, uint256 escrowed, uint256 unallocated) private view {
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), remaining, "remaining");
        vm.assertEq(payouts.escrowed(FIRST_EPOCH, address(token)), escrowed, "escrowed");
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), unallocated, "unallocated");
    }

    function _assertStatus(IEpochBooks.EpochStatus expected) private view {
        vm.assertEq(uint256(payouts.epochOf(FIRST_EPOCH).status), uint256(expected));
    }

    function _notNext(uint64 epoch, uint64 expected) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEpochCommits.NotNextEpoch.selector, epoch, expected);
    }

    function _signersNotAscending(address previous, address signer)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IGuardianSet.SignersNotAscending.selector, previous, signer);
    }

    function _signatureInvalid(uint256 place) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(IGuardianSet.SignatureInvalid.selector, guardianAddresses[place]);
    }

    function _conservationBroken(uint256 divided) private view returns (bytes memory) {
        return abi.encodeWithSelector(
            IEpochCommits.ConservationBroken.selector, address(token), divided, 100
        );
    }
}
