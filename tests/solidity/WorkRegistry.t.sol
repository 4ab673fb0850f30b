// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";

import {ConsentedSplits} from "../../contracts/src/cwe/ConsentedSplits.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {Registries, RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

contract WorkRegistryTest {
    address private constant ADMIN = address(0xAD);
    address private constant COURT = address(0xC0);
    address private constant STRANGER = address(0x57);
    bytes32 private constant SALT = keccak256("salt");
    bytes32 private constant CONTENT = keccak256("content");
    bytes32 private constant REGION = keccak256("region");
    bytes32 private constant CASE = keccak256("case");
    uint64 private constant EPOCH = 7;
    uint256 private constant REGISTRANT_KEY = 11;
    uint256 private constant PAYEE_KEY = 12;

    EpochClock private clock;
    WorkRegistry private registry;
    address private registrant;
    address private payee;
    bytes32 private workId;

    function setUp() public {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 100, 10);
        vm.warp(clock.startOf(EPOCH));
        Registries memory registries = RegistriesLib.deploy(clock, ADMIN);
        registry = registries.registry;
        bytes32 role = registry.VERDICT_ROLE();
        vm.prank(ADMIN);
        registry.grantRole(role, COURT);
        registrant = vm.addr(REGISTRANT_KEY);
        payee = vm.addr(PAYEE_KEY);
        workId = registry.workIdOf(registrant, SALT);
        RegistriesLib.attest(registries, ADMIN, registrant);
    }

    /* REGISTRATION */

    function test_register_emitsTheWholeTermsForTheCurrentEpoch() public {
        WorkRegistry.Terms memory terms = _sharedTerms(300_000, 700_000);
        bytes[] memory consents = _consents(terms, 1);
        vm.expectEmit(address(registry));
        emit WorkRegistry.WorkRegistered(workId, registrant, SALT);
        _expectTerms(EPOCH, 1, terms);
        vm.prank(registrant);
        bytes32 registered = registry.register(SALT, terms, consents);
        vm.assertEq(registered, workId);
        vm.assertEq(registry.registrantOf(workId), registrant);
        vm.assertEq(registry.versionOf(workId), 1);
        _assertLatestTerms(terms);
    }

    function test_register_twoSaltsAreTwoWorks() public {
        _register();
        WorkRegistry.Terms memory terms = _ownTerms();
        vm.prank(registrant);
        bytes32 other = registry.register(keccak256("other"), terms, new bytes[](1));
        vm.assertNotEq(other, workId);
        vm.assertEq(registry.versionOf(other), 1);
    }

    function test_register_widest() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.payees = new address[](256);
        terms.sharesPpm = new uint32[](256);
        bytes[] memory consents = new bytes[](256);
        uint256[] memory keys = _ascendingKeys(256);
        for (uint256 i = 0; i < 256; ++i) {
            terms.payees[i] = vm.addr(keys[i]);
            terms.sharesPpm[i] = i == 0 ? 1_000_000 - 255 : 1;
            consents[i] = _consent(keys[i], terms.sharesPpm[i], 1);
        }
        vm.prank(registrant);
        registry.register(SALT, terms, consents);
        _assertLatestTerms(terms);
    }

    function test_RevertWhen_registeredTwice() public {
        _register();
        _expectRegisterRevert(
            _ownTerms(),
            new bytes[](1),
            abi.encodeWithSelector(WorkRegistry.AlreadyRegistered.selector, workId)
        );
    }

    function testFuzz_workId_isCanonicalAndOwned(address account, bytes32 salt) public view {
        bytes32 id = registry.workIdOf(account, salt);
        vm.assertEq(uint256(id) >> 248, 0);
        vm.assertEq(id, bytes32(uint256(keccak256(abi.encode(account, salt))) >> 8));
        vm.assertNotEq(registry.workIdOf(address(uint160(account) ^ 1), salt), id);
    }

    /* OFFER */

    function test_setOffer_isForTheNextEpochAndKeepsPayees() public {
        _register();
        WorkRegistry.Terms memory terms = _ownTerms();
        (terms.contentId, terms.pricePpm, terms.regionRule) = (keccak256("new"), 9, bytes32(0));
        _expectTerms(EPOCH + 1, 2, terms);
        vm.prank(registrant);
        registry.setOffer(workId, terms.contentId, 9, bytes32(0));
        _assertLatestTerms(terms);
        vm.assertEq(registry.versionOf(workId), 2);
    }

    function test_setOffer_acceptsTheHighestPrice() public {
        _register();
        vm.prank(registrant);
        registry.setOffer(workId, CONTENT, 2 ** 40 - 1, REGION);
        vm.assertEq(registry.latestTermsOf(workId).pricePpm, 2 ** 40 - 1);
    }

    function test_RevertWhen_contentIsZero() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.contentId = bytes32(0);
        bytes memory refusal = abi.encodeWithSelector(WorkRegistry.ContentIdIsZero.selector);
        _expectRegisterRevert(terms, new bytes[](1), refusal);
        _register();
        vm.prank(registrant);
        vm.expectRevert(refusal);
        registry.setOffer(workId, bytes32(0), 1, REGION);
    }

    function test_RevertWhen_priceIsOutOfRange() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.pricePpm = 0;
        _expectRegisterRevert(terms, new bytes[](1), _priceOutOfRange(0));
        terms.pricePpm = 2 ** 40;
        _expectRegisterRevert(terms, new bytes[](1), _priceOutOfRange(2 ** 40));
        _register();
        vm.prank(registrant);
        vm.expectRevert(_priceOutOfRange(0));
        registry.setOffer(workId, CONTENT, 0, REGION);
    }

    function test_RevertWhen_strangerSetsOffer() public {
        _register();
        vm.prank(STRANGER);
        vm.expectRevert(_notRegistrant(STRANGER));
        registry.setOffer(workId, CONTENT, 1, REGION);
    }

    function test_RevertWhen_offerOfUnknownWorkIsSet() public {
        vm.prank(registrant);
        vm.expectRevert(_notRegistered());
        registry.setOffer(workId, CONTENT, 1, REGION);
    }

    /* PAYEES */

    function test_setPayees_isForTheNextEpochAndKeepsTheOffer() public {
        _register();
        WorkRegistry.Terms memory terms = _sharedTerms(1, 999_999);
        bytes[] memory consents = _consents(terms, 2);
        _expectTerms(EPOCH + 1, 2, terms);
        vm.prank(registrant);
        registry.setPayees(workId, terms.payees, terms.sharesPpm, consents);
        _assertLatestTerms(terms);
    }

    function test_setPayees_mayShrinkTheList() public {
        WorkRegistry.Terms memory terms = _sharedTerms(300_000, 700_000);
        bytes[] memory consents = _consents(terms, 1);
        vm.prank(registrant);
        registry.register(SALT, terms, consents);
        terms = _ownTerms();
        _expectTerms(EPOCH + 1, 2, terms);
        vm.prank(registrant);
        registry.setPayees(workId, terms.payees, terms.sharesPpm, new bytes[](1));
        _assertLatestTerms(terms);
    }

    function test_RevertWhen_strangerSetsPayees() public {
        _register();
        WorkRegistry.Terms memory terms = _ownTerms();
        vm.prank(STRANGER);
        vm.expectRevert(_notRegistrant(STRANGER));
        registry.setPayees(workId, terms.payees, terms.sharesPpm, new bytes[](1));
    }

    function test_RevertWhen_payeesOfUnknownWorkAreSet() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        vm.prank(registrant);
        vm.expectRevert(_notRegistered());
        registry.setPayees(workId, terms.payees, terms.sharesPpm, new bytes[](1));
    }

    function test_RevertWhen_payeeCountIsOutOfRange() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.payees = new address[](0);
        _expectRegisterRevert(terms, new bytes[](1), _payeeCount(0));
        terms.payees = new address[](257);
        _expectRegisterRevert(terms, new bytes[](1), _payeeCount(257));
    }

    function test_RevertWhen_sharesAndPayeesDiffer() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.sharesPpm = new uint32[](2);
        bytes memory refusal =
            abi.encodeWithSelector(ConsentedSplits.ShareCountMismatch.selector, 1, 2);
        _expectRegisterRevert(terms, new bytes[](1), refusal);
    }

    function test_RevertWhen_payeesAreNotAscending() public {
        WorkRegistry.Terms memory terms = _sharedTerms(500_000, 500_000);
        (terms.payees[0], terms.payees[1]) = (terms.payees[1], terms.payees[0]);
        _expectRegisterRevert(
            terms, new bytes[](2), _notAscending(terms.payees[0], terms.payees[1])
        );
        terms.payees[1] = terms.payees[0];
        _expectRegisterRevert(
            terms, new bytes[](2), _notAscending(terms.payees[0], terms.payees[0])
        );
        terms.payees[0] = address(0);
        _expectRegisterRevert(terms, new bytes[](2), _notAscending(address(0), address(0)));
    }

    function test_RevertWhen_payeeIsTheRegistry() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        terms.payees[0] = address(registry);
        bytes memory refusal = abi.encodeWithSelector(ConsentedSplits.PayeeIsThisContract.selector);
        _expectRegisterRevert(terms, new bytes[](1), refusal);
    }

    function test_RevertWhen_shareIsZero() public {
        WorkRegistry.Terms memory terms = _sharedTerms(0, 1_000_000);
        bytes memory refusal =
            abi.encodeWithSelector(ConsentedSplits.ShareIsZero.selector, terms.payees[0]);
        _expectRegisterRevert(terms, new bytes[](2), refusal);
    }

    function testFuzz_RevertWhen_sharesDoNotSumToTheWhole(uint32 first, uint32 second) public {
        vm.assume(first > 0 && second > 0);
        uint256 sum = uint256(first) + second;
        vm.assume(sum != 1_000_000);
        bytes memory refusal =
            abi.encodeWithSelector(ConsentedSplits.ShareSumMismatch.selector, sum, 1_000_000);
        _expectRegisterRevert(_sharedTerms(first, second), new bytes[](2), refusal);
    }

    /* CONSENTS */

    function test_register_registrantMayAlsoSign() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(terms, 1);
        consents[_placeOf(registrant, terms)] =
            _consent(REGISTRANT_KEY, terms.sharesPpm[_placeOf(registrant, terms)], 1);
        vm.prank(registrant);
        registry.register(SALT, terms, consents);
    }

    function test_RevertWhen_consentsAndPayeesDiffer() public {
        bytes memory refusal =
            abi.encodeWithSelector(ConsentedSplits.ConsentCountMismatch.selector, 1, 2);
        _expectRegisterRevert(_ownTerms(), new bytes[](2), refusal);
    }

    function test_RevertWhen_consentIsMissing() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        _expectRegisterRevert(terms, new bytes[](2), _consentInvalid(terms, 1));
    }

    function test_RevertWhen_registrantSignsWrongly() public {
        WorkRegistry.Terms memory terms = _ownTerms();
        bytes[] memory consents = new bytes[](1);
        consents[0] = _consent(PAYEE_KEY, 1_000_000, 1);
        bytes memory refusal = abi.encodeWithSelector(
            ConsentedSplits.ConsentInvalid.selector, workId, registrant, 1_000_000, 1
        );
        _expectRegisterRevert(terms, consents, refusal);
    }

    function test_RevertWhen_consentIsForAnotherShare() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(_sharedTerms(300_000, 700_000), 1);
        _expectRegisterRevert(terms, consents, _consentInvalid(terms, 1));
    }

    /// @notice A payee who left cannot be put back with the signature it once gave.
    function test_RevertWhen_consentIsOfAnEarlierVersion() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(terms, 1);
        vm.prank(registrant);
        registry.register(SALT, terms, consents);
        vm.prank(registrant);
        vm.expectRevert(_consentInvalid(terms, 2));
        registry.setPayees(workId, terms.payees, terms.sharesPpm, consents);
    }

    function test_RevertWhen_consentIsForAnotherWork() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(terms, 1);
        bytes32 otherSalt = keccak256("other");
        bytes32 otherId = registry.workIdOf(registrant, otherSalt);
        uint256 place = _placeOf(payee, terms);
        bytes memory refusal = abi.encodeWithSelector(
            ConsentedSplits.ConsentInvalid.selector, otherId, payee, terms.sharesPpm[place], 1
        );
        vm.prank(registrant);
        vm.expectRevert(refusal);
        registry.register(otherSalt, terms, consents);
    }

    function test_RevertWhen_consentIsForAnotherChain() public {
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(terms, 1);
        vm.chainId(block.chainid + 1);
        _expectRegisterRevert(terms, consents, _consentInvalid(terms, 1));
    }

    function testFuzz_RevertWhen_consentHasAChangedByte(uint256 place, uint8 mask) public {
        vm.assume(mask != 0);
        WorkRegistry.Terms memory terms = _sharedTerms(400_000, 600_000);
        bytes[] memory consents = _consents(terms, 1);
        bytes memory consent = consents[_placeOf(payee, terms)];
        consent[place % 65] ^= bytes1(mask);
        _expectRegisterRevert(terms, consents, _consentInvalid(terms, 1));
    }

    /* VERDICTS */

    function test_verdict_isPlacedAndLiftedAtOnce() public {
        _register();
        vm.assertFalse(registry.isUnderVerdict(workId));
        vm.expectEmit(address(registry));
        emit WorkRegistry.VerdictPlaced(workId, CASE);
        vm.prank(COURT);
        registry.placeVerdict(workId, CASE);
        vm.assertTrue(registry.isUnderVerdict(workId));
        vm.assertEq(registry.verdictOf(workId), CASE);
        vm.expectEmit(address(registry));
        emit WorkRegistry.VerdictLifted(workId, CASE);
        vm.prank(COURT);
        registry.liftVerdict(workId, CASE);
        vm.assertFalse(registry.isUnderVerdict(workId));
    }

    function test_RevertWhen_verdictIsPlacedTwice() public {
        _register();
        vm.startPrank(COURT);
        registry.placeVerdict(workId, CASE);
        vm.expectRevert(
            abi.encodeWithSelector(WorkRegistry.AlreadyUnderVerdict.selector, workId, CASE)
        );
        registry.placeVerdict(workId, keccak256("other case"));
        vm.stopPrank();
    }

    function test_RevertWhen_verdictIsOverUnknownWork() public {
        vm.prank(COURT);
        vm.expectRevert(_notRegistered());
        registry.placeVerdict(workId, CASE);
    }

    function test_RevertWhen_caseIsZero() public {
        _register();
        vm.startPrank(COURT);
        vm.expectRevert(abi.encodeWithSelector(WorkRegistry.CaseDigestIsZero.selector));
        registry.placeVerdict(workId, bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(WorkRegistry.CaseDigestIsZero.selector));
        registry.liftVerdict(workId, bytes32(0));
        vm.stopPrank();
    }

    function test_RevertWhen_anotherCaseIsLifted() public {
        _register();
        bytes32 other = keccak256("other case");
        vm.startPrank(COURT);
        registry.placeVerdict(workId, CASE);
        vm.expectRevert(
            abi.encodeWithSelector(WorkRegistry.NotUnderVerdict.selector, workId, other)
        );
        registry.liftVerdict(workId, other);
        vm.stopPrank();
    }

    function test_RevertWhen_strangerJudges() public {
        _register();
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControl.AccessControlUnauthorizedAccount.selector,
            registrant,
            registry.VERDICT_ROLE()
        );
        vm.startPrank(registrant);
        vm.expectRevert(refusal);
        registry.placeVerdict(workId, CASE);
        vm.expectRevert(refusal);
        registry.liftVerdict(workId, CASE);
        vm.stopPrank();
    }

    /* BUILDERS */

    function _register() private {
        WorkRegistry.Terms memory terms = _ownTerms();
        vm.prank(registrant);
        registry.register(SALT, terms, new bytes[](1));
    }

    /// @dev The registrant alone.
    function _ownTerms() private view returns (WorkRegistry.Terms memory terms) {
        terms = WorkRegistry.Terms({
            contentId: CONTENT,
            pricePpm: 5,
            regionRule: REGION,
            payees: new address[](1),
            sharesPpm: new uint32[](1)
        });
        (terms.payees[0], terms.sharesPpm[0]) = (registrant, 1_000_000);
    }

    /// @dev The registrant and the payee, in ascending order.
    function _sharedTerms(uint32 first, uint32 second)
        private
        view
        returns (WorkRegistry.Terms memory terms)
    {
        terms = _ownTerms();
        terms.payees = new address[](2);
        terms.sharesPpm = new uint32[](2);
        bool registrantFirst = registrant < payee;
        terms.payees[0] = registrantFirst ? registrant : payee;
        terms.payees[1] = registrantFirst ? payee : registrant;
        (terms.sharesPpm[0], terms.sharesPpm[1]) = (first, second);
    }

    function _placeOf(address account, WorkRegistry.Terms memory terms)
        private
        pure
        returns (uint256)
    {
        return terms.payees[0] == account ? 0 : 1;
    }

    /// @dev The payee's signature; none of the registrant.
    function _consents(WorkRegistry.Terms memory terms, uint32 version)
        private
        view
        returns (bytes[] memory consents)
    {
        consents = new bytes[](2);
        uint256 place = _placeOf(payee, terms);
        consents[place] = _consent(PAYEE_KEY, terms.sharesPpm[place], version);
    }

    function _consent(uint256 key, uint32 share, uint32 version)
        private
        view
        returns (bytes memory)
    {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Consent(bytes32 workId,address payee,uint32 sharePpm,uint32 version)"),
                workId,
                vm.addr(key),
                share,
                version
            )
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", _domainSeparator(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function _domainSeparator() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quittance Work Registry"),
                keccak256("1"),
                block.chainid,
                address(registry)
            )
        );
    }

    function _ascendingKeys(uint256 count) private pure returns (uint256[] memory keys) {
        keys = new uint256[](count);
        address[] memory sorted = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            address account = vm.addr(i + 1);
            uint256 place = i;
            for (; place > 0 && sorted[place - 1] > account; --place) {
                (sorted[place], keys[place]) = (sorted[place - 1], keys[place - 1]);
            }
            (sorted[place], keys[place]) = (account, i + 1);
        }
    }

    /* EXPECTATIONS */

    function _expectTerms(uint64 epoch, uint32 version, WorkRegistry.Terms memory terms) private {
        vm.expectEmit(address(registry));
        emit WorkRegistry.WorkTermsSet(
            workId,
            registrant,
            terms.contentId,
            epoch,
            version,
            terms.pricePpm,
            terms.regionRule,
            terms.payees,
            terms.sharesPpm
        );
    }

    function _assertLatestTerms(WorkRegistry.Terms memory expected) private view {
        bytes memory actual = abi.encode(registry.latestTermsOf(workId));
        vm.assertEq(actual, abi.encode(expected));
    }

    function _expectRegisterRevert(
        WorkRegistry.Terms memory terms,
        bytes[] memory consents,
        bytes memory refusal
    ) private {
        vm.prank(registrant);
        vm.expectRevert(refusal);
        registry.register(SALT, terms, consents);
    }

    function _consentInvalid(WorkRegistry.Terms memory terms, uint32 version)
        private
        view
        returns (bytes memory)
    {
        uint32 share = terms.sharesPpm[_placeOf(payee, terms)];
        return abi.encodeWithSelector(
            ConsentedSplits.ConsentInvalid.selector, workId, payee, share, version
        );
    }

    function _priceOutOfRange(uint64 price) private pure returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.PriceOutOfRange.selector, price, 2 ** 40);
    }

    function _payeeCount(uint256 count) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ConsentedSplits.PayeeCountOutOfRange.selector, count, 256);
    }

    function _notAscending(address previous, address next) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ConsentedSplits.PayeesNotAscending.selector, previous, next);
    }

    function _notRegistrant(address account) private view returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.NotRegistrant.selector, workId, account);
    }

    function _notRegistered() private view returns (bytes memory) {
        return abi.encodeWithSelector(WorkRegistry.NotRegistered.selector, workId);
    }
}
