// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {CreatorAttestations} from "../../contracts/src/cwe/CreatorAttestations.sol";
import {SubscriptionTiers} from "../../contracts/src/cwe/SubscriptionTiers.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {IEpochPayouts} from "../../contracts/src/settlement/IEpochPayouts.sol";
import {IGuardianSet} from "../../contracts/src/settlement/IGuardianSet.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {RulesetParameters} from "../../contracts/src/settlement/RulesetParameters.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice A settlement as it is handed over: every privileged change is announced, waits, and is
/// applied by anybody; nobody makes one by itself, least of all the deployer.
contract GovernanceTest is SettlementFixture {
    uint256 private constant DELAY = 100;
    address private constant GOVERNOR = address(0x60);
    address private constant ISSUER = address(0x15);
    bytes32 private constant TIER = keccak256("tier");
    bytes private constant PARAMETERS = '{"k_ppm":"1"}';
    bytes32 private constant ADMIN_ROLE = bytes32(0);

    /// @dev One privileged call; each is possible once those before it are made.
    struct Change {
        address target;
        bytes data;
    }

    TimelockController private timelock;
    RulesetParameters private parameters;
    SubscriptionTiers private tiers;
    address[] private administered;
    bytes32 private creator;
    bytes32 private suspense;

    function setUp() public override {
        super.setUp();
        address[] memory governors = new address[](1);
        governors[0] = GOVERNOR;
        timelock = new TimelockController(DELAY, governors, new address[](1), address(0));
        parameters = new RulesetParameters(clock, ADMIN);
        tiers = new SubscriptionTiers(clock, payouts, ADMIN);
        creator = registries.attestations.CREATOR();
        suspense = LeafIds.suspenseOf(WORK);
        vm.prank(ADMIN);
        registries.attestations.setIssuer(ISSUER, true);
        vm.prank(ISSUER);
        registries.attestations.attest(ALICE, creator, type(uint64).max);
        administered = [
            address(parameters),
            address(tiers),
            address(registry),
            address(payouts),
            address(registries.attestations),
            address(registries.claims)
        ];
        _handOver();
        activate(bytes32(0), 1_000, 0);
        vm.prank(guardianAddresses[0]);
        payouts.pause();
    }

    function _handOver() private {
        bytes32 governance = parameters.GOVERNANCE_ROLE();
        vm.startPrank(ADMIN);
        parameters.grantRole(governance, address(timelock));
        tiers.grantRole(governance, address(timelock));
        for (uint256 i = 0; i < administered.length; ++i) {
            AccessControl(administered[i]).grantRole(ADMIN_ROLE, address(timelock));
            AccessControl(administered[i]).renounceRole(ADMIN_ROLE, ADMIN);
        }
        vm.stopPrank();
    }

    /// @dev Every function that asks for DEFAULT_ADMIN_ROLE or a GOVERNANCE_ROLE.
    function _changes() private view returns (Change[] memory list) {
        list = new Change[](13 + 2 * administered.length);
        uint64 epoch = clock.currentEpoch();
        list[0] = Change(address(parameters), abi.encodeCall(parameters.set, (PARAMETERS, epoch)));
        list[1] = Change(address(tiers), abi.encodeCall(tiers.setTier, (TIER, address(token), 7)));
        list[2] = Change(
            address(registries.attestations),
            abi.encodeCall(CreatorAttestations.setIssuer, (BOB, true))
        );
        list[3] = Change(
            address(registries.attestations),
            abi.encodeCall(CreatorAttestations.revoke, (ALICE, creator))
        );
        list[4] = Change(
            address(registries.claims),
            abi.encodeCall(ContentClaims.announceBeneficiary, (suspense, BOB))
        );
        list[5] = Change(
            address(registries.claims), abi.encodeCall(ContentClaims.cancelBeneficiary, (suspense))
        );
        list[6] = Change(
            address(payouts),
            abi.encodeCall(payouts.announceGuardians, (guardianAddresses, uint32(GUARDIAN_COUNT)))
        );
        list[7] = Change(address(payouts), abi.encodeCall(payouts.unpause, ()));
        list[8] = Change(
            address(payouts),
            abi.encodeCall(
                payouts.announceUnallocatedTransfer, (FIRST_EPOCH, address(token), BOB, 10)
            )
        );
        list[9] = Change(address(timelock), abi.encodeCall(timelock.updateDelay, (DELAY + 1)));
        list[10] = Change(
            address(timelock),
            abi.encodeCall(timelock.grantRole, (timelock.PROPOSER_ROLE(), STRANGER))
        );
        list[11] = Change(address(payouts), abi.encodeCall(payouts.pause, ()));
        list[12] = Change(address(payouts), abi.encodeCall(payouts.unpause, ()));
        for (uint256 i = 0; i < administered.length; ++i) {
            list[13 + 2 * i] = Change(
                administered[i],
                abi.encodeCall(IAccessControl.grantRole, (keccak256("ANY_ROLE"), STRANGER))
            );
            list[14 + 2 * i] = Change(
                administered[i],
                abi.encodeCall(IAccessControl.revokeRole, (keccak256("ANY_ROLE"), STRANGER))
            );
        }
    }

    /* NOBODY BY ITSELF */

    function test_RevertWhen_anybodyMakesAChangeItself() public {
        Change[] memory changes = _changes();
        address[8] memory callers =
            [ADMIN, GOVERNOR, COURT, WATCHER, COMPLIANCE, ALICE, STRANGER, FUNDER];
        for (uint256 i = 0; i < changes.length; ++i) {
            for (uint256 j = 0; j < callers.length; ++j) {
                vm.prank(callers[j]);
                (bool isDone, bytes memory answer) = changes[i].target.call(changes[i].data);
                vm.assertFalse(isDone, "somebody made a change alone");
                vm.assertTrue(_isRefusal(bytes4(answer)), "refused, but for another reason");
            }
        }
    }

    function _isRefusal(bytes4 selector) private pure returns (bool) {
        return selector == IAccessControl.AccessControlUnauthorizedAccount.selector
            || selector == TimelockController.TimelockUnauthorizedCaller.selector
            || selector == CreatorAttestations.NotIssuerOfAttestation.selector
            || selector == IEpochPayouts.MayNotPause.selector;
    }

    function test_cancelGuardians_ofOneAloneIsRefused() public {
        _govern(_changes()[6]);
        (bytes32 announcement,,) = payouts.announcedGuardians();
        address[3] memory callers = [ADMIN, GOVERNOR, guardianAddresses[0]];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            (bool isDone,) = address(payouts)
                .call(
                    abi.encodeCall(
                        payouts.cancelGuardians,
                        (announcement, new IGuardianSet.GuardianSignature[](0))
                    )
                );
            vm.assertFalse(isDone);
        }
        bytes memory data = abi.encodeCall(
            payouts.cancelGuardians, (announcement, new IGuardianSet.GuardianSignature[](0))
        );
        _govern(Change(address(payouts), data));
        (announcement,,) = payouts.announcedGuardians();
        vm.assertEq(announcement, bytes32(0));
    }

    function test_handOver_leavesTheDeployerNothing() public view {
        for (uint256 i = 0; i < administered.length; ++i) {
            AccessControl one = AccessControl(administered[i]);
            vm.assertTrue(one.hasRole(ADMIN_ROLE, address(timelock)));
            vm.assertFalse(one.hasRole(ADMIN_ROLE, ADMIN));
            vm.assertFalse(one.hasRole(ADMIN_ROLE, GOVERNOR));
            vm.assertEq(one.getRoleAdmin(keccak256("GOVERNANCE_ROLE")), ADMIN_ROLE);
        }
        vm.assertTrue(timelock.hasRole(ADMIN_ROLE, address(timelock)));
        vm.assertFalse(timelock.hasRole(ADMIN_ROLE, ADMIN));
        vm.assertFalse(timelock.hasRole(ADMIN_ROLE, GOVERNOR));
    }

    /* ANNOUNCED, WAITED FOR, APPLIED */

    function test_change_worksAfterTheDelayAndNotBefore() public {
        Change[] memory changes = _changes();
        for (uint256 i = 0; i < changes.length; ++i) {
            // Parameters and epochs are of the time of the call.
            Change memory change = _changes()[i];
            bytes32 salt = bytes32(i);
            uint256 delay = timelock.getMinDelay();
            vm.prank(GOVERNOR);
            timelock.schedule(change.target, 0, change.data, bytes32(0), salt, delay);
            vm.warp(block.timestamp + delay - 1);
            vm.prank(GOVERNOR);
            vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
            timelock.execute(change.target, 0, change.data, bytes32(0), salt);
            vm.warp(block.timestamp + 1);
            vm.prank(STRANGER);
            timelock.execute(change.target, 0, change.data, bytes32(0), salt);
        }
        _assertAllMade();
    }

    function _assertAllMade() private view {
        vm.assertEq(parameters.latestDigest(), keccak256(PARAMETERS));
        vm.assertEq(tiers.priceOf(TIER, clock.currentEpoch()).amount, 7);
        vm.assertTrue(registries.attestations.isIssuer(BOB));
        vm.assertFalse(registries.attestations.isCreator(ALICE));
        vm.assertFalse(registries.claims.isClaimOpen(suspense));
        (bytes32 announcement,,) = payouts.announcedGuardians();
        vm.assertTrue(announcement != bytes32(0));
        vm.assertFalse(payouts.paused());
        vm.assertEq(payouts.unallocatedReserved(FIRST_EPOCH, address(token)), 10);
        vm.assertEq(timelock.getMinDelay(), DELAY + 1);
        vm.assertTrue(timelock.hasRole(timelock.PROPOSER_ROLE(), STRANGER));
    }

    function test_RevertWhen_delayIsTooShort() public {
        Change memory change = _changes()[1];
        vm.prank(GOVERNOR);
        vm.expectRevert(
            abi.encodeWithSelector(
                TimelockController.TimelockInsufficientDelay.selector, DELAY - 1, DELAY
            )
        );
        timelock.schedule(change.target, 0, change.data, bytes32(0), bytes32(0), DELAY - 1);
    }

    function test_RevertWhen_othersThanGovernorsAnnounceOrCancel() public {
        Change memory change = _changes()[1];
        vm.prank(GOVERNOR);
        timelock.schedule(change.target, 0, change.data, bytes32(0), bytes32(0), DELAY);
        bytes32 id = timelock.hashOperation(change.target, 0, change.data, bytes32(0), bytes32(0));
        address[4] memory callers = [ADMIN, COURT, ALICE, STRANGER];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.startPrank(callers[i]);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            timelock.schedule(change.target, 0, change.data, bytes32(0), bytes32(i + 1), DELAY);
            vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
            timelock.cancel(id);
            vm.stopPrank();
        }
        vm.prank(GOVERNOR);
        timelock.cancel(id);
        vm.warp(block.timestamp + DELAY);
        vm.expectPartialRevert(TimelockController.TimelockUnexpectedOperationState.selector);
        timelock.execute(change.target, 0, change.data, bytes32(0), bytes32(0));
    }

    /* AT ONCE */

    /// @notice What protects does not wait for governance.
    function test_offices_actAtOnce() public {
        vm.prank(COMPLIANCE);
        payouts.placeHold(BOB, REASON, uint64(block.timestamp + 1 days));
        vm.assertTrue(payouts.isHeld(BOB));
        vm.prank(ALICE);
        vm.expectPartialRevert(IAccessControl.AccessControlUnauthorizedAccount.selector);
        registry.placeVerdict(WORK, REASON);
        vm.prank(COURT);
        vm.expectPartialRevert(WorkRegistry.NotRegistered.selector);
        registry.placeVerdict(WORK, REASON);
    }

    /* STEPS */

    function _govern(Change memory change) private {
        vm.prank(GOVERNOR);
        timelock.schedule(change.target, 0, change.data, bytes32(0), bytes32(0), DELAY);
        vm.warp(block.timestamp + DELAY);
        timelock.execute(change.target, 0, change.data, bytes32(0), bytes32(0));
    }
}
