// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ConsentedSplits} from "../../contracts/src/cwe/ConsentedSplits.sol";
import {SplitAccounts} from "../../contracts/src/cwe/SplitAccounts.sol";
import {WorkRegistry} from "../../contracts/src/cwe/WorkRegistry.sol";
import {EpochClock} from "../../contracts/src/settlement/EpochClock.sol";
import {Registries, RegistriesLib} from "./Registries.sol";
import {vm} from "./Vm.sol";

contract SplitAccountsTest {
    address private constant ADMIN = address(0xAD);
    address private constant OWNER = address(0xA1);
    bytes32 private constant SALT = keccak256("salt");
    uint64 private constant EPOCH = 7;
    uint256 private constant FIRST_KEY = 12;
    uint256 private constant SECOND_KEY = 13;

    EpochClock private clock;
    Registries private registries;
    SplitAccounts private splits;
    address private account;
    uint256[2] private keys;

    function setUp() public {
        vm.warp(1_000_000);
        clock = new EpochClock(1_000_000, 100, 10);
        vm.warp(clock.startOf(EPOCH));
        registries = RegistriesLib.deploy(clock, ADMIN);
        splits = registries.splits;
        account = splits.accountOf(OWNER, SALT);
        bool isOrdered = vm.addr(FIRST_KEY) < vm.addr(SECOND_KEY);
        keys = isOrdered ? [FIRST_KEY, SECOND_KEY] : [SECOND_KEY, FIRST_KEY];
    }

    /* TERMS */

    function test_setSplit_firstIsInForceAtOnce() public {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        vm.assertFalse(splits.isAccount(account));
        _expectTerms(EPOCH, 1, payees, shares);
        vm.assertEq(_set(payees, shares, _consents(shares, 1)), account);
        vm.assertTrue(splits.isAccount(account));
        vm.assertEq(splits.ownerOf(account), OWNER);
        vm.assertEq(splits.versionOf(account), 1);
        vm.assertEq(splits.termsDigestOf(account), keccak256(abi.encode(payees, shares)));
    }

    function test_setSplit_changesWaitForTheNextEpoch() public {
        _make();
        (address[] memory payees, uint32[] memory shares) = _split(1, 999_999);
        _expectTerms(EPOCH + 1, 2, payees, shares);
        _set(payees, shares, _consents(shares, 2));
        vm.warp(clock.startOf(EPOCH + 5));
        _expectTerms(EPOCH + 6, 3, payees, shares);
        _set(payees, shares, _consents(shares, 3));
        vm.assertEq(splits.versionOf(account), 3);
        vm.assertEq(splits.termsDigestOf(account), keccak256(abi.encode(payees, shares)));
    }

    function testFuzz_accountOf_isBoundToContractOwnerAndSalt(address owner, bytes32 salt) public {
        SplitAccounts other = new SplitAccounts(clock);
        address mine = splits.accountOf(owner, salt);
        bytes32 word = keccak256(abi.encode(address(splits), owner, salt));
        vm.assertEq(mine, address(uint160(uint256(word))));
        vm.assertTrue(mine != other.accountOf(owner, salt));
        vm.assertTrue(mine != splits.accountOf(address(uint160(owner) ^ 1), salt));
        vm.assertTrue(mine != splits.accountOf(owner, salt ^ bytes32(uint256(1))));
        vm.assertEq(mine.code.length, 0);
    }

    function test_setSplit_ofAnotherCallerIsAnotherAccount() public {
        _make();
        (address[] memory payees, uint32[] memory shares) = _alone(address(this));
        address other = splits.setSplit(SALT, payees, shares, new bytes[](1));
        vm.assertTrue(other != account);
        vm.assertEq(splits.ownerOf(other), address(this));
        vm.assertEq(splits.versionOf(account), 1);
    }

    /* CONSENTS */

    function test_setSplit_ownerNeedsNoSignature() public {
        (address[] memory payees, uint32[] memory shares) = _alone(OWNER);
        vm.assertEq(_set(payees, shares, new bytes[](1)), account);
    }

    function test_setSplit_splitAccountNeedsNoSignature() public {
        _make();
        (address[] memory payees, uint32[] memory shares) = _alone(account);
        vm.prank(OWNER);
        address parent = splits.setSplit(keccak256("parent"), payees, shares, new bytes[](1));
        vm.assertTrue(splits.isAccount(parent));
    }

    function test_RevertWhen_payeeIsASplitAccountThatNobodyMadeYet() public {
        (address[] memory payees, uint32[] memory shares) = _alone(account);
        address parent = splits.accountOf(OWNER, keccak256("parent"));
        bytes32 word = bytes32(uint256(uint160(parent)));
        vm.prank(OWNER);
        vm.expectRevert(_consentInvalid(word, account, 1_000_000, 1));
        splits.setSplit(keccak256("parent"), payees, shares, new bytes[](1));
    }

    function test_RevertWhen_consentIsMissing() public {
        (address[] memory payees, uint32[] memory shares) = _split(400_000, 600_000);
        bytes[] memory consents = _consents(shares, 1);
        consents[1] = "";
        _expectRevert(payees, shares, consents, _invalid(1, 600_000, 1));
    }

    function test_RevertWhen_consentIsForAnotherShare() public {
        (address[] memory payees, uint32[] memory shares) = _split(400_000, 600_000);
        (, uint32[] memory others) = _split(300_000, 700_000);
        _expectRevert(payees, shares, _consents(others, 1), _invalid(0, 400_000, 1));
    }

    function test_RevertWhen_consentIsOfAnEarlierVersion() public {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        bytes[] memory consents = _consents(shares, 1);
        _set(payees, shares, consents);
        _expectRevert(payees, shares, consents, _invalid(0, 300_000, 2));
    }

    function test_RevertWhen_consentIsForAnotherAccount() public {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        bytes[] memory consents = _consents(shares, 1);
        bytes32 salt = keccak256("other");
        bytes32 word = bytes32(uint256(uint160(splits.accountOf(OWNER, salt))));
        vm.prank(OWNER);
        vm.expectRevert(_consentInvalid(word, payees[0], 300_000, 1));
        splits.setSplit(salt, payees, shares, consents);
    }

    function test_RevertWhen_consentIsForAnotherChain() public {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        bytes[] memory consents = _consents(shares, 1);
        vm.chainId(block.chainid + 1);
        _expectRevert(payees, shares, consents, _invalid(0, 300_000, 1));
    }

    /// @notice A consent to a work says nothing about an account, even one of the same word.
    function test_RevertWhen_consentIsToAWork() public {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        bytes[] memory consents = _consents(shares, 1);
        bytes32 digest = registries.registry
            .consentDigest(bytes32(uint256(uint160(account))), payees[0], shares[0], 1);
        consents[0] = _signature(keys[0], digest);
        _expectRevert(payees, shares, consents, _invalid(0, 300_000, 1));
    }

    function testFuzz_RevertWhen_consentHasAChangedByte(uint256 place, uint8 mask) public {
        vm.assume(mask != 0);
        (address[] memory payees, uint32[] memory shares) = _split(400_000, 600_000);
        bytes[] memory consents = _consents(shares, 1);
        consents[1][place % 65] ^= bytes1(mask);
        _expectRevert(payees, shares, consents, _invalid(1, 600_000, 1));
    }

    function test_consentDigest_isWhatPayeesSign() public view {
        vm.assertEq(splits.consentDigest(account, vm.addr(keys[0]), 5, 3), _digest(keys[0], 5, 3));
    }

    /* FORM */

    function test_RevertWhen_payeesAreMissingOrTooMany() public {
        _expectRevert(
            new address[](0),
            new uint32[](0),
            new bytes[](0),
            abi.encodeWithSelector(ConsentedSplits.PayeeCountOutOfRange.selector, 0, 256)
        );
        _expectRevert(
            new address[](257),
            new uint32[](257),
            new bytes[](257),
            abi.encodeWithSelector(ConsentedSplits.PayeeCountOutOfRange.selector, 257, 256)
        );
    }

    function test_RevertWhen_payeesAreNotAscending() public {
        (address[] memory payees, uint32[] memory shares) = _split(400_000, 600_000);
        (payees[0], payees[1]) = (payees[1], payees[0]);
        _expectRevert(
            payees,
            shares,
            new bytes[](2),
            abi.encodeWithSelector(
                ConsentedSplits.PayeesNotAscending.selector, payees[0], payees[1]
            )
        );
    }

    function test_RevertWhen_payeeIsTheContract() public {
        (address[] memory payees, uint32[] memory shares) = _alone(address(splits));
        _expectRevert(
            payees,
            shares,
            new bytes[](1),
            abi.encodeWithSelector(ConsentedSplits.PayeeIsThisContract.selector)
        );
    }

    function testFuzz_setSplit_sharesSumToTheWhole(uint32 first, uint32 second) public {
        (address[] memory payees, uint32[] memory shares) = _split(first, second);
        uint256 sum = uint256(first) + second;
        bytes[] memory consents = _consents(shares, 1);
        bytes memory refusal =
            abi.encodeWithSelector(ConsentedSplits.ShareSumMismatch.selector, sum, 1_000_000);
        if (second == 0) {
            refusal = abi.encodeWithSelector(ConsentedSplits.ShareIsZero.selector, payees[1]);
        }
        if (first == 0) {
            refusal = abi.encodeWithSelector(ConsentedSplits.ShareIsZero.selector, payees[0]);
        }
        bool isWhole = sum == 1_000_000 && first != 0 && second != 0;
        if (!isWhole) return _expectRevert(payees, shares, consents, refusal);
        _set(payees, shares, consents);
    }

    /* AS PAYEES OF WORKS */

    function test_register_splitAccountNeedsNoSignature() public {
        _make();
        RegistriesLib.attest(registries, ADMIN, OWNER);
        vm.prank(OWNER);
        bytes32 workId = registries.registry.register(SALT, _terms(account), new bytes[](1));
        vm.assertEq(registries.registry.latestTermsOf(workId).payees[0], account);
    }

    function test_RevertWhen_workIsPaidToASplitAccountThatNobodyMadeYet() public {
        RegistriesLib.attest(registries, ADMIN, OWNER);
        bytes32 workId = registries.registry.workIdOf(OWNER, SALT);
        vm.prank(OWNER);
        vm.expectRevert(_consentInvalid(workId, account, 1_000_000, 1));
        registries.registry.register(SALT, _terms(account), new bytes[](1));
    }

    function _terms(address payee) private pure returns (WorkRegistry.Terms memory terms) {
        (address[] memory payees, uint32[] memory shares) = _alone(payee);
        terms = WorkRegistry.Terms(keccak256("content"), 5, bytes32(0), payees, shares);
    }

    /* BUILDERS */

    function _make() private {
        (address[] memory payees, uint32[] memory shares) = _split(300_000, 700_000);
        _set(payees, shares, _consents(shares, 1));
    }

    function _set(address[] memory payees, uint32[] memory shares, bytes[] memory consents)
        private
        returns (address)
    {
        vm.prank(OWNER);
        return splits.setSplit(SALT, payees, shares, consents);
    }

    function _split(uint32 first, uint32 second)
        private
        view
        returns (address[] memory payees, uint32[] memory shares)
    {
        (payees, shares) = (new address[](2), new uint32[](2));
        (payees[0], payees[1]) = (vm.addr(keys[0]), vm.addr(keys[1]));
        (shares[0], shares[1]) = (first, second);
    }

    function _alone(address payee)
        private
        pure
        returns (address[] memory payees, uint32[] memory shares)
    {
        (payees, shares) = (new address[](1), new uint32[](1));
        (payees[0], shares[0]) = (payee, 1_000_000);
    }

    function _consents(uint32[] memory shares, uint32 version)
        private
        view
        returns (bytes[] memory consents)
    {
        consents = new bytes[](2);
        for (uint256 i = 0; i < 2; ++i) {
            consents[i] = _signature(keys[i], _digest(keys[i], shares[i], version));
        }
    }

    /// @dev Written out, so that the contract's own digest is not its own judge.
    function _digest(uint256 key, uint32 share, uint32 version) private view returns (bytes32) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "SplitConsent(address account,address payee,uint32 sharePpm,uint32 version)"
                ),
                account,
                vm.addr(key),
                share,
                version
            )
        );
        bytes32 separator = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Quittance Split Accounts"),
                keccak256("1"),
                block.chainid,
                address(splits)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function _signature(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /* EXPECTATIONS */

    function _expectTerms(
        uint64 epoch,
        uint32 version,
        address[] memory payees,
        uint32[] memory shares
    ) private {
        vm.expectEmit(address(splits));
        emit SplitAccounts.SplitTermsSet(account, OWNER, epoch, version, payees, shares);
    }

    function _expectRevert(
        address[] memory payees,
        uint32[] memory shares,
        bytes[] memory consents,
        bytes memory refusal
    ) private {
        vm.prank(OWNER);
        vm.expectRevert(refusal);
        splits.setSplit(SALT, payees, shares, consents);
    }

    function _invalid(uint256 place, uint32 share, uint32 version)
        private
        view
        returns (bytes memory)
    {
        bytes32 word = bytes32(uint256(uint160(account)));
        return _consentInvalid(word, vm.addr(keys[place]), share, version);
    }

    function _consentInvalid(bytes32 subject, address payee, uint32 share, uint32 version)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(
            ConsentedSplits.ConsentInvalid.selector, subject, payee, share, version
        );
    }
}
