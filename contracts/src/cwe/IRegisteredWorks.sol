// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Registered works
/// @notice What claims to contents ask of the registry of works.
interface IRegisteredWorks {
    /// @notice The registrant of a work; zero if unknown, the registry itself while it is
    /// recognised and nobody adopted it.
    function registrantOf(bytes32 workId) external view returns (address);

    /// @notice The content of the terms set last; zero if unknown.
    function contentOf(bytes32 workId) external view returns (bytes32);
}
