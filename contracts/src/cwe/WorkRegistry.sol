// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {EpochClock} from "../settlement/EpochClock.sol";
import {IWorkVerdicts} from "../settlement/IWorkVerdicts.sol";
import {LeafIds} from "../settlement/LeafIds.sol";
import {ConsentedSplits} from "./ConsentedSplits.sol";
import {ContentClaims} from "./ContentClaims.sol";
import {CreatorAttestations} from "./CreatorAttestations.sol";
import {IRegisteredWorks} from "./IRegisteredWorks.sol";
import {SplitAccounts} from "./SplitAccounts.sol";

/// @title Registry of works, their terms and the verdicts over them
/// @notice A work's terms say what it offers and who is paid for it. They are in force from the
/// registration's epoch, and after a change from the next epoch on, so nobody can take what others
/// earned before. Every change emits the whole terms: the logs alone rebuild the registry.
///
/// Attested creators register their works. A curator recognises a work whose creator is not here
/// yet: it is played and earns, its money waits in escrow under its content, and the registry
/// itself stands as its registrant until whoever the content belongs to adopts it.
contract WorkRegistry is IWorkVerdicts, IRegisteredWorks, AccessControl, ConsentedSplits {
    /* TYPES */

    /// @notice May place and lift verdicts.
    bytes32 public constant VERDICT_ROLE = keccak256("VERDICT_ROLE");
    /// @notice May recognise works and set their offer while nobody adopted them.
    bytes32 public constant CURATOR_ROLE = keccak256("CURATOR_ROLE");
    /// @notice EIP-712 type hash of `Consent`.
    bytes32 public constant CONSENT_TYPEHASH =
        keccak256("Consent(bytes32 workId,address payee,uint32 sharePpm,uint32 version)");
    /// @notice Prices are below this bound.
    uint64 public constant PRICE_PPM_LIMIT = 2 ** 40;

    /// @notice What a work offers and who is paid for it.
    /// @param pricePpm Price per minute, in millionths.
    /// @param regionRule Digest of the rule that says where the work is offered.
    /// @param payees Strictly ascending; none of a recognised work.
    /// @param sharesPpm One share per payee; they sum to `SHARES_TOTAL_PPM`.
    struct Terms {
        bytes32 contentId;
        uint64 pricePpm;
        bytes32 regionRule;
        address[] payees;
        uint32[] sharesPpm;
    }

    /// @dev `version` is zero for an unknown work.
    struct Work {
        address registrant;
        uint32 version;
        Terms terms;
    }

    /* ERRORS */

    /// @notice The claims were deployed for another registry, and would hear nothing of this one.
    error ClaimsOfAnotherRegistry(address registry);
    /// @notice Registrants hold a valid attestation as creators.
    error NotCreator(address account);
    /// @notice The registrant used this salt before.
    error AlreadyRegistered(bytes32 workId);
    /// @notice No such work.
    error NotRegistered(bytes32 workId);
    /// @notice Only the registrant changes a work.
    error NotRegistrant(bytes32 workId, address account);
    /// @notice A work needs a content.
    error ContentIdIsZero();
    /// @notice The price is zero or too high.
    error PriceOutOfRange(uint64 pricePpm, uint64 limit);
    /// @notice The work was not recognised, or was adopted since.
    error NotRecognised(bytes32 workId);
    /// @notice The content of the work does not belong to this account.
    error NotBeneficiary(bytes32 contentId, address account);
    /// @notice A verdict needs a case.
    error CaseDigestIsZero();
    /// @notice A verdict stands already.
    error AlreadyUnderVerdict(bytes32 workId, bytes32 caseDigest);
    /// @notice No verdict of this case stands.
    error NotUnderVerdict(bytes32 workId, bytes32 caseDigest);

    /* EVENTS */

    /// @notice The work exists; recognised, if the registrant is the registry.
    event WorkRegistered(bytes32 indexed workId, address indexed registrant, bytes32 salt);
    /// @notice The whole terms, in force from `effectiveEpoch` on. Of several versions for one
    /// epoch the highest stands.
    event WorkTermsSet(
        bytes32 indexed workId,
        address indexed registrant,
        bytes32 indexed contentId,
        uint64 effectiveEpoch,
        uint32 version,
        uint64 pricePpm,
        bytes32 regionRule,
        address[] payees,
        uint32[] sharesPpm
    );
    /// @notice A verdict stands over the work from this block on.
    event VerdictPlaced(bytes32 indexed workId, bytes32 indexed caseDigest);
    /// @notice The verdict was lifted.
    event VerdictLifted(bytes32 indexed workId, bytes32 indexed caseDigest);

    /* STORAGE */

    /// @notice The clock whose borders changes wait for.
    EpochClock public immutable clock;
    /// @notice Says who is a creator.
    CreatorAttestations public immutable attestations;
    /// @notice The payees that are splits themselves.
    SplitAccounts public immutable splits;
    /// @notice Who contents belong to.
    ContentClaims public immutable claims;
    mapping(bytes32 workId => Work) private _works;
    /// @notice The case of the verdict that stands over a work; zero if none does.
    mapping(bytes32 workId => bytes32 caseDigest) public verdictOf;

    /* CONSTRUCTOR */

    /// @param claims_ Deployed before, with the address that this contract gets.
    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants the other roles.
    constructor(
        EpochClock clock_,
        CreatorAttestations attestations_,
        SplitAccounts splits_,
        ContentClaims claims_,
        address admin
    ) EIP712("Quittance Work Registry", "1") {
        address claimed = address(claims_.registry());
        if (claimed != address(this)) revert ClaimsOfAnotherRegistry(claimed);
        clock = clock_;
        attestations = attestations_;
        splits = splits_;
        claims = claims_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Registers a work of the caller; in force at once. Claims its content if nobody does.
    /// @param consents One 65-byte signature per payee, over `Consent` with version 1; empty only
    /// for the caller and for existing split accounts.
    function register(bytes32 salt, Terms calldata terms, bytes[] calldata consents)
        external
        returns (bytes32 workId)
    {
        _requireCreator();
        Work storage work;
        (workId, work) = _newWork(msg.sender, salt);
        _setOffer(work, terms.contentId, terms.pricePpm, terms.regionRule);
        _setPayees(workId, work, terms.payees, terms.sharesPpm, consents);
        _publish(workId, work, clock.currentEpoch());
        claims.open(terms.contentId, msg.sender, workId);
    }

    /// @notice Recognises a work that nobody registered; in force at once, with nobody to pay.
    function recognise(bytes32 salt, bytes32 contentId, uint64 pricePpm, bytes32 regionRule)
        external
        onlyRole(CURATOR_ROLE)
        returns (bytes32 workId)
    {
        Work storage work;
        (workId, work) = _newWork(address(this), salt);
        _setOffer(work, contentId, pricePpm, regionRule);
        _publish(workId, work, clock.currentEpoch());
    }

    /// @notice Changes what a recognised work offers, from the next epoch on. Its content stays:
    /// money waits under it.
    function setRecognisedOffer(bytes32 workId, uint64 pricePpm, bytes32 regionRule)
        external
        onlyRole(CURATOR_ROLE)
    {
        Work storage work = _recognisedWork(workId);
        _setOffer(work, work.terms.contentId, pricePpm, regionRule);
        _publish(workId, work, clock.currentEpoch() + 1);
    }

    /// @notice Makes the caller, to whom the content of a recognised work belongs, its registrant;
    /// the payees are paid from the next epoch on, and the rest of the terms stays.
    /// @param consents As for `register`, with the version that this change creates.
    function adopt(
        bytes32 workId,
        address[] calldata payees,
        uint32[] calldata sharesPpm,
        bytes[] calldata consents
    ) external {
        _requireCreator();
        Work storage work = _recognisedWork(workId);
        bytes32 contentId = work.terms.contentId;
        if (claims.beneficiaryOf(LeafIds.escrowOf(contentId)) != msg.sender) {
            revert NotBeneficiary(contentId, msg.sender);
        }
        work.registrant = msg.sender;
        _setPayees(workId, work, payees, sharesPpm, consents);
        _publish(workId, work, clock.currentEpoch() + 1);
    }

    /// @notice Changes who is paid, from the next epoch on; all payees of the new list consent.
    /// @param consents As for `register`, with the version that this change creates.
    function setPayees(
        bytes32 workId,
        address[] calldata payees,
        uint32[] calldata sharesPpm,
        bytes[] calldata consents
    ) external {
        Work storage work = _ownWork(workId);
        _setPayees(workId, work, payees, sharesPpm, consents);
        _publish(workId, work, clock.currentEpoch() + 1);
    }

    /// @notice Changes what the work offers, from the next epoch on. Claims its content if it is
    /// another one and nobody does.
    function setOffer(bytes32 workId, bytes32 contentId, uint64 pricePpm, bytes32 regionRule)
        external
    {
        Work storage work = _ownWork(workId);
        bool isOtherContent = contentId != work.terms.contentId;
        _setOffer(work, contentId, pricePpm, regionRule);
        _publish(workId, work, clock.currentEpoch() + 1);
        if (isOtherContent) claims.open(contentId, msg.sender, workId);
    }

    /// @notice Places a verdict over a work, at once.
    function placeVerdict(bytes32 workId, bytes32 caseDigest) external onlyRole(VERDICT_ROLE) {
        if (caseDigest == bytes32(0)) revert CaseDigestIsZero();
        if (_works[workId].version == 0) revert NotRegistered(workId);
        if (isUnderVerdict(workId)) revert AlreadyUnderVerdict(workId, verdictOf[workId]);
        verdictOf[workId] = caseDigest;
        emit VerdictPlaced(workId, caseDigest);
    }

    /// @notice Lifts the verdict of a case, at once.
    function liftVerdict(bytes32 workId, bytes32 caseDigest) external onlyRole(VERDICT_ROLE) {
        if (caseDigest == bytes32(0)) revert CaseDigestIsZero();
        if (verdictOf[workId] != caseDigest) revert NotUnderVerdict(workId, caseDigest);
        verdictOf[workId] = bytes32(0);
        emit VerdictLifted(workId, caseDigest);
    }

    /* VIEWS */

    /// @notice Id of the work that `registrant` registers with `salt`.
    /// @dev The top byte is zero, so every id is below the BN254 scalar field's order.
    function workIdOf(address registrant, bytes32 salt) public pure returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(registrant, salt))) >> 8);
    }

    /// @inheritdoc IRegisteredWorks
    function registrantOf(bytes32 workId) external view returns (address) {
        return _works[workId].registrant;
    }

    /// @notice How often the terms were set; zero if unknown.
    function versionOf(bytes32 workId) external view returns (uint32) {
        return _works[workId].version;
    }

    /// @inheritdoc IRegisteredWorks
    function contentOf(bytes32 workId) external view returns (bytes32) {
        return _works[workId].terms.contentId;
    }

    /// @notice The terms set last, which may not be in force yet.
    function latestTermsOf(bytes32 workId) external view returns (Terms memory) {
        return _works[workId].terms;
    }

    /// @inheritdoc IWorkVerdicts
    function isUnderVerdict(bytes32 workId) public view returns (bool) {
        return verdictOf[workId] != bytes32(0);
    }

    /// @notice EIP-712 digest that a payee signs.
    function consentDigest(bytes32 workId, address payee, uint32 sharePpm, uint32 version)
        external
        view
        returns (bytes32)
    {
        return _consentDigest(workId, payee, sharePpm, version);
    }

    /* INTERNALS */

    function _ownWork(bytes32 workId) private view returns (Work storage work) {
        work = _works[workId];
        if (work.version == 0) revert NotRegistered(workId);
        if (work.registrant != msg.sender) revert NotRegistrant(workId, msg.sender);
    }

    function _recognisedWork(bytes32 workId) private view returns (Work storage work) {
        work = _works[workId];
        // Nobody but `recognise` registers in the name of this contract.
        if (work.registrant != address(this)) revert NotRecognised(workId);
    }

    function _requireCreator() private view {
        if (!attestations.isCreator(msg.sender)) revert NotCreator(msg.sender);
    }

    function _newWork(address registrant, bytes32 salt)
        private
        returns (bytes32 workId, Work storage work)
    {
        workId = workIdOf(registrant, salt);
        work = _works[workId];
        if (work.version != 0) revert AlreadyRegistered(workId);
        work.registrant = registrant;
        emit WorkRegistered(workId, registrant, salt);
    }

    function _setOffer(Work storage work, bytes32 contentId, uint64 pricePpm, bytes32 regionRule)
        private
    {
        if (contentId == bytes32(0)) revert ContentIdIsZero();
        if (pricePpm == 0 || pricePpm >= PRICE_PPM_LIMIT) {
            revert PriceOutOfRange(pricePpm, PRICE_PPM_LIMIT);
        }
        work.terms.contentId = contentId;
        work.terms.pricePpm = pricePpm;
        work.terms.regionRule = regionRule;
    }

    function _setPayees(
        bytes32 workId,
        Work storage work,
        address[] calldata payees,
        uint32[] calldata sharesPpm,
        bytes[] calldata consents
    ) private {
        _requireConsented(workId, work.registrant, work.version + 1, payees, sharesPpm, consents);
        work.terms.payees = payees;
        work.terms.sharesPpm = sharesPpm;
    }

    function _isSplitAccount(address account) internal view override returns (bool) {
        return splits.isAccount(account);
    }

    function _consentTypeHash() internal pure override returns (bytes32) {
        return CONSENT_TYPEHASH;
    }

    function _publish(bytes32 workId, Work storage work, uint64 effectiveEpoch) private {
        work.version += 1;
        Terms memory terms = work.terms;
        emit WorkTermsSet(
            workId,
            work.registrant,
            terms.contentId,
            effectiveEpoch,
            work.version,
            terms.pricePpm,
            terms.regionRule,
            terms.payees,
            terms.sharesPpm
        );
    }
}
