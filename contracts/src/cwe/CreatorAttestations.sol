// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

/// @title Attestations about creators
/// @notice Trusted issuers say who holds a credential, for a time. Who and how an issuer checks
/// is off chain; here it can be asked, renewed and taken back.
contract CreatorAttestations is AccessControl {
    /* TYPES */

    /// @notice The credential of somebody who may register works.
    bytes32 public constant CREATOR = keccak256("creator");

    /// @dev `issuer` is zero where nothing is attested.
    struct Attestation {
        address issuer;
        uint64 expiresAt;
    }

    /* ERRORS */

    /// @notice The caller may not attest.
    error NotTrustedIssuer(address account);
    /// @notice An attestation ends in the future.
    error ExpiryNotInFuture(uint64 expiresAt, uint64 timestamp);
    /// @notice There is nothing to revoke.
    error NotAttested(address subject, bytes32 credential);
    /// @notice Only who gave an attestation, or the administrator, takes it back.
    error NotIssuerOfAttestation(address account, address issuer);

    /* EVENTS */

    /// @notice The issuer's attestations, past and future, count from now on, or do not.
    event IssuerSet(address indexed issuer, bool isTrusted);
    /// @notice `subject` holds `credential` until `expiresAt`; replaces an earlier attestation.
    event Attested(
        address indexed subject,
        bytes32 indexed credential,
        address indexed issuer,
        uint64 expiresAt
    );
    /// @notice The attestation was taken back.
    event Revoked(address indexed subject, bytes32 indexed credential, address indexed by);

    /* STORAGE */

    /// @notice Whether the issuer's attestations count.
    mapping(address issuer => bool) public isIssuer;
    /// @notice The last attestation; it may have expired, or its issuer may have lost trust.
    mapping(address subject => mapping(bytes32 credential => Attestation)) public attestationOf;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE: it sets issuers, and may revoke any attestation.
    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Trusts an issuer, or stops trusting it with everything that it attested.
    function setIssuer(address issuer, bool isTrusted) external onlyRole(DEFAULT_ADMIN_ROLE) {
        isIssuer[issuer] = isTrusted;
        emit IssuerSet(issuer, isTrusted);
    }

    /// @notice Attests a credential, or renews one, whoever gave it before.
    /// @param expiresAt First second at which it does not count any more.
    function attest(address subject, bytes32 credential, uint64 expiresAt) external {
        if (!isIssuer[msg.sender]) revert NotTrustedIssuer(msg.sender);
        if (expiresAt <= block.timestamp) {
            revert ExpiryNotInFuture(expiresAt, uint64(block.timestamp));
        }
        attestationOf[subject][credential] = Attestation(msg.sender, expiresAt);
        emit Attested(subject, credential, msg.sender, expiresAt);
    }

    /// @notice Takes an attestation back: its issuer, trusted or not, or the administrator.
    function revoke(address subject, bytes32 credential) external {
        address issuer = attestationOf[subject][credential].issuer;
        if (issuer == address(0)) revert NotAttested(subject, credential);
        if (msg.sender != issuer && !hasRole(DEFAULT_ADMIN_ROLE, msg.sender)) {
            revert NotIssuerOfAttestation(msg.sender, issuer);
        }
        delete attestationOf[subject][credential];
        emit Revoked(subject, credential, msg.sender);
    }

    /* VIEWS */

    /// @notice Whether `subject` holds `credential` now: attested, not revoked, not expired, and
    /// the issuer is still trusted.
    function isValid(address subject, bytes32 credential) public view returns (bool) {
        Attestation memory attestation = attestationOf[subject][credential];
        return isIssuer[attestation.issuer] && block.timestamp < attestation.expiresAt;
    }

    /// @notice Whether `account` may register works now.
    function isCreator(address account) external view returns (bool) {
        return isValid(account, CREATOR);
    }
}
