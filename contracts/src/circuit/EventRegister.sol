// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEventPages} from "./IEventPages.sol";
import {ITicketSale} from "./ITicketSale.sol";

/// @title Events and their tiers, kept by their creators
abstract contract EventRegister is ITicketSale {
    /* TYPES */

    /// @notice Longest name of an event or a tier, in bytes.
    uint256 public constant NAME_LENGTH_MAX = 200;
    /// @notice Longest description of an event, or URI of an image, in bytes.
    uint256 public constant TEXT_LENGTH_MAX = 4_000;

    /// @dev `second` is the description of an event, or the image of a tier.
    struct Texts {
        string name;
        string second;
    }

    /* STORAGE */

    mapping(bytes32 eventId => EventTerms) private _events;
    mapping(bytes32 eventId => Texts) private _eventTexts;
    mapping(bytes32 eventId => mapping(uint32 tierId => Tier)) private _tiers;
    mapping(bytes32 eventId => mapping(uint32 tierId => Texts)) private _tierTexts;

    /* EXTERNAL */

    /// @inheritdoc ITicketSale
    function createEvent(
        bytes32 salt,
        uint64 startsAt,
        uint64 endsAt,
        string calldata name,
        string calldata description
    ) external returns (bytes32 eventId) {
        if (endsAt <= startsAt || endsAt <= block.timestamp) {
            revert InvalidEventTimes(startsAt, endsAt);
        }
        eventId = eventIdOf(msg.sender, salt);
        if (_events[eventId].status != EventStatus.None) revert EventExists(eventId);
        _events[eventId] = EventTerms(msg.sender, startsAt, EventStatus.None, endsAt, 0);
        emit EventCreated(eventId, msg.sender, startsAt, endsAt);
        _setStatus(eventId, EventStatus.Draft);
        _describeEvent(eventId, name, description);
    }

    /// @inheritdoc ITicketSale
    function describeEvent(bytes32 eventId, string calldata name, string calldata description)
        external
    {
        if (_openEventOfCaller(eventId).issued != 0) revert TicketsAreSold(eventId);
        _describeEvent(eventId, name, description);
    }

    /// @inheritdoc ITicketSale
    function setTier(bytes32 eventId, uint32 tierId, uint256 price, uint32 supplyCap) external {
        _openEventOfCaller(eventId);
        if (price == 0) revert PriceIsZero();
        Tier storage tier = _tiers[eventId][tierId];
        if (supplyCap < tier.taken) revert SupplyCapTooLow(supplyCap, tier.taken);
        (tier.price, tier.supplyCap) = (price, supplyCap);
        emit TicketTierSet(eventId, tierId, price, supplyCap);
    }

    /// @inheritdoc ITicketSale
    function describeTier(
        bytes32 eventId,
        uint32 tierId,
        string calldata name,
        string calldata image
    ) external {
        _openEventOfCaller(eventId);
        if (_tiers[eventId][tierId].taken != 0) revert TicketsAreSold(eventId);
        _requireLength(name, NAME_LENGTH_MAX);
        _requireLength(image, TEXT_LENGTH_MAX);
        _tierTexts[eventId][tierId] = Texts(name, image);
        emit TierDescribed(eventId, tierId, name, image);
    }

    /// @inheritdoc ITicketSale
    function activateEvent(bytes32 eventId) external {
        EventTerms memory terms = _openEventOfCaller(eventId);
        if (terms.status != EventStatus.Draft) revert WrongEventStatus(eventId, terms.status);
        _setStatus(eventId, EventStatus.Active);
    }

    /// @inheritdoc ITicketSale
    function endEvent(bytes32 eventId) external {
        _openEventOfCaller(eventId);
        _setStatus(eventId, EventStatus.Ended);
    }

    /* VIEWS */

    /// @inheritdoc ITicketSale
    function eventIdOf(address creator, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(creator, salt));
    }

    /// @inheritdoc ITicketSale
    function eventOf(bytes32 eventId) external view returns (EventTerms memory) {
        return _events[eventId];
    }

    /// @inheritdoc ITicketSale
    function tierOf(bytes32 eventId, uint32 tierId) external view returns (Tier memory) {
        return _tiers[eventId][tierId];
    }

    /// @inheritdoc IEventPages
    function pageOf(bytes32 eventId, uint32 tierId) external view returns (Page memory) {
        EventTerms memory terms = _events[eventId];
        Texts memory eventTexts = _eventTexts[eventId];
        Texts memory tierTexts = _tierTexts[eventId][tierId];
        return Page({
            creator: terms.creator,
            startsAt: terms.startsAt,
            endsAt: terms.endsAt,
            eventName: eventTexts.name,
            description: eventTexts.second,
            tierName: tierTexts.name,
            image: tierTexts.second
        });
    }

    /* INTERNALS */

    /// @dev Takes a place for an order, if it is for one that is on sale at this price.
    /// @return number The ticket's number within the event.
    function _takePlace(Order calldata order) internal returns (uint32 number) {
        (bytes32 eventId, uint32 tierId) = (order.subject, order.tierId);
        EventTerms memory terms = _events[eventId];
        if (terms.status != EventStatus.Active) revert WrongEventStatus(eventId, terms.status);
        if (block.timestamp >= terms.endsAt) revert EventIsOver(eventId, terms.endsAt);
        if (order.creator != terms.creator) revert InvalidCreator(order.creator);
        Tier memory tier = _tiers[eventId][tierId];
        if (tier.price == 0) revert NoSuchTier(eventId, tierId);
        if (order.price != tier.price) revert WrongPrice(order.price, tier.price);
        if (tier.taken >= tier.supplyCap) revert SoldOut(eventId, tierId);
        _tiers[eventId][tierId].taken = tier.taken + 1;
        number = terms.issued + 1;
        _events[eventId].issued = number;
    }

    /// @dev Frees the place of a ticket that is refunded; its number does not come again.
    function _freePlace(bytes32 eventId, uint32 tierId) internal {
        --_tiers[eventId][tierId].taken;
    }

    function _setStatus(bytes32 eventId, EventStatus status) private {
        _events[eventId].status = status;
        emit EventStatusSet(eventId, uint8(status));
    }

    function _describeEvent(bytes32 eventId, string calldata name, string calldata description)
        private
    {
        _requireLength(name, NAME_LENGTH_MAX);
        _requireLength(description, TEXT_LENGTH_MAX);
        _eventTexts[eventId] = Texts(name, description);
        emit EventDescribed(eventId, name, description);
    }

    /// @dev An event of the caller that did not end.
    function _openEventOfCaller(bytes32 eventId) private view returns (EventTerms memory terms) {
        terms = _events[eventId];
        if (msg.sender != terms.creator) revert NotCreatorOfEvent(msg.sender, eventId);
        if (terms.status == EventStatus.Ended) revert WrongEventStatus(eventId, terms.status);
    }

    function _requireLength(string calldata text, uint256 lengthMax) private pure {
        uint256 length = bytes(text).length;
        if (length > lengthMax) revert TextTooLong(length, lengthMax);
    }
}
