// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {EpochClock} from "./EpochClock.sol";

/// @title Announced parameters of the distribution ruleset
/// @notice The parameters of an epoch are those of the last `ParametersSet` whose effective epoch
/// is not later. They are canonical JSON, opaque here: the engine reads them from the event.
/// @dev A change waits for the next epoch border, so nobody's running epoch changes its rules.
contract RulesetParameters is AccessControl {
    /* TYPES */

    /// @notice May set parameters.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");
    /// @notice Longest accepted parameters, in bytes.
    uint256 public constant PARAMETERS_BYTES_MAX = 4096;

    /* ERRORS */

    /// @notice Parameters are between 1 and `PARAMETERS_BYTES_MAX` bytes long.
    error ParametersLengthOutOfRange(uint256 length, uint256 maximum);

    /* EVENTS */

    /// @notice `parameters` are in force from `effectiveEpoch` on; `digest` is their keccak256.
    event ParametersSet(uint64 indexed effectiveEpoch, bytes32 indexed digest, bytes parameters);

    /* STORAGE */

    /// @notice The clock whose borders changes wait for.
    EpochClock public immutable clock;
    /// @notice keccak256 of the parameters set last; zero before the first set.
    bytes32 public latestDigest;
    /// @notice The epoch from which the parameters set last are in force.
    uint64 public latestEffectiveEpoch;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants GOVERNANCE_ROLE.
    constructor(EpochClock clock_, address admin) {
        clock = clock_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @notice Sets the parameters: the first time for the current epoch, later for the next one.
    /// @dev Two changes in one epoch name the same effective epoch; the later log stands.
    function set(bytes calldata parameters) external onlyRole(GOVERNANCE_ROLE) {
        if (parameters.length == 0 || parameters.length > PARAMETERS_BYTES_MAX) {
            revert ParametersLengthOutOfRange(parameters.length, PARAMETERS_BYTES_MAX);
        }
        bool isFirst = latestDigest == bytes32(0);
        uint64 effectiveEpoch = isFirst ? clock.currentEpoch() : clock.currentEpoch() + 1;
        bytes32 digest = keccak256(parameters);
        latestDigest = digest;
        latestEffectiveEpoch = effectiveEpoch;
        emit ParametersSet(effectiveEpoch, digest, parameters);
    }
}
