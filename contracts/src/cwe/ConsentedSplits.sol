// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Splits to which every payee consents
/// @notice What the split of a work and the split of a split account have in common: payees
/// strictly ascending, shares that sum to the whole, and an EIP-712 consent of every payee to its
/// own share in this version of this subject. An owner needs none for itself, and a split account
/// cannot sign: its own payees consented to it.
abstract contract ConsentedSplits is EIP712 {
    /* TYPES */

    /// @notice Most payees of one split.
    uint256 public constant PAYEES_MAX = 256;
    /// @notice What the shares of a split sum to: parts per million.
    uint256 public constant SHARES_TOTAL_PPM = 1_000_000;

    /* ERRORS */

    /// @notice A split has between 1 and `maximum` payees.
    error PayeeCountOutOfRange(uint256 count, uint256 maximum);
    /// @notice Every payee needs one share.
    error ShareCountMismatch(uint256 payees, uint256 shares);
    /// @notice Payees must be strictly ascending and not zero.
    error PayeesNotAscending(address previous, address payee);
    /// @notice This contract cannot be paid.
    error PayeeIsThisContract();
    /// @notice A payee's share is zero.
    error ShareIsZero(address payee);
    /// @notice The shares do not sum to the whole.
    error ShareSumMismatch(uint256 actual, uint256 expected);
    /// @notice Every payee needs one consent, which may be empty for the owner and split accounts.
    error ConsentCountMismatch(uint256 payees, uint256 consents);
    /// @notice The payee did not sign this share in this version of the subject.
    error ConsentInvalid(bytes32 subject, address payee, uint32 sharePpm, uint32 version);

    /* INTERNALS */

    /// @notice Whether an address is an existing split account.
    function _isSplitAccount(address account) internal view virtual returns (bool);

    /// @notice EIP-712 type hash of the consent: (subject, payee, sharePpm, version).
    function _consentTypeHash() internal pure virtual returns (bytes32);

    /// @notice EIP-712 digest that a payee signs.
    /// @param subject What is split, as one word: a work's id, or a split account.
    function _consentDigest(bytes32 subject, address payee, uint32 sharePpm, uint32 version)
        internal
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(_consentTypeHash(), subject, payee, sharePpm, version))
        );
    }

    /// @notice Reverts unless shares are in order and every payee consented.
    /// @param owner Needs no signature: it is who asks.
    function _requireConsented(
        bytes32 subject,
        address owner,
        uint32 version,
        address[] calldata payees,
        uint32[] calldata sharesPpm,
        bytes[] calldata consents
    ) internal view {
        _requireWellFormed(payees, sharesPpm);
        if (consents.length != payees.length) {
            revert ConsentCountMismatch(payees.length, consents.length);
        }
        for (uint256 i = 0; i < payees.length; ++i) {
            if (consents[i].length == 0 && (payees[i] == owner || _isSplitAccount(payees[i]))) {
                continue;
            }
            bytes32 digest = _consentDigest(subject, payees[i], sharesPpm[i], version);
            // A failed recovery answers zero, which no payee is.
            // slither-disable-next-line unused-return
            (address recovered,,) = ECDSA.tryRecoverCalldata(digest, consents[i]);
            if (recovered != payees[i]) {
                revert ConsentInvalid(subject, payees[i], sharesPpm[i], version);
            }
        }
    }

    function _requireWellFormed(address[] calldata payees, uint32[] calldata sharesPpm)
        private
        view
    {
        uint256 count = payees.length;
        if (count == 0 || count > PAYEES_MAX) revert PayeeCountOutOfRange(count, PAYEES_MAX);
        if (sharesPpm.length != count) revert ShareCountMismatch(count, sharesPpm.length);
        uint256 sum = 0;
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            if (payees[i] <= previous) revert PayeesNotAscending(previous, payees[i]);
            if (payees[i] == address(this)) revert PayeeIsThisContract();
            if (sharesPpm[i] == 0) revert ShareIsZero(payees[i]);
            sum += sharesPpm[i];
            previous = payees[i];
        }
        if (sum != SHARES_TOTAL_PPM) revert ShareSumMismatch(sum, SHARES_TOTAL_PPM);
    }
}
