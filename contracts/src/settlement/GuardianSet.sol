// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IGuardianSet} from "./IGuardianSet.sol";
import {SignatureLib} from "./SignatureLib.sol";

/// @title The guardians in office, their quorum, and their announced replacement
abstract contract GuardianSet is IGuardianSet, AccessControl, EIP712 {
    /* TYPES */

    /// @dev All fields are zero while none is announced.
    struct GuardianAnnouncement {
        bytes32 announcement;
        uint64 applicableAt;
        uint32 threshold;
        address[] guardians;
    }

    /// @notice Most guardians of one set; bounds a commit and a replacement.
    uint256 public constant GUARDIANS_MAX = 32;
    bytes32 private constant CANCEL_TYPEHASH =
        keccak256("CancelGuardians(bytes32 announcement,uint32 guardianSet)");

    /* STORAGE */

    /// @inheritdoc IGuardianSet
    uint64 public immutable governanceDelay;

    /// @inheritdoc IGuardianSet
    uint32 public guardianSet;
    /// @inheritdoc IGuardianSet
    uint32 public threshold;
    /// @dev In the id of an announcement, so that signatures that cancelled one are void for the
    /// next, even if it names the same guardians.
    uint32 private _announcements;
    address[] private _guardians;
    /// @inheritdoc IGuardianSet
    mapping(address account => bool) public isGuardian;
    /// @inheritdoc IGuardianSet
    GuardianAnnouncement public announcedGuardians;

    /* CONSTRUCTOR */

    constructor(uint64 governanceDelay_) EIP712("Quittance", "1") {
        governanceDelay = governanceDelay_;
    }

    /* EXTERNAL */

    /// @inheritdoc IGuardianSet
    function announceGuardians(address[] calldata guardians_, uint32 threshold_)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
        returns (bytes32 announcement)
    {
        if (announcedGuardians.announcement != bytes32(0)) {
            revert GuardiansAlreadyAnnounced(announcedGuardians.announcement);
        }
        _requireProperSet(guardians_, threshold_);
        _announcements += 1;
        announcement = keccak256(abi.encode(guardianSet, _announcements, threshold_, guardians_));
        uint64 applicableAt = uint64(block.timestamp) + governanceDelay;
        announcedGuardians =
            GuardianAnnouncement(announcement, applicableAt, threshold_, guardians_);
        emit GuardiansAnnounced(announcement, applicableAt, threshold_, guardians_);
    }

    /// @inheritdoc IGuardianSet
    function applyGuardians() external {
        GuardianAnnouncement memory announced = announcedGuardians;
        // Zero says that nothing is announced; an announcement is named by a hash.
        // slither-disable-next-line incorrect-equality
        if (announced.announcement == bytes32(0)) revert GuardiansNotAnnounced(bytes32(0));
        _requireApplicable(announced.applicableAt);
        delete announcedGuardians;
        _install(announced.guardians, announced.threshold);
    }

    /// @inheritdoc IGuardianSet
    function cancelGuardians(bytes32 announcement, GuardianSignature[] calldata signatures)
        external
    {
        if (announcement == bytes32(0) || announcement != announcedGuardians.announcement) {
            revert GuardiansNotAnnounced(announcement);
        }
        if (!hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) {
            _requireQuorum(cancellationDigest(announcement), signatures);
        }
        delete announcedGuardians;
        emit GuardiansCancelled(announcement, msg.sender);
    }

    /* VIEWS */

    /// @inheritdoc IGuardianSet
    function cancellationDigest(bytes32 announcement) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CANCEL_TYPEHASH, announcement, guardianSet)));
    }

    /// @inheritdoc IGuardianSet
    function guardians() external view returns (address[] memory) {
        return _guardians;
    }

    /* INTERNALS */

    function _isGuardianOrAdmin(address account) internal view returns (bool) {
        return isGuardian[account] || hasRole(DEFAULT_ADMIN_ROLE, account);
    }

    function _requireApplicable(uint64 applicableAt) internal view {
        if (block.timestamp < applicableAt) {
            revert NotApplicableYet(applicableAt, uint64(block.timestamp));
        }
    }

    /// @dev The set must be proper. Former guardians are out of office before the new ones are in:
    /// the two may overlap.
    function _install(address[] memory guardians_, uint32 threshold_) internal {
        for (uint256 i = 0; i < _guardians.length; ++i) {
            isGuardian[_guardians[i]] = false;
        }
        for (uint256 i = 0; i < guardians_.length; ++i) {
            isGuardian[guardians_[i]] = true;
        }
        _guardians = guardians_;
        threshold = threshold_;
        guardianSet += 1;
        emit GuardianSetChanged(guardianSet, threshold_, guardians_);
    }

    function _requireProperSet(address[] memory guardians_, uint32 threshold_) internal pure {
        // A majority of none is impossible, so this refuses an empty set too.
        if (threshold_ > guardians_.length || uint256(threshold_) * 2 <= guardians_.length) {
            revert ThresholdNotMajority(threshold_, guardians_.length);
        }
        if (guardians_.length > GUARDIANS_MAX) {
            revert TooManyGuardians(guardians_.length, GUARDIANS_MAX);
        }
        address previous = address(0);
        for (uint256 i = 0; i < guardians_.length; ++i) {
            address guardian = guardians_[i];
            if (guardian <= previous) revert GuardiansNotAscending(previous, guardian);
            previous = guardian;
        }
    }

    /// @dev Strictly ascending signers make every signature count once.
    function _requireQuorum(bytes32 digest, GuardianSignature[] calldata signatures)
        internal
        view
        returns (address[] memory signers)
    {
        if (signatures.length < threshold) revert BelowThreshold(signatures.length, threshold);
        signers = new address[](signatures.length);
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = signatures[i].signer;
            if (signer <= previous) revert SignersNotAscending(previous, signer);
            if (!isGuardian[signer]) revert NotAGuardian(signer);
            if (!SignatureLib.isSignedBy(signer, digest, signatures[i].signature)) {
                revert SignatureInvalid(signer);
            }
            signers[i] = signer;
            previous = signer;
        }
    }
}
