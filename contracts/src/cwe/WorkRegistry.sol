// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {EpochClock} from "../settlement/EpochClock.sol";
import {IWorkVerdicts} from "../settlement/IWorkVerdicts.sol";

/// @title Registry of works, their terms and the verdicts over them
/// @notice A work's terms say what it offers and who is paid for it. They are in force from the
/// registration's epoch, and after a change from the next epoch on, so nobody can take what others
/// earned before. Every change emits the whole terms: the logs alone rebuild the registry.
contract WorkRegistry is IWorkVerdicts, AccessControl, EIP712 {
    /* TYPES */

    /// @notice May place and lift verdicts.
    bytes32 public constant VERDICT_ROLE = keccak256("VERDICT_ROLE");
    /// @notice EIP-712 type hash of `Consent`.
    bytes32 public constant CONSENT_TYPEHASH =
        keccak256("Consent(bytes32 workId,address payee,uint32 sharePpm,uint32 version)");
    /// @notice Most payees of one work.
    uint256 public constant PAYEES_MAX = 256;
    /// @notice What the shares of a work sum to: parts per million.
    uint256 public constant SHARES_TOTAL_PPM = 1_000_000;
    /// @notice Prices are below this bound.
    uint64 public constant PRICE_PPM_LIMIT = 2 ** 40;

    /// @notice What a work offers and who is paid for it.
    /// @param pricePpm Price per minute, in millionths.
    /// @param regionRule Digest of the rule that says where the work is offered.
    /// @param payees Strictly ascending.
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
    /// @notice A work has between 1 and `maximum` payees.
    error PayeeCountOutOfRange(uint256 count, uint256 maximum);
    /// @notice Every payee needs one share.
    error ShareCountMismatch(uint256 payees, uint256 shares);
    /// @notice Payees must be strictly ascending and not zero.
    error PayeesNotAscending(address previous, address payee);
    /// @notice The registry cannot be paid.
    error PayeeIsRegistry();
    /// @notice A payee's share is zero.
    error ShareIsZero(address payee);
    /// @notice The shares do not sum to the whole.
    error ShareSumMismatch(uint256 actual, uint256 expected);
    /// @notice Every payee needs one consent, which is empty for a registrant that pays itself.
    error ConsentCountMismatch(uint256 payees, uint256 consents);
    /// @notice The payee did not sign this share in this version.
    error ConsentInvalid(bytes32 workId, address payee, uint32 sharePpm, uint32 version);
    /// @notice A verdict needs a case.
    error CaseDigestIsZero();
    /// @notice A verdict stands already.
    error AlreadyUnderVerdict(bytes32 workId, bytes32 caseDigest);
    /// @notice No verdict of this case stands.
    error NotUnderVerdict(bytes32 workId, bytes32 caseDigest);

    /* EVENTS */

    /// @notice The work exists.
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
    mapping(bytes32 workId => Work) private _works;
    /// @notice The case of the verdict that stands over a work; zero if none does.
    mapping(bytes32 workId => bytes32 caseDigest) public verdictOf;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants VERDICT_ROLE.
    constructor(EpochClock clock_, address admin) EIP712("Quittance Work Registry", "1") {
        clock = clock_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Registers a work of the caller; in force at once.
    /// @param consents One 65-byte signature per payee, over `Consent` with version 1; empty only
    /// for the caller.
    function register(bytes32 salt, Terms calldata terms, bytes[] calldata consents)
        external
        returns (bytes32 workId)
    {
        workId = workIdOf(msg.sender, salt);
        Work storage work = _works[workId];
        if (work.version != 0) revert AlreadyRegistered(workId);
        work.registrant = msg.sender;
        emit WorkRegistered(workId, msg.sender, salt);
        _setOffer(work, terms.contentId, terms.pricePpm, terms.regionRule);
        _setPayees(workId, work, terms.payees, terms.sharesPpm, consents);
        _publish(workId, work, clock.currentEpoch());
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

    /// @notice Changes what the work offers, from the next epoch on.
    function setOffer(bytes32 workId, bytes32 contentId, uint64 pricePpm, bytes32 regionRule)
        external
    {
        Work storage work = _ownWork(workId);
        _setOffer(work, contentId, pricePpm, regionRule);
        _publish(workId, work, clock.currentEpoch() + 1);
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

    /// @notice The registrant of a work; zero if unknown.
    function registrantOf(bytes32 workId) external view returns (address) {
        return _works[workId].registrant;
    }

    /// @notice How often the terms were set; zero if unknown.
    function versionOf(bytes32 workId) external view returns (uint32) {
        return _works[workId].version;
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
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(CONSENT_TYPEHASH, workId, payee, sharePpm, version))
        );
    }

    /* INTERNALS */

    function _ownWork(bytes32 workId) private view returns (Work storage work) {
        work = _works[workId];
        if (work.version == 0) revert NotRegistered(workId);
        if (work.registrant != msg.sender) revert NotRegistrant(workId, msg.sender);
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
        _requireWellFormed(payees, sharesPpm);
        if (consents.length != payees.length) {
            revert ConsentCountMismatch(payees.length, consents.length);
        }
        uint32 version = work.version + 1;
        for (uint256 i = 0; i < payees.length; ++i) {
            if (payees[i] == work.registrant && consents[i].length == 0) continue;
            bytes32 digest = consentDigest(workId, payees[i], sharesPpm[i], version);
            (address recovered,,) = ECDSA.tryRecoverCalldata(digest, consents[i]);
            // A failed recovery answers zero, which no payee is.
            if (recovered != payees[i]) {
                revert ConsentInvalid(workId, payees[i], sharesPpm[i], version);
            }
        }
        work.terms.payees = payees;
        work.terms.sharesPpm = sharesPpm;
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
            if (payees[i] == address(this)) revert PayeeIsRegistry();
            if (sharesPpm[i] == 0) revert ShareIsZero(payees[i]);
            sum += sharesPpm[i];
            previous = payees[i];
        }
        if (sum != SHARES_TOTAL_PPM) revert ShareSumMismatch(sum, SHARES_TOTAL_PPM);
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
