// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ContentClaims} from "../../contracts/src/cwe/ContentClaims.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochPayouts} from "../../contracts/src/settlement/EpochPayouts.sol";
import {IEscrowReleases} from "../../contracts/src/settlement/IEscrowReleases.sol";
import {LeafIds} from "../../contracts/src/settlement/LeafIds.sol";
import {RegistriesLib} from "./Registries.sol";
import {SettlementFixture} from "./SettlementFixture.sol";
import {vm} from "./Vm.sol";

/// @notice The settlement with the real claims behind it: what a recognised work earns waits, and
/// goes to whoever its content turns out to belong to.
contract EscrowStoryTest is SettlementFixture {
    bytes32 private constant CONTENT = keccak256("content");
    uint256 private constant EARNED = 600;

    ContentClaims private claims;

    function setUp() public override {
        super.setUp();
        claims = registries.claims;
        payouts = new EpochPayouts(
            clock, registry, claims, delays(), guardianAddresses, THRESHOLD, ADMIN
        );
        bytes32 funder = payouts.FUNDER_ROLE();
        bytes32 curator = registry.CURATOR_ROLE();
        bytes32 arbiter = claims.ARBITER_ROLE();
        vm.startPrank(ADMIN);
        payouts.grantRole(funder, FUNDER);
        registry.grantRole(curator, ADMIN);
        claims.grantRole(arbiter, ADMIN);
        registry.recognise(bytes32(0), CONTENT, 5, bytes32(0));
        vm.stopPrank();
        RegistriesLib.attest(registries, ADMIN, ALICE);
        RegistriesLib.attest(registries, ADMIN, BOB);
    }

    function test_escrow_isReleasedToTheFinalClaimantAndTheWorkIsAdopted() public {
        IEscrowReleases.EscrowLeaf memory leaf = _earn();
        _expectNoBeneficiary(leaf);
        _register(ALICE);
        _expectNoBeneficiary(leaf);
        vm.warp(block.timestamp + RegistriesLib.CHALLENGE_WINDOW);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(ALICE, address(token)), EARNED);
        vm.assertEq(payouts.escrowed(FIRST_EPOCH, address(token)), 0);
        bytes32 workId = registry.workIdOf(address(registry), bytes32(0));
        (address[] memory payees, uint32[] memory shares) = _alone(ALICE);
        vm.prank(ALICE);
        registry.adopt(workId, payees, shares, new bytes[](1));
        vm.assertEq(registry.registrantOf(workId), ALICE);
    }

    function test_escrow_isNotExpiredWhileAClaimStands() public {
        IEscrowReleases.EscrowLeaf memory leaf = _earn();
        vm.warp(block.timestamp + ESCROW_EXPIRY);
        _register(ALICE);
        _expectNotExpired(leaf);
        vm.prank(BOB);
        claims.challenge(CONTENT, REASON);
        _expectNotExpired(leaf);
        vm.prank(ADMIN);
        claims.resolve(CONTENT, false);
        payouts.expireEscrow(leaf);
        vm.assertEq(payouts.unallocated(FIRST_EPOCH, address(token)), 1_000);
    }

    function test_escrow_ofAFinalClaimNeverExpires() public {
        IEscrowReleases.EscrowLeaf memory leaf = _earn();
        _register(ALICE);
        vm.warp(block.timestamp + 10 * ESCROW_EXPIRY);
        _expectNotExpired(leaf);
        payouts.releaseEscrow(leaf);
        vm.assertEq(payouts.unclaimed(ALICE, address(token)), EARNED);
    }

    /* STEPS */

    function _earn() private returns (IEscrowReleases.EscrowLeaf memory leaf) {
        leaf = escrowLeafOf(LeafIds.escrowOf(CONTENT), EARNED);
        activateWithEscrow(leafOf(asWithdrawal(leaf)), 1_000, 0, EARNED);
    }

    function _register(address account) private {
        (address[] memory payees, uint32[] memory shares) = _alone(account);
        WorkRegistry.Terms memory terms = WorkRegistry.Terms(CONTENT, 5, bytes32(0), payees, shares);
        vm.prank(account);
        registry.register(bytes32(0), terms, new bytes[](1));
    }

    function _alone(address payee)
        private
        pure
        returns (address[] memory payees, uint32[] memory shares)
    {
        (payees, shares) = (new address[](1), new uint32[](1));
        (payees[0], shares[0]) = (payee, 1_000_000);
    }

    function _expectNoBeneficiary(IEscrowReleases.EscrowLeaf memory leaf) private {
        vm.expectPartialRevert(IEscrowReleases.NoBeneficiary.selector);
        payouts.releaseEscrow(leaf);
    }

    function _expectNotExpired(IEscrowReleases.EscrowLeaf memory leaf) private {
        vm.expectPartialRevert(IEscrowReleases.EscrowIsClaimed.selector);
        payouts.expireEscrow(leaf);
    }
}
