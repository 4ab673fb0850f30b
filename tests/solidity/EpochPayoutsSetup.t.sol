// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEpochCommits} from "../../contracts/src/settlement/IEpochCommits.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {ILeafWithdrawals} from "../../contracts/src/settlement/ILeafWithdrawals.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {Vm, vm} from "./Vm.sol";

/// @notice Deployment, funding and pause.
contract EpochPayoutsSetupTest is SettlementFixture {
    /* CONSTRUCTOR */

    function test_constructor_announcesTheSettlement() public {
        vm.recordLogs();
        EpochPayouts deployed = _deploy(VETO_WINDOW, guardianAddresses, THRESHOLD);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs[0].topics[0], IEpochPayouts.SettlementStarted.selector);
        vm.assertEq(logs[0].data, abi.encode(clock, registry, VETO_WINDOW));
        vm.assertEq(logs[1].topics[0], IGuardianSet.GuardianSetChanged.selector);
        vm.assertEq(logs[1].topics[1], bytes32(uint256(1)));
        vm.assertEq(logs[1].data, abi.encode(THRESHOLD, guardianAddresses));
        vm.assertEq(deployed.guardianSet(), 1);
        vm.assertEq(deployed.threshold(), THRESHOLD);
        vm.assertEq(deployed.guardians(), guardianAddresses);
        vm.assertEq(deployed.nextEpoch(), FIRST_EPOCH);
        vm.assertEq(address(deployed.beneficiaries()), address(beneficiaries));
        vm.assertEq(deployed.vetoWindow(), VETO_WINDOW);
        vm.assertEq(deployed.governanceDelay(), GOVERNANCE_DELAY);
        vm.assertEq(deployed.escrowExpiry(), ESCROW_EXPIRY);
        vm.assertTrue(deployed.isGuardian(guardianAddresses[4]));
        vm.assertFalse(deployed.isGuardian(ADMIN));
        vm.assertTrue(deployed.hasRole(deployed.DEFAULT_ADMIN_ROLE(), ADMIN));
    }

    function test_RevertWhen_vetoWindowIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(IEpochPayouts.VetoWindowIsZero.selector));
        _deploy(0, guardianAddresses, THRESHOLD);
    }

    function test_RevertWhen_governanceDelayIsNotAboveTheVetoWindow() public {
        IEpochPayouts.Delays memory chosen = delays();
        chosen.governanceDelay = VETO_WINDOW;
        vm.expectRevert(
            abi.encodeWithSelector(
                IEpochPayouts.GovernanceDelayTooShort.selector, VETO_WINDOW, VETO_WINDOW
            )
        );
        _deploy(chosen, guardianAddresses, THRESHOLD);
        chosen.governanceDelay = VETO_WINDOW + 1;
        _deploy(chosen, guardianAddresses, THRESHOLD);
    }

    function test_RevertWhen_escrowExpiryIsZero() public {
        IEpochPayouts.Delays memory chosen = delays();
        chosen.escrowExpiry = 0;
        vm.expectRevert(abi.encodeWithSelector(IEscrowReleases.EscrowExpiryIsZero.selector));
        _deploy(chosen, guardianAddresses, THRESHOLD);
    }

    function test_RevertWhen_guardiansAreTooMany() public {
        address[] memory list = new address[](33);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = address(uint160(0x100 + i));
        }
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.TooManyGuardians.selector, 33, 32));
        _deploy(VETO_WINDOW, list, 17);
    }

    function test_RevertWhen_thresholdIsNoMajorityOrTooHigh() public {
        _expectNoMajority(0);
        _expectNoMajority(2);
        _expectNoMajority(6);
        _expectNoMajority(type(uint32).max);
        address[] memory pair = new address[](2);
        (pair[0], pair[1]) = (guardianAddresses[0], guardianAddresses[1]);
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.ThresholdNotMajority.selector, 1, 2));
        _deploy(VETO_WINDOW, pair, 1);
        vm.expectRevert(abi.encodeWithSelector(IGuardianSet.ThresholdNotMajority.selector, 0, 0));
        _deploy(VETO_WINDOW, new address[](0), 0);
    }

    function test_RevertWhen_guardiansAreNotAscending() public {
        address[] memory list = guardianAddresses;
        (list[1], list[2]) = (list[2], list[1]);
        _expectNotAscending(list, list[1], list[2]);
        list = guardianAddresses;
        list[3] = list[2];
        _expectNotAscending(list, list[2], list[2]);
        list = guardianAddresses;
        list[0] = address(0);
        _expectNotAscending(list, address(0), address(0));
    }

    /* FUND */

    function test_fund_addsUp() public {
        _expectFunded(FIRST_EPOCH, 40);
        _expectFunded(FIRST_EPOCH, 2);
        _expectFunded(FIRST_EPOCH + 1, 5);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), 42);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH + 1, address(token)), 5);
        vm.assertEq(payouts.accounted(address(token)), 47);
        vm.assertEq(payouts.assetsOf(FIRST_EPOCH).length, 1);
        vm.assertEq(payouts.assetsOf(FIRST_EPOCH)[0], address(token));
    }

    function test_fund_countsWhatArrives() public {
        token.setFee(100_000);
        token.mint(FUNDER, 1000);
        vm.startPrank(FUNDER);
        token.approve(address(payouts), 1000);
        uint256 received = payouts.fund(FIRST_EPOCH, address(token), 1000);
        vm.stopPrank();
        vm.assertEq(received, 900);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), 900);
        vm.assertEq(payouts.accounted(address(token)), 900);
    }

    function test_fund_ignoresDonations() public {
        token.mint(address(payouts), 77);
        fund(FIRST_EPOCH, 10);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), 10);
        vm.assertEq(payouts.accounted(address(token)), 10);
    }

    function test_fund_reentryIsRefused() public {
        token.mint(FUNDER, 100);
        token.mint(address(token), 100);
        bytes32 role = payouts.FUNDER_ROLE();
        vm.prank(ADMIN);
        payouts.grantRole(role, address(token));
        bytes[] memory calls = new bytes[](1);
        calls[0] = abi.encodeCall(payouts.fund, (FIRST_EPOCH, address(token), 50));
        token.setReentry(address(payouts), calls);
        token.setMode(address(payouts), HostileToken.Mode.Reenter);
        vm.startPrank(FUNDER);
        token.approve(address(payouts), 100);
        payouts.fund(FIRST_EPOCH, address(token), 100);
        vm.stopPrank();
        vm.assertEq(token.reentrySuccesses(), 0);
        vm.assertEq(
            token.reentryAnswers(0), abi.encodeWithSignature("ReentrancyGuardReentrantCall()")
        );
        vm.assertEq(payouts.accounted(address(token)), 100);
    }

    function test_RevertWhen_callerIsNoFunder() public {
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector,
            STRANGER,
            payouts.FUNDER_ROLE()
        );
        vm.prank(STRANGER);
        vm.expectRevert(refusal);
        payouts.fund(FIRST_EPOCH, address(token), 1);
    }

    function test_RevertWhen_epochIsNotPayable() public {
        _expectNotPayable(FIRST_EPOCH - 1, FIRST_EPOCH);
        _expectNotPayable(FIRST_EPOCH + 2, FIRST_EPOCH);
        vm.warp(clock.endOf(FIRST_EPOCH));
        _expectNotPayable(FIRST_EPOCH, FIRST_EPOCH + 1);
    }

    function test_RevertWhen_assetHasNoCode() public {
        vm.prank(FUNDER);
        vm.expectRevert(abi.encodeWithSelector(IEpochCommits.NotAContract.selector, ALICE));
        payouts.fund(FIRST_EPOCH, ALICE, 1);
    }

    function test_RevertWhen_nothingArrives() public {
        vm.prank(FUNDER);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochCommits.NothingReceived.selector, address(token))
        );
        payouts.fund(FIRST_EPOCH, address(token), 0);
    }

    function test_RevertWhen_assetsAreTooMany() public {
        for (uint256 i = 0; i < 16; ++i) {
            fundToken(new HostileToken(), FIRST_EPOCH, 1);
        }
        vm.assertEq(payouts.assetsOf(FIRST_EPOCH).length, 16);
        token.mint(FUNDER, 1);
        vm.startPrank(FUNDER);
        token.approve(address(payouts), 1);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochCommits.TooManyAssets.selector, FIRST_EPOCH, 16)
        );
        payouts.fund(FIRST_EPOCH, address(token), 1);
        payouts.fund(FIRST_EPOCH + 1, address(token), 1);
        vm.stopPrank();
    }

    /* PAUSE */

    function test_pause_byAnyGuardianOrAdmin() public {
        for (uint256 i = 0; i < GUARDIAN_COUNT; ++i) {
            vm.prank(guardianAddresses[i]);
            payouts.pause();
            vm.assertTrue(payouts.paused());
            vm.prank(ADMIN);
            payouts.unpause();
            vm.assertFalse(payouts.paused());
        }
        vm.prank(ADMIN);
        payouts.pause();
        vm.assertTrue(payouts.paused());
    }

    function test_RevertWhen_strangerPauses() public {
        vm.prank(WATCHER);
        vm.expectRevert(abi.encodeWithSelector(IEpochPayouts.MayNotPause.selector, WATCHER));
        payouts.pause();
    }

    function test_RevertWhen_guardianUnpauses() public {
        vm.startPrank(guardianAddresses[0]);
        payouts.pause();
        vm.expectRevert(
            abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector,
                guardianAddresses[0],
                bytes32(0)
            )
        );
        payouts.unpause();
        vm.stopPrank();
    }

    function test_RevertWhen_pausedStopsCommitsAndMoney() public {
        IEpochCommits.Approval memory approval = approvalOf(FIRST_EPOCH, bytes32(0), 0);
        IGuardianSet.GuardianSignature[] memory signatures = signaturesOf(approval, THRESHOLD);
        vm.prank(ADMIN);
        payouts.pause();
        bytes memory refusal = abi.encodeWithSelector(Pausable.EnforcedPause.selector);
        vm.expectRevert(refusal);
        payouts.commitEpoch(approval, signatures);
        vm.expectRevert(refusal);
        payouts.withdraw(withdrawalOf(1, 2, 3));
        vm.expectRevert(refusal);
        payouts.withdrawBatch(new ILeafWithdrawals.Withdrawal[](0));
        vm.expectRevert(refusal);
        payouts.withdrawWork(WORK, new ILeafWithdrawals.EpochLeaf[](0));
        vm.expectRevert(refusal);
        payouts.releaseEscrow(escrowLeafOf(WORK, 1));
        vm.expectRevert(refusal);
        payouts.expireEscrow(escrowLeafOf(WORK, 1));
        vm.expectRevert(refusal);
        payouts.applyUnallocatedTransfer(bytes32(0));
        vm.expectRevert(refusal);
        payouts.withdrawUnclaimed(address(token), ALICE);
        vm.expectRevert(refusal);
        payouts.pushUnclaimed(ALICE, address(token));
    }

    function test_fund_worksWhilePaused() public {
        vm.prank(ADMIN);
        payouts.pause();
        fund(FIRST_EPOCH, 3);
        vm.assertEq(payouts.paidIn(FIRST_EPOCH, address(token)), 3);
    }

    /* EXPECTATIONS */

    function _deploy(uint64 vetoWindow, address[] memory list, uint32 threshold)
        private
        returns (EpochPayouts)
    {
        IEpochPayouts.Delays memory chosen = delays();
        chosen.vetoWindow = vetoWindow;
        return _deploy(chosen, list, threshold);
    }

    function _deploy(IEpochPayouts.Delays memory chosen, address[] memory list, uint32 threshold)
        private
        returns (EpochPayouts)
    {
        return new EpochPayouts(clock, registry, beneficiaries, chosen, list, threshold, ADMIN);
    }

    function _expectNoMajority(uint32 threshold) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IGuardianSet.ThresholdNotMajority.selector, threshold, GUARDIAN_COUNT
            )
        );
        _deploy(VETO_WINDOW, guardianAddresses, threshold);
    }

    function _expectNotAscending(address[] memory list, address previous, address guardian)
        private
    {
        vm.expectRevert(
            abi.encodeWithSelector(IGuardianSet.GuardiansNotAscending.selector, previous, guardian)
        );
        _deploy(VETO_WINDOW, list, THRESHOLD);
    }

    function _expectFunded(uint64 epoch, uint256 amount) private {
        token.mint(FUNDER, amount);
        vm.startPrank(FUNDER);
        token.approve(address(payouts), amount);
        vm.expectEmit(address(payouts));
        emit IEpochCommits.EpochFunded(epoch, address(token), FUNDER, amount);
        vm.assertEq(payouts.fund(epoch, address(token), amount), amount);
        vm.stopPrank();
    }

    function _expectNotPayable(uint64 epoch, uint64 current) private {
        vm.prank(FUNDER);
        vm.expectRevert(
            abi.encodeWithSelector(IEpochCommits.EpochNotPayable.selector, epoch, current)
        );
        payouts.fund(epoch, address(token), 1);
    }
}
