// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {FeeSchedule} from "../payouts/FeeSchedule.sol";
import {SignatureLib} from "../settlement/SignatureLib.sol";
import {ExactTransferLib} from "./ExactTransferLib.sol";
import {IOrderPayments} from "./IOrderPayments.sol";
import {OrderLib} from "./OrderLib.sol";

/// @title Payment of orders: the price to the creator, a fee on top to the treasury
/// @dev What is sold, and what the event says of it, is the heirs': `_admit` and `_deliver`.
abstract contract OrderPayments is IOrderPayments, FeeSchedule, EIP712, Pausable, ReentrancyGuard {
    using ExactTransferLib for IERC20;
    using OrderLib for Order;

    /* TYPES */

    /// @notice May pause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /* STORAGE */

    /// @inheritdoc IOrderPayments
    IERC20 public immutable asset;
    /// @inheritdoc IOrderPayments
    mapping(bytes32 consumedKey => bytes32) public paymentHash;

    /* CONSTRUCTOR */

    /// @param admin Receives DEFAULT_ADMIN_ROLE and nothing else; it grants the other roles.
    constructor(
        IERC20 asset_,
        FeeTerms memory terms,
        uint80 feeMinimumMax_,
        uint64 feeDelay_,
        address admin
    ) FeeSchedule(terms, feeMinimumMax_, feeDelay_) EIP712("Quittance", "1") {
        if (address(asset_).code.length == 0) revert NotAContract(address(asset_));
        asset = asset_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /* EXTERNAL */

    /// @inheritdoc IOrderPayments
    function pay(Order calldata order) external {
        _requirePayer(order.payer);
        _pay(order);
    }

    /// @inheritdoc IOrderPayments
    function payWithPermit(Order calldata order, Permit calldata permit) external {
        _requirePayer(order.payer);
        _tryPermit(order.payer, permit);
        _pay(order);
    }

    /// @inheritdoc IOrderPayments
    function payFor(Order calldata order, bytes calldata signature, Permit calldata permit)
        external
    {
        // A failed recovery answers zero, which is no payer.
        if (order.payer == address(0)) revert InvalidPayer(order.payer);
        if (!SignatureLib.isSignedBy(order.payer, orderDigest(order), signature)) {
            revert NotSignedByPayer(order.payer);
        }
        if (permit.deadline != 0) _tryPermit(order.payer, permit);
        _pay(order);
    }

    /// @inheritdoc IOrderPayments
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @inheritdoc IOrderPayments
    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    /* VIEWS */

    /// @inheritdoc IOrderPayments
    function orderDigest(Order calldata order) public view returns (bytes32) {
        return _hashTypedDataV4(order.structHash());
    }

    /// @inheritdoc IOrderPayments
    function isOrderPaid(address payer, bytes32 orderId) external view returns (bool) {
        return paymentHash[OrderLib.consumedKey(payer, orderId)] != 0;
    }

    /* INTERNALS */

    /// @dev Refuses an order for what is not sold here, or reserves what it is for.
    /// @return ticketId The ticket that the order will get; zero where none is sold.
    function _admit(Order calldata order) internal virtual returns (uint256 ticketId);

    /// @dev Says that the order is paid, and hands over what it was for.
    function _deliver(Order calldata order, uint256 ticketId, uint256 fee) internal virtual;

    /// @dev The hash under which a payment is remembered, to be refunded at most once.
    function _hashOf(address creator, bytes32 subject, uint256 ticketId, uint256 price, uint256 fee)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(creator, subject, ticketId, price, fee));
    }

    /// @dev All effects and the event come before the money moves.
    function _pay(Order calldata order) private whenNotPaused nonReentrant {
        uint256 fee = _requirePayable(order);
        uint256 ticketId = _admit(order);
        paymentHash[OrderLib.consumedKey(order.payer, order.orderId)] =
            _hashOf(order.creator, order.subject, ticketId, order.price, fee);
        _deliver(order, ticketId, fee);
        asset.moveExactly(order.payer, order.creator, order.price);
        if (fee != 0) asset.moveExactly(order.payer, feeTerms().treasury, fee);
    }

    /// @dev Whatever the permit's answer, the allowance decides.
    function _tryPermit(address payer, Permit calldata permit) private {
        try IERC20Permit(address(asset))
            .permit(
                payer, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
            ) {}
            catch {}
    }

    function _requirePayable(Order calldata order) private view returns (uint256 fee) {
        (address payer, address creator) = (order.payer, order.creator);
        if (creator == address(0) || creator == address(this) || creator == address(asset)) {
            revert InvalidCreator(creator);
        }
        if (payer == creator || payer == feeTerms().treasury) revert InvalidPayer(payer);
        if (order.price == 0) revert PriceIsZero();
        if (block.timestamp > order.deadline) revert OrderExpired(order.deadline);
        fee = feeOf(order.price);
        if (fee > order.maxFee) revert FeeAboveMaximum(fee, order.maxFee);
        if (paymentHash[OrderLib.consumedKey(payer, order.orderId)] != 0) {
            revert OrderAlreadyPaid(payer, order.orderId);
        }
    }

    function _requirePayer(address payer) private view {
        if (msg.sender != payer) revert NotThePayer(msg.sender, payer);
    }
}
