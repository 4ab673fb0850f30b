// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What tickets say about their events
interface IEventPages {
    /* TYPES */

    /// @notice What is printed on a ticket.
    struct Page {
        address creator;
        uint64 startsAt;
        uint64 endsAt;
        string eventName;
        string description;
        string tierName;
        string image;
    }

    /* VIEWS */

    /// @notice What is printed on the tickets of a tier.
    function pageOf(bytes32 eventId, uint32 tierId) external view returns (Page memory);
}
