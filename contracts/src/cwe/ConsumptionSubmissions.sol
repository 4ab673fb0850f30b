// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochClock} from "../settlement/EpochClock.sol";
import {IConsumptionVerifier} from "./IConsumptionVerifier.sol";
import {ScalarField} from "./ScalarField.sol";

/// @title Submissions of consumption
/// @notice A subscriber reports what it played in an epoch, once per part, with a proof. The event
/// carries everything that the distribution reads; nothing is kept but the fact of submission.
contract ConsumptionSubmissions {
    /* TYPES */

    /// @notice Most works in one part.
    uint256 public constant PART_WORKS_MAX = 16;

    /// @notice What was played; the arrays have one entry per work.
    struct Usage {
        uint64 epoch;
        uint16 part;
        bytes32 tierId;
        bytes32[] workIds;
        uint32[] minutesPlayed;
        uint32[] plays;
        bytes32[] pseudonyms;
    }

    /* ERRORS */

    /// @notice A part holds between 1 and `maximum` works.
    error WorkCountOutOfRange(uint256 count, uint256 maximum);
    /// @notice Every array needs one entry per work.
    error LengthMismatch(uint256 works, uint256 minutesPlayed, uint256 plays, uint256 pseudonyms);
    /// @notice The id is not below the BN254 scalar field's order.
    error NotCanonical(bytes32 value);
    /// @notice Usage is taken for the current epoch, and for the last one during its grace period.
    error EpochNotOpen(uint64 epoch, uint64 current);
    /// @notice This part was submitted before.
    error AlreadySubmitted(uint64 epoch, address submitter, uint16 part);
    /// @notice The verifier did not accept the proof.
    error ProofRejected();

    /* EVENTS */

    /// @notice Usage was accepted. `digest` commits to all other fields.
    event ConsumptionSubmitted(
        address indexed submitter,
        uint64 indexed epoch,
        bytes32 indexed tierId,
        uint16 part,
        bytes32[] workIds,
        uint32[] minutesPlayed,
        uint32[] plays,
        bytes32[] pseudonyms,
        bytes32 digest
    );

    /* STORAGE */

    /// @notice The clock that says which epochs take usage.
    EpochClock public immutable clock;
    /// @notice Decides about proofs.
    IConsumptionVerifier public immutable verifier;
    /// @notice Parts taken.
    mapping(uint64 epoch => mapping(address submitter => mapping(uint16 part => bool))) public
        isSubmitted;

    /* CONSTRUCTOR */

    constructor(EpochClock clock_, IConsumptionVerifier verifier_) {
        clock = clock_;
        verifier = verifier_;
    }

    /* EXTERNAL */

    /// @notice Submits the caller's usage.
    function submit(Usage calldata usage, bytes calldata proof) external {
        _requireWellFormed(usage);
        if (!clock.acceptsUsage(usage.epoch)) {
            revert EpochNotOpen(usage.epoch, clock.currentEpoch());
        }
        if (isSubmitted[usage.epoch][msg.sender][usage.part]) {
            revert AlreadySubmitted(usage.epoch, msg.sender, usage.part);
        }
        bytes32 digest = digestOf(msg.sender, usage);
        if (!verifier.verify(usage.epoch, usage.part, msg.sender, digest, proof)) {
            revert ProofRejected();
        }
        isSubmitted[usage.epoch][msg.sender][usage.part] = true;
        emit ConsumptionSubmitted(
            msg.sender,
            usage.epoch,
            usage.tierId,
            usage.part,
            usage.workIds,
            usage.minutesPlayed,
            usage.plays,
            usage.pseudonyms,
            digest
        );
    }

    /* VIEWS */

    /// @notice keccak256 over submitter and usage, reduced below the BN254 scalar field's order.
    function digestOf(address submitter, Usage calldata usage) public pure returns (bytes32) {
        return ScalarField.reduce(
            keccak256(
                abi.encode(
                    submitter,
                    usage.epoch,
                    usage.tierId,
                    usage.part,
                    usage.workIds,
                    usage.minutesPlayed,
                    usage.plays,
                    usage.pseudonyms
                )
            )
        );
    }

    /* INTERNALS */

    function _requireWellFormed(Usage calldata usage) private pure {
        uint256 works = usage.workIds.length;
        if (works == 0 || works > PART_WORKS_MAX) {
            revert WorkCountOutOfRange(works, PART_WORKS_MAX);
        }
        if (
            usage.minutesPlayed.length != works || usage.plays.length != works
                || usage.pseudonyms.length != works
        ) {
            revert LengthMismatch(
                works, usage.minutesPlayed.length, usage.plays.length, usage.pseudonyms.length
            );
        }
        for (uint256 i = 0; i < works; ++i) {
            _requireCanonical(usage.workIds[i]);
            _requireCanonical(usage.pseudonyms[i]);
        }
    }

    function _requireCanonical(bytes32 value) private pure {
        if (!ScalarField.isCanonical(value)) revert NotCanonical(value);
    }
}
