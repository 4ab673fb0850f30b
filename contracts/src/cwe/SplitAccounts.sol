// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {EpochClock} from "../settlement/EpochClock.sol";
import {ConsentedSplits} from "./ConsentedSplits.sol";

/// @title Payees that are splits themselves
/// @notice A split account is an address with neither code nor key. It may stand among the payees
/// of works and of other split accounts; the distribution pays its payees instead. Its terms are in
/// force from the epoch in which it was made, and after a change from the next epoch on.
/// @dev A split account is never paid itself, so nobody could take money from it. Circles and depth
/// are the distribution's to refuse: an account that is well made today can become part of a circle
/// by another owner's change tomorrow.
contract SplitAccounts is ConsentedSplits {
    /* TYPES */

    /// @notice EIP-712 type hash of `SplitConsent`.
    bytes32 public constant CONSENT_TYPEHASH =
        keccak256("SplitConsent(address account,address payee,uint32 sharePpm,uint32 version)");

    /// @dev `version` is zero where no account is.
    struct Account {
        address owner;
        uint32 version;
        bytes32 termsDigest;
    }

    /* EVENTS */

    /// @notice The whole terms, in force from `effectiveEpoch` on. Of several versions for one
    /// epoch the highest stands.
    event SplitTermsSet(
        address indexed account,
        address indexed owner,
        uint64 effectiveEpoch,
        uint32 version,
        address[] payees,
        uint32[] sharesPpm
    );

    /* STORAGE */

    /// @notice The clock whose borders changes wait for.
    EpochClock public immutable clock;
    mapping(address account => Account) private _accounts;

    /* CONSTRUCTOR */

    constructor(EpochClock clock_) EIP712("Quittance Split Accounts", "1") {
        clock = clock_;
    }

    /* EXTERNAL */

    /// @notice Makes the caller's account of this salt, in force at once, or changes its split from
    /// the next epoch on; all payees of the new list consent.
    /// @param consents One 65-byte signature per payee, over `SplitConsent` with the version that
    /// this call creates; empty only for the caller and for existing split accounts.
    function setSplit(
        bytes32 salt,
        address[] calldata payees,
        uint32[] calldata sharesPpm,
        bytes[] calldata consents
    ) external returns (address account) {
        account = accountOf(msg.sender, salt);
        Account storage terms = _accounts[account];
        uint32 version = terms.version + 1;
        _requireConsented(_word(account), msg.sender, version, payees, sharesPpm, consents);
        uint64 epoch = clock.currentEpoch();
        if (version != 1) epoch += 1;
        terms.owner = msg.sender;
        terms.version = version;
        terms.termsDigest = keccak256(abi.encode(payees, sharesPpm));
        emit SplitTermsSet(account, msg.sender, epoch, version, payees, sharesPpm);
    }

    /* VIEWS */

    /// @notice Address of the account that `owner` makes with `salt`.
    /// @dev Three words are hashed: neither a key (two words) nor a deployment (RLP, or 85 bytes)
    /// has that preimage, so the address has no key and no code.
    function accountOf(address owner, bytes32 salt) public view returns (address) {
        return address(uint160(uint256(keccak256(abi.encode(address(this), owner, salt)))));
    }

    /// @notice Whether an address is a split account.
    function isAccount(address account) public view returns (bool) {
        return _accounts[account].version != 0;
    }

    /// @notice Who may change an account; zero if there is none.
    function ownerOf(address account) external view returns (address) {
        return _accounts[account].owner;
    }

    /// @notice How often the terms were set; zero if there is no account.
    function versionOf(address account) external view returns (uint32) {
        return _accounts[account].version;
    }

    /// @notice keccak256(abi.encode(payees, sharesPpm)) of the terms set last, which may not be in
    /// force yet.
    function termsDigestOf(address account) external view returns (bytes32) {
        return _accounts[account].termsDigest;
    }

    /// @notice EIP-712 digest that a payee signs.
    function consentDigest(address account, address payee, uint32 sharePpm, uint32 version)
        external
        view
        returns (bytes32)
    {
        return _consentDigest(_word(account), payee, sharePpm, version);
    }

    /* INTERNALS */

    function _isSplitAccount(address account) internal view override returns (bool) {
        return isAccount(account);
    }

    function _consentTypeHash() internal pure override returns (bytes32) {
        return CONSENT_TYPEHASH;
    }

    /// @dev An address is encoded as this word.
    function _word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }
}
