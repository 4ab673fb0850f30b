// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ConsentedSplits} from "../../contracts/src/cwe/ConsentedSplits.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {CreatorsFixture} from "./CreatorsFixture.sol";
import {Registries, RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

contract RecognisedWorksTest is CreatorsFixture {
    bytes32 private constant REGION = keccak256("region");
    uint256 private constant PAYEE_KEY = 12;

    bytes32 private workId;

    function setUp() public override {
        super.setUp();
        workId = registry.workIdOf(address(registry), SALT);
    }

    /* RECOGNITION */

    function test_recognise_isInForceAtOnceWithNobodyToPay() public {
        vm.expectEmit(address(registry));
        emit WorkRegistry.WorkRegistered(workId, address(registry), SALT);
        _expectTerms(address(registry), EPOCH, 1, 5, bytes32(0), address(0));
        vm.assertEq(recognise(), workId);
        vm.assertEq(registry.registrantOf(workId), address(registry));
        vm.assertEq(registry.contentOf(workId), CONTENT);
        vm.assertEq(registry.versionOf(workId), 1);
        vm.assertEq(registry.latestTermsOf(workId).payees.length, 0);
        assertStands(address(0), address(0));
    }

    function test_RevertWhen_recognisedTwice() public {
        recognise();
        vm.expectRevert(abi.encodeWithSelector(WorkRegistry.AlreadyRegistered.selector, workId));
        recognise();
    }

    function test_RevertWhen_recognisedOfferIsNotInOrder() public {
        vm.startPrank(CURATOR);
        vm.expectRevert(abi.encodeWithSelector(WorkRegistry.ContentIdIsZero.selector));
        registry.recognise(SALT, bytes32(0), 5, REGION);
        vm.expectRevert(_priceOutOfRange(0));
        registry.recognise(SALT, CONTENT, 0, REGION);
        vm.stopPrank();
        recognise();
        vm.prank(CURATOR);
        vm.expectRevert(_priceOutOfRange(2 ** 40));
        registry.setRecognisedOffer(workId, 2 ** 40, REGION);
    }

    function test_setRecognisedOffer_waitsForTheNextEpochAndKeepsTheContent() public {
        recognise();
        _expectTerms(address(registry), EPOCH + 1, 2, 9, REGION, address(0));
        vm.prank(CURATOR);
        registry.setRecognisedOffer(workId, 9, REGION);
        vm.assertEq(registry.latestTermsOf(workId).pricePpm, 9);
    }

    function test_RevertWhen_othersThanTheCuratorRecognise() public {
        recognise();
        bytes32 role = registry.CURATOR_ROLE();
        address[3] memory callers = [ALICE, ADMIN, STRANGER];
        for (uint256 i = 0; i < callers.length; ++i) {
            bytes memory refusal = abi.encodeWithSelector(
                IAccessControl.AccessControlUnauthorizedAccount.selector, callers[i], role
            );
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            registry.recognise(keccak256("other"), CONTENT, 5, REGION);
            vm.expectRevert(refusal);
            registry.setRecognisedOffer(workId, 9, REGION);
            vm.stopPrank();
        }
    }

    /// @notice The curator's reach ends where a registrant's begins.
    function test_RevertWhen_curatorSetsTheOfferOfARegisteredWork() public {
        bytes32 own = register(ALICE, CONTENT);
        vm.startPrank(CURATOR);
        vm.expectRevert(_notRecognised(own));
        registry.setRecognisedOffer(own, 9, REGION);
        vm.expectRevert(_notRecognised(bytes32(0)));
        registry.setRecognisedOffer(bytes32(0), 9, REGION);
        vm.expectRevert(abi.encodeWithSelector(WorkRegistry.NotRegistrant.selector, own, CURATOR));
        registry.setOffer(own, CONTENT, 9, REGION);
        vm.stopPrank();
    }

    function test_RevertWhen_anybodyActsAsRegistrantOfARecognisedWork() public {
        recognise();
        address[3] memory callers = [CURATOR, ALICE, ADMIN];
        for (uint256 i = 0; i < callers.length; ++i) {
            (address[] memory payees, uint32[] memory shares) = alone(callers[i]);
            bytes memory refusal =
                abi.encodeWithSelector(WorkRegistry.NotRegistrant.selector, workId, callers[i]);
            vm.startPrank(callers[i]);
            vm.expectRevert(refusal);
            registry.setOffer(workId, keccak256("mine"), 9, REGION);
            vm.expectRevert(refusal);
            registry.setPayees(workId, payees, shares, new bytes[](1));
            vm.stopPrank();
        }
    }

    /* ADOPTION */

    function test_adopt_paysFromTheNextEpochAndKeepsTheOffer() public {
        recognise();
        _makeFinal(ALICE);
        uint64 epoch = clock.currentEpoch();
        _expectTerms(ALICE, epoch + 1, 2, 5, bytes32(0), ALICE);
        _adopt(ALICE);
        vm.assertEq(registry.registrantOf(workId), ALICE);
        vm.assertEq(registry.contentOf(workId), CONTENT);
        vm.prank(ALICE);
        registry.setOffer(workId, CONTENT, 9, REGION);
        vm.assertEq(registry.latestTermsOf(workId).payees[0], ALICE);
        vm.prank(CURATOR);
        vm.expectRevert(_notRecognised(workId));
        registry.setRecognisedOffer(workId, 9, REGION);
    }

    function test_adopt_otherPayeesConsentToTheNewVersion() public {
        recognise();
        _makeFinal(ALICE);
        address payee = vm.addr(PAYEE_KEY);
        (address[] memory payees, uint32[] memory shares) = alone(payee);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                ConsentedSplits.ConsentInvalid.selector, workId, payee, 1_000_000, 2
            )
        );
        registry.adopt(workId, payees, shares, new bytes[](1));
        vm.assertEq(registry.registrantOf(workId), address(registry));
        bytes[] memory consents = new bytes[](1);
        bytes32 digest = registry.consentDigest(workId, payee, 1_000_000, 2);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYEE_KEY, digest);
        consents[0] = abi.encodePacked(r, s, v);
        vm.prank(ALICE);
        registry.adopt(workId, payees, shares, consents);
        vm.assertEq(registry.latestTermsOf(workId).payees[0], payee);
    }

    function test_RevertWhen_adoptedBeforeTheClaimIsFinal() public {
        recognise();
        register(ALICE, CONTENT);
        pass(RegistriesLib.CHALLENGE_WINDOW - 1);
        _expectAdoptRevert(ALICE, _notBeneficiary(ALICE));
        pass(1);
        _adopt(ALICE);
    }

    function test_RevertWhen_adoptedByAnotherThanTheBeneficiary() public {
        recognise();
        _expectAdoptRevert(ALICE, _notBeneficiary(ALICE));
        _makeFinal(ALICE);
        register(BOB, CONTENT);
        _expectAdoptRevert(BOB, _notBeneficiary(BOB));
    }

    /// @notice What belongs to somebody is a content, not whatever was recognised.
    function test_RevertWhen_adoptedWithAnotherContent() public {
        vm.prank(CURATOR);
        bytes32 other = registry.recognise(SALT, keccak256("other content"), 5, REGION);
        _makeFinal(ALICE);
        (address[] memory payees, uint32[] memory shares) = alone(ALICE);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                WorkRegistry.NotBeneficiary.selector, keccak256("other content"), ALICE
            )
        );
        registry.adopt(other, payees, shares, new bytes[](1));
    }

    function test_RevertWhen_adoptedTwiceOrNeverRecognised() public {
        recognise();
        _makeFinal(ALICE);
        _adopt(ALICE);
        _expectAdoptRevert(ALICE, _notRecognised(workId));
        bytes32 own = registry.workIdOf(ALICE, CONTENT);
        (address[] memory payees, uint32[] memory shares) = alone(ALICE);
        vm.prank(ALICE);
        vm.expectRevert(_notRecognised(own));
        registry.adopt(own, payees, shares, new bytes[](1));
    }

    function test_RevertWhen_adoptedWithoutPayees() public {
        recognise();
        _makeFinal(ALICE);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(ConsentedSplits.PayeeCountOutOfRange.selector, 0, 256)
        );
        registry.adopt(workId, new address[](0), new uint32[](0), new bytes[](0));
    }

    /* ATTESTATION */

    function test_RevertWhen_registrantIsNoCreator() public {
        _expectRegisterRevert(STRANGER);
        revokeAttestation(ALICE);
        _expectRegisterRevert(ALICE);
        vm.warp(block.timestamp + 366 days);
        _expectRegisterRevert(BOB);
        RegistriesLib.attest(registries, ADMIN, BOB);
        register(BOB, CONTENT);
    }

    function test_RevertWhen_beneficiaryIsNoCreatorAnyMore() public {
        recognise();
        _makeFinal(ALICE);
        revokeAttestation(ALICE);
        _expectAdoptRevert(ALICE, _notCreator(ALICE));
    }

    /// @notice Who registered once runs the work for ever: income depends on no issuer.
    function test_setOfferAndSetPayees_needNoAttestation() public {
        bytes32 own = register(ALICE, CONTENT);
        revokeAttestation(ALICE);
        (address[] memory payees, uint32[] memory shares) = alone(ALICE);
        vm.startPrank(ALICE);
        registry.setOffer(own, CONTENT, 9, REGION);
        registry.setPayees(own, payees, shares, new bytes[](1));
        vm.stopPrank();
        vm.assertEq(registry.versionOf(own), 3);
    }

    /* WIRING */

    function test_RevertWhen_claimsAreOfAnotherRegistry() public {
        Registries memory r = registries;
        vm.expectRevert(
            abi.encodeWithSelector(WorkRegistry.ClaimsOfAnotherRegistry.selector, address(registry))
        );
        new WorkRegistry(clock, r.attestations, r.splits, r.claims, ADMIN);
    }

    function test_wiring_isReadable() public view {
        vm.assertEq(address(registry.attestations()), address(registries.attestations));
        vm.assertEq(address(registry.splits()), address(registries.splits));
        vm.assertEq(address(registry.claims()), address(claims));
        vm.assertEq(address(claims.registry()), address(registry));
        vm.assertEq(address(claims.attestations()), address(registries.attestations));
    }

    /* STEPS */

    function _makeFinal(address account) private {
        register(account, CONTENT);
        pass(RegistriesLib.CHALLENGE_WINDOW);
    }

    function _adopt(address account) private {
        (address[] memory payees, uint32[] memory shares) = alone(account);
        vm.prank(account);
        registry.adopt(workId, payees, shares, new bytes[](1));
    }

    function _expectAdoptRevert(address account, bytes memory refusal) private {
        vm.expectRevert(refusal);
        _adopt(account);
    }

    function _expectRegisterRevert(address account) private {
        vm.expectRevert(_notCreator(account));
        register(account, CONTENT);
    }

    /// @param payee Alone, or nobody if zero.
    function _expectTerms(
        address registrant,
        uint64 epoch,
        uint32 version,
        uint64 price,
        bytes32 regionRule,
        address payee
    ) private {
        (address[] memory payees, uint32[] memory shares) = alone(payee);
        if (payee == address(0)) (payees, shares) = (new address[](0), new uint32[](0));
        vm.expectEmit(address(registry));
        emit WorkRegistry.WorkTermsSet(
            workId, registrant, CONTENT, epoch, version, price, regionRule, payees, shares
        );
    }

    function _notRecognised(bytes32 id) private pure returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.NotRecognised.selector, id);
    }

    function _notBeneficiary(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.NotBeneficiary.selector, CONTENT, account);
    }

    function _notCreator(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.NotCreator.selector, account);
    }

    function _priceOutOfRange(uint64 price) private pure returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.PriceOutOfRange.selector, price, 2 ** 40);
    }
}
