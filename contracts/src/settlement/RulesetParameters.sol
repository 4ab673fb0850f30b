// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";

import {EpochClock} from "./EpochClock.sol";

/// @title Announced parameters of the distribution ruleset
/// @notice The parameters of an epoch are those of the last `ParametersSet`, in the order of the
/// chain, whose effective epoch is not later. They are canonical JSON, opaque here: the engine
/// reads them from the event.
/// @dev A change names the epoch border that it waits for, so nobody's running epoch changes its
/// rules, and everybody knows the rules of an epoch as long before it as governance announced them.
contract RulesetParameters is AccessControl {
    /* TYPES */

    /// @notice May set parameters.
    bytes32 public constant GOVERNANCE_ROLE = keccak256("GOVERNANCE_ROLE");
    /// @notice Longest accepted parameters, in bytes.
    uint256 public constant PARAMETERS_BYTES_MAX = 4096;

    /* ERRORS */

    /// @notice Parameters are between 1 and `PARAMETERS_BYTES_MAX` bytes long.
    error ParametersLengthOutOfRange(uint256 length, uint256 maximum);
    /// @notice The first parameters are for the current epoch, later ones for a coming epoch.
    error EpochNotSettable(uint64 effectiveEpoch, uint64 current);

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

    /// @notice Sets the parameters from `effectiveEpoch` on: the first time the current epoch, later
    /// any epoch after it.
    /// @dev The later log stands: it also ends what was set before for the same or a later epoch.
    function set(bytes calldata parameters, uint64 effectiveEpoch)
        external
        onlyRole(GOVERNANCE_ROLE)
    {
        if (parameters.length == 0 || parameters.length > PARAMETERS_BYTES_MAX) {
            revert ParametersLengthOutOfRange(parameters.length, PARAMETERS_BYTES_MAX);
        }
        uint64 current = clock.currentEpoch();
        bool isFirst = latestDigest == bytes32(0);
        if (isFirst ? effectiveEpoch != current : effectiveEpoch <= current) {
            revert EpochNotSettable(effectiveEpoch, current);
        }
        bytes32 digest = keccak256(parameters);
        latestDigest = digest;
        latestEffectiveEpoch = effectiveEpoch;
        emit ParametersSet(effectiveEpoch, digest, parameters);
    }
}
