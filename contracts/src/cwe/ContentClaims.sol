// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {IEscrowBeneficiaries} from "../settlement/IEscrowBeneficiaries.sol";
import {LeafIds} from "../settlement/LeafIds.sol";
import {CreatorAttestations} from "./CreatorAttestations.sol";
import {IRegisteredWorks} from "./IRegisteredWorks.sol";

/// @title Who contents belong to
/// @notice The first to register a work of a content claims it. A claim becomes final by silence;
/// one challenge makes an arbiter look at it. Whose claim is final receives what was earned for the
/// content before anybody was paid for it.
/// @dev One content, as time goes on; every border is the first second of what follows it:
///
///     open ──register, claim──> claimed ──silence until finalAt──────────────> final
///                                  └─challenge─> challenged ──silence────────> final
///      ^                                            ├──arbiter upholds───────> final at once
///      └──────────────────arbiter refuses───────────┘
///
/// Nothing takes a final claim away.
contract ContentClaims is IEscrowBeneficiaries, AccessControl {
    /* TYPES */

    /// @notice May decide about challenged claims.
    bytes32 public constant ARBITER_ROLE = keccak256("ARBITER_ROLE");

    /// @notice How long things wait, in seconds.
    /// @param challenge In which a claim may be challenged.
    /// @param arbitration In which the arbiter may decide about a challenge, at least.
    /// @param beneficiary Between the announcement and the assignment of a beneficiary.
    struct Windows {
        uint64 challenge;
        uint64 arbitration;
        uint64 beneficiary;
    }

    /// @notice The claim that stands over a content; all zero while the content is open.
    /// @param finalAt When it becomes, or became, final if nobody acts.
    struct Claim {
        address claimant;
        uint64 finalAt;
        bool isChallenged;
    }

    /// @notice A beneficiary of suspense that is announced; `applicableAt` is zero if none is.
    struct Announcement {
        address account;
        uint64 applicableAt;
    }

    /* ERRORS */

    /// @notice Every window lasts at least one second.
    error WindowIsZero();
    /// @notice Only the registry of works opens claims in the name of others.
    error NotRegistry(address account);
    /// @notice Only the registrant of a work claims its content.
    error NotRegistrant(bytes32 workId, address account);
    /// @notice Claimants and challengers hold a valid attestation as creators.
    error NotCreator(address account);
    /// @notice Somebody claims the content.
    error AlreadyClaimed(bytes32 contentId, address claimant);
    /// @notice The arbiter refused the content to this account.
    error RefusedBefore(bytes32 contentId, address account);
    /// @notice No claim that could still be challenged stands.
    error NotChallengeable(bytes32 contentId);
    /// @notice A claimant does not challenge itself.
    error ChallengerIsClaimant(bytes32 contentId);
    /// @notice A challenge needs evidence.
    error EvidenceIsZero();
    /// @notice No challenge waits for a decision.
    error NotUnderChallenge(bytes32 contentId);
    /// @notice Beneficiaries are assigned to suspense only; escrow belongs to who claims.
    error NotSuspense(bytes32 escrowId);
    /// @notice A beneficiary is announced already.
    error AlreadyAnnounced(bytes32 escrowId, address account);
    /// @notice No beneficiary is announced.
    error NotAnnounced(bytes32 escrowId);
    /// @notice The announcement has not stood long enough.
    error NotYetApplicable(uint64 applicableAt, uint64 timestamp);

    /* EVENTS */

    /// @notice A claim stands; final at `finalAt` unless it is challenged.
    event ContentClaimed(
        bytes32 indexed contentId, address indexed claimant, bytes32 indexed workId, uint64 finalAt
    );
    /// @notice The claim is final at `decideBy` unless the arbiter refuses it before.
    event ClaimChallenged(
        bytes32 indexed contentId,
        address indexed challenger,
        bytes32 evidenceDigest,
        uint64 decideBy
    );
    /// @notice The arbiter decided: the claim is final, or the content is open again.
    event ClaimResolved(bytes32 indexed contentId, address indexed claimant, bool isUpheld);
    /// @notice `account` can be made beneficiary from `applicableAt` on.
    event BeneficiaryAnnounced(
        bytes32 indexed escrowId, address indexed account, uint64 applicableAt
    );
    /// @notice The announcement does not stand any more.
    event BeneficiaryCancelled(bytes32 indexed escrowId, address indexed account);
    /// @notice Suspense under `escrowId` belongs to `account`; to nobody if it is zero.
    event BeneficiaryAssigned(bytes32 indexed escrowId, address indexed account);

    /* STORAGE */

    /// @notice The registry of works, which opens claims.
    IRegisteredWorks public immutable registry;
    /// @notice Says who is a creator.
    CreatorAttestations public immutable attestations;
    /// @notice Seconds in which a claim may be challenged.
    uint64 public immutable challengeWindow;
    /// @notice Seconds in which the arbiter may decide about a challenge, at least.
    uint64 public immutable arbitrationWindow;
    /// @notice Seconds between the announcement and the assignment of a beneficiary.
    uint64 public immutable beneficiaryDelay;
    mapping(bytes32 escrowId => Claim) private _claims;
    /// @notice Whether the arbiter refused the content to an account: for ever.
    mapping(bytes32 contentId => mapping(address account => bool)) public isRefused;
    mapping(bytes32 escrowId => address) private _assigned;
    /// @notice The beneficiary that is announced for suspense.
    mapping(bytes32 escrowId => Announcement) public announcementOf;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE: it grants ARBITER_ROLE and assigns suspense.
    constructor(
        IRegisteredWorks registry_,
        CreatorAttestations attestations_,
        Windows memory windows,
        address admin
    ) {
        if (windows.challenge == 0 || windows.arbitration == 0 || windows.beneficiary == 0) {
            revert WindowIsZero();
        }
        registry = registry_;
        attestations = attestations_;
        challengeWindow = windows.challenge;
        arbitrationWindow = windows.arbitration;
        beneficiaryDelay = windows.beneficiary;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Opens a claim for the registrant of a work, if it may have one: the registry calls
    /// when a work comes to a content. Silent otherwise: works do not depend on claims.
    function open(bytes32 contentId, address claimant, bytes32 workId) external {
        if (msg.sender != address(registry)) revert NotRegistry(msg.sender);
        if (claimOf(contentId).claimant != address(0)) return;
        if (isRefused[contentId][claimant] || !attestations.isCreator(claimant)) return;
        _open(contentId, claimant, workId);
    }

    /// @notice Claims the content of a work of the caller; for contents that are open again.
    function claim(bytes32 workId) external {
        if (registry.registrantOf(workId) != msg.sender) revert NotRegistrant(workId, msg.sender);
        if (!attestations.isCreator(msg.sender)) revert NotCreator(msg.sender);
        bytes32 contentId = registry.contentOf(workId);
        address claimant = claimOf(contentId).claimant;
        if (claimant != address(0)) revert AlreadyClaimed(contentId, claimant);
        if (isRefused[contentId][msg.sender]) revert RefusedBefore(contentId, msg.sender);
        _open(contentId, msg.sender, workId);
    }

    /// @notice Asks the arbiter to look at a claim before it is final. Once for each claim: the
    /// arbiter hears everybody, so a second challenge would only gain time.
    /// @dev Silence after a challenge never makes a claim final earlier than silence without one.
    function challenge(bytes32 contentId, bytes32 evidenceDigest) external {
        if (evidenceDigest == bytes32(0)) revert EvidenceIsZero();
        Claim storage standing = _claims[LeafIds.escrowOf(contentId)];
        if (_isFinal(standing) || standing.claimant == address(0) || standing.isChallenged) {
            revert NotChallengeable(contentId);
        }
        if (standing.claimant == msg.sender) revert ChallengerIsClaimant(contentId);
        if (!attestations.isCreator(msg.sender)) revert NotCreator(msg.sender);
        uint64 decideBy = uint64(block.timestamp) + arbitrationWindow;
        if (decideBy < standing.finalAt) decideBy = standing.finalAt;
        standing.finalAt = decideBy;
        standing.isChallenged = true;
        emit ClaimChallenged(contentId, msg.sender, evidenceDigest, decideBy);
    }

    /// @notice Decides about a challenged claim, before silence does: upheld, it is final at once;
    /// refused, the content is open again, for everybody but this claimant.
    function resolve(bytes32 contentId, bool isUpheld) external onlyRole(ARBITER_ROLE) {
        bytes32 escrowId = LeafIds.escrowOf(contentId);
        Claim storage standing = _claims[escrowId];
        if (!standing.isChallenged || _isFinal(standing)) revert NotUnderChallenge(contentId);
        address claimant = standing.claimant;
        if (isUpheld) {
            standing.finalAt = uint64(block.timestamp);
        } else {
            isRefused[contentId][claimant] = true;
            delete _claims[escrowId];
        }
        emit ClaimResolved(contentId, claimant, isUpheld);
    }

    /// @notice Announces whom suspense under `escrowId` shall belong to; nobody, if zero.
    function announceBeneficiary(bytes32 escrowId, address account)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        if (!LeafIds.isSuspense(escrowId)) revert NotSuspense(escrowId);
        Announcement storage announced = announcementOf[escrowId];
        if (announced.applicableAt != 0) revert AlreadyAnnounced(escrowId, announced.account);
        uint64 applicableAt = uint64(block.timestamp) + beneficiaryDelay;
        (announced.account, announced.applicableAt) = (account, applicableAt);
        emit BeneficiaryAnnounced(escrowId, account, applicableAt);
    }

    /// @notice Takes an announcement back.
    function cancelBeneficiary(bytes32 escrowId) external onlyRole(DEFAULT_ADMIN_ROLE) {
        address account = _takeAnnouncement(escrowId).account;
        emit BeneficiaryCancelled(escrowId, account);
    }

    /// @notice Assigns the announced beneficiary, once its time has come; anyone may call.
    function applyBeneficiary(bytes32 escrowId) external {
        Announcement memory announced = _takeAnnouncement(escrowId);
        if (block.timestamp < announced.applicableAt) {
            revert NotYetApplicable(announced.applicableAt, uint64(block.timestamp));
        }
        _assigned[escrowId] = announced.account;
        emit BeneficiaryAssigned(escrowId, announced.account);
    }

    /* VIEWS */

    /// @inheritdoc IEscrowBeneficiaries
    function beneficiaryOf(bytes32 escrowId) external view returns (address) {
        if (LeafIds.isSuspense(escrowId)) return _assigned[escrowId];
        Claim memory standing = _claims[escrowId];
        return _isFinal(standing) ? standing.claimant : address(0);
    }

    /// @inheritdoc IEscrowBeneficiaries
    /// @dev Of suspense: whether a beneficiary is announced.
    function isClaimOpen(bytes32 escrowId) external view returns (bool) {
        if (announcementOf[escrowId].applicableAt != 0) return true;
        Claim memory standing = _claims[escrowId];
        return standing.claimant != address(0) && !_isFinal(standing);
    }

    /// @notice The claim that stands over a content.
    function claimOf(bytes32 contentId) public view returns (Claim memory) {
        return _claims[LeafIds.escrowOf(contentId)];
    }

    /* INTERNALS */

    function _open(bytes32 contentId, address claimant, bytes32 workId) private {
        uint64 finalAt = uint64(block.timestamp) + challengeWindow;
        _claims[LeafIds.escrowOf(contentId)] = Claim(claimant, finalAt, false);
        emit ContentClaimed(contentId, claimant, workId, finalAt);
    }

    /// @dev Removes the announcement; a caller that then reverts leaves it.
    function _takeAnnouncement(bytes32 escrowId) private returns (Announcement memory announced) {
        announced = announcementOf[escrowId];
        // Zero says that nothing is announced; no announcement is applicable at zero.
        // slither-disable-next-line incorrect-equality
        if (announced.applicableAt == 0) revert NotAnnounced(escrowId);
        delete announcementOf[escrowId];
    }

    function _isFinal(Claim memory standing) private view returns (bool) {
        return standing.claimant != address(0) && block.timestamp >= standing.finalAt;
    }
}
