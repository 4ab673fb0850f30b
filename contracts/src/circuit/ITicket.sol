// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";

/// @title Tickets to events
/// @notice A ticket can be sold on until it is redeemed. Its holder redeems it, once, and it then
/// stays with the redeemer for ever.
interface ITicket is IERC721Metadata {
    /* TYPES */

    /// @notice What a ticket admits to; `number` is counted from 1 within its event.
    struct Admission {
        bytes32 eventId;
        uint32 tierId;
        uint32 number;
    }

    /* ERRORS */

    /// @notice Only the sale issues and takes back tickets.
    error NotMinter(address account);
    /// @notice The account does not hold the ticket.
    error NotHolder(address account, uint256 ticketId);
    /// @notice The ticket was redeemed.
    error AlreadyRedeemed(uint256 ticketId, address redeemer);
    /// @notice The holder's signature is past its deadline.
    error RedemptionExpired(uint64 deadline);
    /// @notice The redemption is not signed by the holder.
    error NotSignedByHolder(address holder);

    /* EVENTS */

    /// @notice A ticket was sold; the transfer from zero says to whom.
    event TicketIssued(
        uint256 indexed ticketId, bytes32 indexed eventId, uint32 tierId, uint32 number
    );
    /// @notice A ticket was redeemed by its holder.
    event TicketRedeemed(
        uint256 indexed ticketId, bytes32 indexed eventId, address indexed redeemer
    );

    /* EXTERNAL */

    /// @notice Issues a ticket; for the sale.
    function issue(address to, uint256 ticketId, Admission calldata admission) external;

    /// @notice Takes back an unredeemed ticket that `holder` holds; for the sale.
    function takeBack(address holder, uint256 ticketId) external;

    /// @notice Redeems a ticket of the caller.
    function redeem(uint256 ticketId) external;

    /// @notice Redeems a ticket at the gate, with its holder's signature (key or ERC-1271 wallet)
    /// over Redemption(ticketId, redeemer, deadline), for whoever sends it.
    function redeemFor(
        uint256 ticketId,
        address redeemer,
        uint64 deadline,
        bytes calldata signature
    ) external;

    /* VIEWS */

    /// @notice The sale, which alone issues tickets.
    function minter() external view returns (address);

    /// @notice What a ticket admits to; zeros if it was never issued. Stays after it was taken
    /// back.
    function admissionOf(uint256 ticketId)
        external
        view
        returns (bytes32 eventId, uint32 tierId, uint32 number);

    /// @notice Who redeemed the ticket; zero if nobody did.
    function redeemerOf(uint256 ticketId) external view returns (address);

    /// @notice EIP-712 digest of a redemption.
    function redemptionDigest(uint256 ticketId, address redeemer, uint64 deadline)
        external
        view
        returns (bytes32);
}
