// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEventPages} from "./IEventPages.sol";
import {IRefundablePayments} from "./IRefundablePayments.sol";
import {Ticket} from "./Ticket.sol";

/// @title Sale of tickets to events
/// @notice Any account creates events and is their creator. A tier has a price and a number of
/// places; a place is taken by a ticket and free again once that is refunded. Payment and ticket
/// come in one call, or not at all. What a ticket says is fixed from the first that is sold.
interface ITicketSale is IRefundablePayments, IEventPages {
    /* TYPES */

    /// @notice Where an event stands. It only goes forward.
    enum EventStatus {
        None,
        Draft,
        Active,
        Ended
    }

    /// @notice An event; `issued` is the number of its last ticket.
    struct EventTerms {
        address creator;
        uint64 startsAt;
        EventStatus status;
        uint64 endsAt;
        uint32 issued;
    }

    /// @notice A tier; `taken` are the places with a ticket.
    struct Tier {
        uint256 price;
        uint32 supplyCap;
        uint32 taken;
    }

    /* ERRORS */

    /// @notice The creator used this salt for another event.
    error EventExists(bytes32 eventId);
    /// @notice Only its creator changes an event.
    error NotCreatorOfEvent(address account, bytes32 eventId);
    /// @notice An event ends in the future, and after it starts.
    error InvalidEventTimes(uint64 startsAt, uint64 endsAt);
    /// @notice The event is not in a state in which this can be done.
    error WrongEventStatus(bytes32 eventId, EventStatus status);
    /// @notice The tier does not exist.
    error NoSuchTier(bytes32 eventId, uint32 tierId);
    /// @notice There are more tickets than these places.
    error SupplyCapTooLow(uint32 supplyCap, uint32 taken);
    /// @notice Tickets that are sold say something else.
    error TicketsAreSold(bytes32 eventId);
    /// @notice A text is longer than it may be.
    error TextTooLong(uint256 length, uint256 lengthMax);
    /// @notice The event is over.
    error EventIsOver(bytes32 eventId, uint64 endsAt);
    /// @notice The order names another price than the tier has.
    error WrongPrice(uint256 actual, uint256 expected);
    /// @notice All places are taken.
    error SoldOut(bytes32 eventId, uint32 tierId);

    /* EVENTS */

    /// @notice An event was created, as a draft.
    event EventCreated(
        bytes32 indexed eventId, address indexed creator, uint64 startsAt, uint64 endsAt
    );
    /// @notice An event became a draft (1), active (2) or ended (3).
    event EventStatusSet(bytes32 indexed eventId, uint8 status);
    /// @notice What the tickets say about the event.
    event EventDescribed(bytes32 indexed eventId, string name, string description);
    /// @notice A tier has this price and so many places from now on.
    event TicketTierSet(
        bytes32 indexed eventId, uint32 indexed tierId, uint256 price, uint32 supplyCap
    );
    /// @notice What the tickets say about the tier.
    event TierDescribed(bytes32 indexed eventId, uint32 indexed tierId, string name, string image);
    /// @notice `payer` paid `price` to `creator` and `fee` on top to the treasury, and got the
    /// ticket.
    event TicketPaid(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed creator,
        bytes32 eventId,
        uint32 tierId,
        uint256 ticketId,
        address asset,
        uint256 price,
        uint256 fee
    );
    /// @notice `payer` got back `price` and `fee`, and the ticket is gone.
    event TicketRefunded(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed creator,
        bytes32 eventId,
        uint256 ticketId,
        address asset,
        uint256 price,
        uint256 fee
    );

    /* EXTERNAL */

    /// @notice Creates an event of the caller, as a draft.
    /// @return eventId keccak256(abi.encode(creator, salt)): nobody takes another's id.
    function createEvent(
        bytes32 salt,
        uint64 startsAt,
        uint64 endsAt,
        string calldata name,
        string calldata description
    ) external returns (bytes32 eventId);

    /// @notice Replaces the texts of an event, while no ticket of it was sold.
    function describeEvent(bytes32 eventId, string calldata name, string calldata description)
        external;

    /// @notice Sets price and places of a tier, until the event ends. Orders name the price that
    /// they pay, so a change surprises nobody; places with tickets stay.
    function setTier(bytes32 eventId, uint32 tierId, uint256 price, uint32 supplyCap) external;

    /// @notice Sets the texts of a tier, while none of its places is taken.
    function describeTier(
        bytes32 eventId,
        uint32 tierId,
        string calldata name,
        string calldata image
    ) external;

    /// @notice Opens the sale of a draft.
    function activateEvent(bytes32 eventId) external;

    /// @notice Ends the sale for ever. Tickets stay, and can be redeemed and refunded.
    function endEvent(bytes32 eventId) external;

    /* VIEWS */

    /// @notice The tickets that are sold here.
    function ticket() external view returns (Ticket);

    /// @notice How many tickets were sold: the id of the last.
    function ticketCount() external view returns (uint256);

    /// @notice Id of the event that `creator` creates with `salt`.
    function eventIdOf(address creator, bytes32 salt) external pure returns (bytes32);

    /// @notice An event; zeros if there is none.
    function eventOf(bytes32 eventId) external view returns (EventTerms memory);

    /// @notice A tier; zeros if there is none.
    function tierOf(bytes32 eventId, uint32 tierId) external view returns (Tier memory);
}
