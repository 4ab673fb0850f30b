// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {IEpochBooks} from "../../contracts/src/settlement/IEpochBooks.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {RegistriesLib} from "./Registries.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice Withdrawals and unclaimed money. Outline: EpochPayoutsWithdraw.tree.
contract EpochPayoutsWithdrawTest is SettlementFixture {
    /* WITHDRAW */

    function test_withdraw_paysEveryLine() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 1000, 321);
        bytes32 opId = opIdOf(w);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.LeafWithdrawn(opId, FIRST_EPOCH, WORK, 0, address(token), 321);
        for (uint32 line = 0; line < 3; ++line) {
            vm.expectEmit(address(payouts));
            emit ILeafWithdrawals.PayeePaid(
                opId, w.payees[line], address(token), w.amounts[line], line
            );
        }
        vm.prank(STRANGER);
        payouts.withdraw(w);
        _assertBalances(1, 20, 300);
        vm.assertEq(_paidLines(w), 7);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 0);
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), 679);
        vm.assertEq(payouts.accounted(address(token)), 679);
    }

    function test_withdraw_acceptsTokensThatAnswerNothing() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        token.setMode(BOB, HostileToken.Mode.AnswerNothing);
        payouts.withdraw(w);
        _assertBalances(1, 20, 300);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 0);
    }

    function test_withdraw_widestLeaf() public {
        ILeafWithdrawals.Withdrawal memory w = _wideWithdrawal(32);
        activate(leafOf(w), 32, 32);
        payouts.withdraw(w);
        vm.assertEq(_paidLines(w), type(uint32).max);
        for (uint256 line = 0; line < 32; ++line) {
            vm.assertEq(token.balanceOf(w.payees[line]), 1);
        }
        _expectRefused(w, ILeafWithdrawals.Refusal.AlreadyWithdrawn);
    }

    function test_withdraw_partsOfOneWork() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(4, 5, 6));
        ws[1].part = 1;
        _activateTree(ws, 21);
        payouts.withdrawBatch(ws);
        _assertBalances(5, 7, 9);
    }

    function testFuzz_withdraw_conserves(uint64[8] memory lines, uint8 refusing) public {
        ILeafWithdrawals.Withdrawal memory w = _wideWithdrawal(8);
        for (uint256 i = 0; i < 8; ++i) {
            w.amounts[i] = uint256(lines[i]) + 1;
            bool isRefusing = (refusing >> i) & 1 == 1;
            if (isRefusing) token.setMode(w.payees[i], HostileToken.Mode.Revert);
        }
        uint256 amount = sumOf(w.amounts);
        activate(leafOf(w), amount + 5, amount + 2);
        payouts.withdraw(w);
        uint256 unclaimed = 0;
        for (uint256 i = 0; i < 8; ++i) {
            bool isRefusing = (refusing >> i) & 1 == 1;
            vm.assertEq(token.balanceOf(w.payees[i]), isRefusing ? 0 : w.amounts[i]);
            uint256 waiting = payouts.unclaimed(w.payees[i], address(token));
            vm.assertEq(waiting, isRefusing ? w.amounts[i] : 0);
            unclaimed += waiting;
        }
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 2);
        vm.assertEq(payouts.accounted(address(token)), 5 + unclaimed);
        vm.assertEq(token.balanceOf(address(payouts)), 5 + unclaimed);
    }

    /* REFUSALS */

    function test_RevertWhen_epochIsNotActive() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        _expectRefused(w, ILeafWithdrawals.Refusal.EpochNotActive);
        activate(leafOf(w), 6, 6);
        vm.warp(block.timestamp - 1);
        _expectRefused(w, ILeafWithdrawals.Refusal.EpochNotActive);
        vm.warp(block.timestamp + 1);
        payouts.withdraw(w);
    }

    function test_RevertWhen_epochWasVetoed() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        fund(FIRST_EPOCH, 6);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, leafOf(w), 6));
        vm.prank(WATCHER);
        payouts.veto(FIRST_EPOCH, keccak256("reason"));
        vm.warp(block.timestamp + VETO_WINDOW);
        _expectRefused(w, ILeafWithdrawals.Refusal.EpochNotActive);
    }

    function test_RevertWhen_workIsUnderVerdict_untilLifted() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        w.workId = _registeredWork();
        activate(leafOf(w), 6, 6);
        vm.prank(COURT);
        registry.placeVerdict(w.workId, keccak256("case"));
        _expectRefused(w, ILeafWithdrawals.Refusal.WorkUnderVerdict);
        vm.prank(COURT);
        registry.liftVerdict(w.workId, keccak256("case"));
        payouts.withdraw(w);
        _assertBalances(1, 2, 3);
    }

    function test_RevertWhen_splitIsMalformed() public {
        ILeafWithdrawals.Withdrawal memory valid = withdrawalOf(1, 2, 3);
        activate(leafOf(valid), 6, 6);
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        (w.payees, w.amounts) = (new address[](0), new uint256[](0));
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        _expectRefused(_wideWithdrawal(33), ILeafWithdrawals.Refusal.MalformedSplit);
        w = withdrawalOf(1, 2, 3);
        w.amounts = new uint256[](2);
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        w = withdrawalOf(1, 2, 3);
        w.payees = addresses(BOB, ALICE, CAROL);
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        w.payees = addresses(ALICE, ALICE, CAROL);
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        w.payees = addresses(address(0), ALICE, CAROL);
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        _expectRefused(withdrawalOf(1, 0, 5), ILeafWithdrawals.Refusal.MalformedSplit);
        _expectRefused(
            withdrawalOf(1, type(uint256).max, 3), ILeafWithdrawals.Refusal.MalformedSplit
        );
    }

    /// @dev Even a root that promises it does not pay the token or the settlement itself.
    function test_RevertWhen_payeeIsTheTokenOrTheSettlement() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(1, 2, 3));
        ws[0].payees[2] = address(token);
        ws[1].payees[2] = address(payouts);
        ws[1].part = 1;
        _activateTree(ws, 12);
        _expectRefused(ws[0], ILeafWithdrawals.Refusal.MalformedSplit);
        _expectRefused(ws[1], ILeafWithdrawals.Refusal.MalformedSplit);
    }

    function test_RevertWhen_proofIsOfAnotherChainOrContract() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 6, 6);
        uint256 chainId = block.chainid;
        vm.chainId(chainId + 1);
        _expectRefused(w, ILeafWithdrawals.Refusal.BadProof);
        vm.chainId(chainId);
        payouts.withdraw(w);
    }

    function test_RevertWhen_epochHasNoRoot() public {
        activate(bytes32(0), 6, 0);
        _expectRefused(withdrawalOf(1, 2, 3), ILeafWithdrawals.Refusal.BadProof);
    }

    /// @notice One changed bit anywhere breaks a proof.
    function testFuzz_RevertWhen_oneBitIsChanged(uint8 field, uint256 place, uint8 bit) public {
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](5);
        for (uint32 i = 0; i < 5; ++i) {
            ws[i] = withdrawalOf(1 + i, 2, 3);
            ws[i].part = i;
        }
        _activateTree(ws, 1000);
        ILeafWithdrawals.Withdrawal memory w = ws[place % 4];
        field %= 6;
        if (field == 0) w.workId ^= bytes32(uint256(1) << bit);
        if (field == 1) w.part ^= uint32(1) << (bit % 32);
        if (field == 2) w.asset = address(uint160(w.asset) ^ (uint160(1) << (bit % 160)));
        if (field == 3) w.amounts[place % 3] ^= uint256(1) << bit;
        if (field == 4) w.proof[place % 3] ^= bytes32(uint256(1) << bit);
        if (field == 5) {
            uint160 payee = uint160(w.payees[place % 3]);
            w.payees[place % 3] = address(payee ^ (uint160(1) << (bit % 160)));
        }
        vm.expectPartialRevert(ILeafWithdrawals.WithdrawalRefused.selector);
        payouts.withdraw(w);
        vm.assertEq(token.balanceOf(address(payouts)), 1000);
    }

    function test_RevertWhen_withdrawnTwice() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 100, 100);
        payouts.withdraw(w);
        _expectRefused(w, ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        ILeafWithdrawals.Withdrawal[] memory ws = _pair(w, w);
        payouts.withdrawBatch(ws);
        _assertBalances(1, 2, 3);
    }

    /// @notice Two leaves of a wrong tree for one place are still one payment.
    function test_RevertWhen_placeIsPaidUnderAnotherLeaf() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(4, 5, 6));
        _activateTree(ws, 100);
        payouts.withdraw(ws[1]);
        _expectRefused(ws[0], ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        _assertBalances(4, 5, 6);
    }

    /// @notice A root that promises more than was allocated does not reach other money.
    function test_RevertWhen_rootPromisesMoreThanIsLeft() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(4, 5, 6));
        ws[1].part = 1;
        bytes32 root = proveAll(ws);
        fund(FIRST_EPOCH + 1, 1000);
        fund(FIRST_EPOCH, 500);
        warpToGraceEnd(FIRST_EPOCH);
        commit(approvalOf(FIRST_EPOCH, root, 20));
        vm.warp(block.timestamp + VETO_WINDOW);
        payouts.withdraw(ws[0]);
        _expectRefused(ws[1], ILeafWithdrawals.Refusal.ExceedsRemaining);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 14);
    }

    /// @notice Checks come in the order of the enum.
    function test_withdraw_firstReasonIsNamed() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        w.workId = _registeredWork();
        activate(leafOf(w), 6, 6);
        payouts.withdraw(w);
        w.amounts[0] = 9;
        _expectRefused(w, ILeafWithdrawals.Refusal.BadProof);
        w.amounts[0] = 0;
        _expectRefused(w, ILeafWithdrawals.Refusal.MalformedSplit);
        vm.prank(COURT);
        registry.placeVerdict(w.workId, keccak256("case"));
        _expectRefused(w, ILeafWithdrawals.Refusal.WorkUnderVerdict);
        w.epoch += 1;
        _expectRefused(w, ILeafWithdrawals.Refusal.EpochNotActive);
    }

    /* BATCH */

    function test_withdrawBatch_reportsRefusalsAndGoesOn() public {
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](6);
        for (uint32 i = 0; i < 6; ++i) {
            ws[i] = withdrawalOf(1, 2, 3);
            ws[i].part = i;
        }
        ws[1].workId = _registeredWork();
        _activateTree(ws, 36);
        vm.prank(COURT);
        registry.placeVerdict(ws[1].workId, keccak256("case"));
        ws[0].epoch += 1;
        ws[2].amounts[2] = 0;
        ws[3].proof[0] ^= bytes32(uint256(1));
        payouts.withdraw(ws[4]);
        ILeafWithdrawals.Refusal[5] memory expected = [
            ILeafWithdrawals.Refusal.EpochNotActive,
            ILeafWithdrawals.Refusal.WorkUnderVerdict,
            ILeafWithdrawals.Refusal.MalformedSplit,
            ILeafWithdrawals.Refusal.BadProof,
            ILeafWithdrawals.Refusal.AlreadyWithdrawn
        ];
        for (uint256 i = 0; i < 5; ++i) {
            vm.expectEmit(address(payouts));
            emit ILeafWithdrawals.WithdrawRefused(
                opIdOf(ws[i]),
                ws[i].epoch,
                ws[i].workId,
                ws[i].part,
                address(token),
                uint8(expected[i])
            );
        }
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.LeafWithdrawn(opIdOf(ws[5]), FIRST_EPOCH, WORK, 5, address(token), 6);
        payouts.withdrawBatch(ws);
        _assertBalances(2, 4, 6);
    }

    function test_withdrawBatch_ofOneLeafTwicePaysOnce() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 100, 100);
        payouts.withdrawBatch(_pair(w, w));
        _assertBalances(1, 2, 3);
    }

    function test_withdrawBatch_worksAfterPause() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 6, 6);
        vm.prank(guardianAddresses[0]);
        payouts.pause();
        vm.prank(ADMIN);
        payouts.unpause();
        payouts.withdrawBatch(_pair(w, w));
        _assertBalances(1, 2, 3);
    }

    /* WORK */

    function test_withdrawWork_paysManyEpochs() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(4, 5, 6));
        ws[1].epoch = FIRST_EPOCH + 1;
        activate(leafOf(ws[0]), 6, 6);
        vm.warp(clock.startOf(FIRST_EPOCH + 1));
        fund(FIRST_EPOCH + 1, 15);
        warpToGraceEnd(FIRST_EPOCH + 1);
        commit(approvalOf(FIRST_EPOCH + 1, leafOf(ws[1]), 15));
        vm.warp(block.timestamp + VETO_WINDOW);
        payouts.withdrawWork(WORK, _leavesOf(ws));
        _assertBalances(5, 7, 9);
        vm.assertEq(payouts.accounted(address(token)), 0);
    }

    function test_withdrawWork_reportsRefusalsAndGoesOn() public {
        ILeafWithdrawals.Withdrawal[] memory ws = new ILeafWithdrawals.Withdrawal[](3);
        for (uint32 i = 0; i < 3; ++i) {
            ws[i] = withdrawalOf(1, 2, 3);
            ws[i].part = i;
        }
        _activateTree(ws, 18);
        ws[0].epoch += 1;
        ws[1].amounts[0] += 1;
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.WithdrawRefused(
            opIdOf(ws[0]),
            FIRST_EPOCH + 1,
            WORK,
            0,
            address(token),
            uint8(ILeafWithdrawals.Refusal.EpochNotActive)
        );
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.WithdrawRefused(
            opIdOf(ws[1]),
            FIRST_EPOCH,
            WORK,
            1,
            address(token),
            uint8(ILeafWithdrawals.Refusal.BadProof)
        );
        payouts.withdrawWork(WORK, _leavesOf(ws));
        _assertBalances(1, 2, 3);
    }

    /// @notice A leaf is paid once, in whichever of the three ways it is asked for.
    function test_withdrawWork_sharesItsFlagsWithTheOthers() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 100, 100);
        payouts.withdrawWork(WORK, _leavesOf(_pair(w, w)));
        payouts.withdrawBatch(_pair(w, w));
        _expectRefused(w, ILeafWithdrawals.Refusal.AlreadyWithdrawn);
        _assertBalances(1, 2, 3);
    }

    function test_withdrawWork_ofAnotherWorkIsABadProof() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 100, 100);
        payouts.withdrawWork(~WORK, _leavesOf(_pair(w, w)));
        _assertBalances(0, 0, 0);
    }

    /* HOSTILE PAYEES AND TOKENS */

    function test_withdraw_everyHostileLineIsUnclaimedAndTheRestIsPaid() public {
        for (uint8 mode = uint8(HostileToken.Mode.Revert); mode <= 8; ++mode) {
            if (HostileToken.Mode(mode) == HostileToken.Mode.AnswerNothing) continue;
            uint256 snapshot = vm.snapshotState();
            _checkIsolated(HostileToken.Mode(mode));
            vm.revertToState(snapshot);
        }
    }

    function test_withdraw_reentryIsRefused() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 100, 100);
        bytes32 funderRole = payouts.FUNDER_ROLE();
        vm.prank(ADMIN);
        payouts.grantRole(funderRole, address(token));
        IEpochCommits.Approval memory next = approvalOf(FIRST_EPOCH + 1, bytes32(0), 0);
        bytes[] memory calls = new bytes[](10);
        calls[0] = abi.encodeCall(payouts.withdraw, (w));
        calls[1] = abi.encodeCall(payouts.withdrawBatch, (_pair(w, w)));
        calls[2] = abi.encodeCall(payouts.withdrawUnclaimed, (address(token), BOB));
        calls[3] = abi.encodeCall(payouts.pushUnclaimed, (BOB, address(token)));
        calls[4] = abi.encodeCall(payouts.fund, (FIRST_EPOCH + 1, address(token), 1));
        calls[5] = abi.encodeCall(payouts.commitEpoch, (next, signaturesOf(next, THRESHOLD)));
        calls[6] = abi.encodeCall(payouts.withdrawWork, (WORK, _leavesOf(_pair(w, w))));
        IEscrowReleases.EscrowLeaf memory escrow = escrowLeafOf(LeafIds.suspenseOf(WORK), 1);
        calls[7] = abi.encodeCall(payouts.releaseEscrow, (escrow));
        calls[8] = abi.encodeCall(payouts.expireEscrow, (escrow));
        calls[9] = abi.encodeCall(payouts.applyUnallocatedTransfer, (bytes32(0)));
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            _checkReentryRefused(w, calls[i]);
            vm.revertToState(snapshot);
        }
    }

    /// @notice Whatever gas the relayer gives, a payee that would accept is never set aside.
    function test_withdraw_starvationNeverSetsAside() public {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 2, 3);
        activate(leafOf(w), 6, 6);
        token.setMode(ALICE, HostileToken.Mode.BurnThenPay);
        token.setMode(BOB, HostileToken.Mode.BurnThenPay);
        token.setMode(CAROL, HostileToken.Mode.BurnThenPay);
        uint256 paid = 0;
        for (uint256 gasLimit = 300_000; gasLimit < 800_000; gasLimit += 1000) {
            uint256 snapshot = vm.snapshotState();
            try payouts.withdraw{gas: gasLimit}(w) {
                _assertBalances(1, 2, 3);
                ++paid;
            } catch {}
            vm.revertToState(snapshot);
        }
        vm.assertGt(paid, 50, "some calls had enough gas");
        vm.assertGt(500 - paid, 50, "some calls had too little");
    }

    /* UNCLAIMED */

    function test_pushUnclaimed_paysThePayee() public {
        _setBobAside();
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.UnclaimedWithdrawn(BOB, address(token), BOB, 20);
        vm.prank(STRANGER);
        payouts.pushUnclaimed(BOB, address(token));
        _assertBalances(1, 20, 300);
        _assertNothingOwed();
    }

    function test_withdrawUnclaimed_mayRedirect() public {
        _setBobAside();
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.UnclaimedWithdrawn(BOB, address(token), CAROL, 20);
        vm.prank(BOB);
        payouts.withdrawUnclaimed(address(token), CAROL);
        _assertBalances(1, 0, 320);
        _assertNothingOwed();
    }

    function test_unclaimed_addsUpOverLeaves() public {
        ILeafWithdrawals.Withdrawal[] memory ws =
            _pair(withdrawalOf(1, 2, 3), withdrawalOf(4, 5, 6));
        ws[1].part = 1;
        _activateTree(ws, 21);
        token.setMode(BOB, HostileToken.Mode.AnswerFalse);
        payouts.withdrawBatch(ws);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 7);
        token.setMode(BOB, HostileToken.Mode.Plain);
        payouts.pushUnclaimed(BOB, address(token));
        _assertBalances(5, 7, 9);
    }

    function test_RevertWhen_unclaimedIsTakenTwice() public {
        _setBobAside();
        payouts.pushUnclaimed(BOB, address(token));
        _expectNothingUnclaimed(BOB);
        vm.prank(BOB);
        vm.expectRevert(_nothingUnclaimed(BOB));
        payouts.withdrawUnclaimed(address(token), BOB);
    }

    function test_RevertWhen_strangerHasNothingUnclaimed() public {
        _setBobAside();
        _expectNothingUnclaimed(STRANGER);
        vm.prank(STRANGER);
        vm.expectRevert(_nothingUnclaimed(STRANGER));
        payouts.withdrawUnclaimed(address(token), STRANGER);
    }

    function test_RevertWhen_recipientCannotBePaid() public {
        _setBobAside();
        address[3] memory recipients = [address(0), address(token), address(payouts)];
        for (uint256 i = 0; i < recipients.length; ++i) {
            vm.prank(BOB);
            vm.expectRevert(
                abi.encodeWithSelector(IEpochBooks.InvalidRecipient.selector, recipients[i])
            );
            payouts.withdrawUnclaimed(address(token), recipients[i]);
        }
    }

    /// @notice A push that fails leaves the money where it was.
    function test_RevertWhen_payeeStillRefuses() public {
        _setBobAside();
        token.setMode(BOB, HostileToken.Mode.Revert);
        vm.expectRevert(abi.encodeWithSelector(HostileToken.Refused.selector, BOB));
        payouts.pushUnclaimed(BOB, address(token));
        token.setMode(BOB, HostileToken.Mode.AnswerFalse);
        vm.expectRevert(
            abi.encodeWithSignature("SafeERC20FailedOperation(address)", address(token))
        );
        payouts.pushUnclaimed(BOB, address(token));
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 20);
        vm.assertEq(payouts.accounted(address(token)), 20);
    }

    function test_unclaimed_reentryIsRefused() public {
        _setBobAside();
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(payouts.pushUnclaimed, (BOB, address(token)));
        token.setReentry(address(payouts), calls);
        token.setMode(BOB, HostileToken.Mode.Reenter);
        payouts.pushUnclaimed(BOB, address(token));
        vm.assertEq(token.reentrySuccesses(), 0);
        vm.assertEq(token.reentryAnswers(0), _reentrantCall());
        _assertBalances(1, 20, 300);
    }

    /* BUILDERS */

    function _pair(
        ILeafWithdrawals.Withdrawal memory first,
        ILeafWithdrawals.Withdrawal memory second
    ) private pure returns (ILeafWithdrawals.Withdrawal[] memory ws) {
        ws = new ILeafWithdrawals.Withdrawal[](2);
        (ws[0], ws[1]) = (first, second);
    }

    function _leavesOf(ILeafWithdrawals.Withdrawal[] memory ws)
        private
        pure
        returns (ILeafWithdrawals.EpochLeaf[] memory leaves)
    {
        leaves = new ILeafWithdrawals.EpochLeaf[](ws.length);
        for (uint256 i = 0; i < ws.length; ++i) {
            leaves[i] = ILeafWithdrawals.EpochLeaf(
                ws[i].epoch, ws[i].part, ws[i].asset, ws[i].payees, ws[i].amounts, ws[i].proof
            );
        }
    }

    /// @dev One unit for each of `lines` payees.
    function _wideWithdrawal(uint256 lines)
        private
        view
        returns (ILeafWithdrawals.Withdrawal memory w)
    {
        w = withdrawalOf(1, 1, 1);
        (w.payees, w.amounts) = (new address[](lines), new uint256[](lines));
        for (uint256 i = 0; i < lines; ++i) {
            (w.payees[i], w.amounts[i]) = (address(uint160(0xE000 + i)), 1);
        }
    }

    function _activateTree(ILeafWithdrawals.Withdrawal[] memory ws, uint256 paidIn) private {
        activate(proveAll(ws), paidIn, paidIn);
    }

    /// @dev A work of this test's, which is its only payee.
    function _registeredWork() private returns (bytes32) {
        RegistriesLib.attest(registries, ADMIN, address(this));
        WorkRegistry.Terms memory terms = WorkRegistry.Terms({
            contentId: keccak256("content"),
            pricePpm: 1,
            regionRule: bytes32(0),
            payees: new address[](1),
            sharesPpm: new uint32[](1)
        });
        (terms.payees[0], terms.sharesPpm[0]) = (address(this), 1_000_000);
        return registry.register(keccak256("salt"), terms, new bytes[](1));
    }

    /// @dev A leaf of 1, 20 and 300 units is settled, and Bob's 20 wait for him.
    function _setBobAside() private {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        token.setMode(BOB, HostileToken.Mode.Revert);
        payouts.withdraw(w);
        token.setMode(BOB, HostileToken.Mode.Plain);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 20);
    }

    /* EXPECTATIONS */

    function _checkIsolated(HostileToken.Mode mode) private {
        ILeafWithdrawals.Withdrawal memory w = withdrawalOf(1, 20, 300);
        activate(leafOf(w), 321, 321);
        token.setMode(BOB, mode);
        vm.expectEmit(address(payouts));
        emit ILeafWithdrawals.PayeeUnclaimed(opIdOf(w), BOB, address(token), 20, 1);
        payouts.withdraw(w);
        _assertBalances(1, 0, 300);
        vm.assertEq(_paidLines(w), 7);
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 20);
        vm.assertEq(payouts.remaining(FIRST_EPOCH, address(token)), 0);
        vm.assertEq(payouts.accounted(address(token)), 20);
        vm.assertEq(token.balanceOf(address(payouts)), 20);
    }

    function _checkReentryRefused(ILeafWithdrawals.Withdrawal memory w, bytes memory call) private {
        bytes[] memory calls = new bytes[](1);
        calls[0] = call;
        token.setReentry(address(payouts), calls);
        token.setMode(BOB, HostileToken.Mode.Reenter);
        payouts.withdraw(w);
        vm.assertEq(token.reentrySuccesses(), 0);
        vm.assertEq(token.reentryAnswers(0), _reentrantCall());
        _assertBalances(1, 2, 3);
    }

    function _expectRefused(ILeafWithdrawals.Withdrawal memory w, ILeafWithdrawals.Refusal refusal)
        private
    {
        vm.expectRevert(refusedWith(refusal));
        payouts.withdraw(w);
    }

    function _expectNothingUnclaimed(address payee) private {
        vm.expectRevert(_nothingUnclaimed(payee));
        payouts.pushUnclaimed(payee, address(token));
    }

    function _assertBalances(uint256 alice, uint256 bob, uint256 carol) private view {
        vm.assertEq(token.balanceOf(ALICE), alice, "Alice");
        vm.assertEq(token.balanceOf(BOB), bob, "Bob");
        vm.assertEq(token.balanceOf(CAROL), carol, "Carol");
    }

    function _assertNothingOwed() private view {
        vm.assertEq(payouts.unclaimed(BOB, address(token)), 0);
        vm.assertEq(payouts.accounted(address(token)), 0);
        vm.assertEq(token.balanceOf(address(payouts)), 0);
    }

    function _paidLines(ILeafWithdrawals.Withdrawal memory w) private view returns (uint256) {
        return payouts.paidLines(w.epoch, w.workId, w.part, w.asset);
    }

    function _nothingUnclaimed(address payee) private view returns (bytes memory) {
        return
            abi.encodeWithSelector(
                ILeafWithdrawals.NothingUnclaimed.selector, payee, address(token)
            );
    }

    function _reentrantCall() private pure returns (bytes memory) {
        return abi.encodeWithSignature("ReentrancyGuardReentrantCall()");
    }
}
