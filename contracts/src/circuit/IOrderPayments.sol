// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IFeeSchedule} from "../payouts/IFeeSchedule.sol";

/// @title Payment of orders: the price to the creator, a fee on top to the treasury
/// @notice An order is paid by its payer, or by anybody with the payer's signature over the whole
/// order. The payer named in the order is the payer named in the event, whoever sends the
/// transaction. One payer pays one order id once, for ever.
/// @dev Invariant: no money stays here. What leaves the payer arrives in the same call, to the
/// unit.
interface IOrderPayments is IFeeSchedule {
    /* TYPES */

    /// @notice What a payer agrees to, and signs where somebody else sends it.
    struct Order {
        bytes32 orderId;
        address payer;
        address creator;
        /// What is bought; zero for a tip.
        bytes32 subject;
        /// The tier of an event; zero for all else.
        uint32 tierId;
        uint256 price;
        /// The greatest fee that the payer accepts.
        uint256 maxFee;
        /// The last second at which the order can be paid.
        uint64 deadline;
    }

    /// @notice An EIP-2612 permit of the payer for this contract.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    /* ERRORS */

    /// @notice The asset has no code.
    error NotAContract(address asset);
    /// @notice The creator cannot be paid.
    error InvalidCreator(address creator);
    /// @notice The payer would pay itself, or is nobody.
    error InvalidPayer(address payer);
    /// @notice Such a subject or tier cannot be paid for here.
    error InvalidSubject(bytes32 subject, uint32 tierId);
    /// @notice A payment is of something.
    error PriceIsZero();
    /// @notice The order is past its deadline.
    error OrderExpired(uint64 deadline);
    /// @notice The fee in force is above what the payer accepts.
    error FeeAboveMaximum(uint256 fee, uint256 maxFee);
    /// @notice This payer paid this order before.
    error OrderAlreadyPaid(address payer, bytes32 orderId);
    /// @notice The caller is not the payer of the order.
    error NotThePayer(address account, address payer);
    /// @notice The order is not signed by its payer.
    error NotSignedByPayer(address payer);
    /// @notice Another sum left `source` or reached `target` than was asked for: the asset takes a
    /// fee on the way, or something else than a plain token.
    error InexactTransfer(address source, address target, uint256 expected);

    /* EXTERNAL */

    /// @notice Pays an order of the caller out of its allowance.
    function pay(Order calldata order) external;

    /// @notice Pays an order of the caller. A permit that fails is passed over: somebody may have
    /// submitted it before, and then the allowance is there.
    function payWithPermit(Order calldata order, Permit calldata permit) external;

    /// @notice Pays an order that its payer signed (key or ERC-1271 wallet), for whoever sends it.
    /// The permit may be all zeros where there is an allowance; a permit alone pays nothing.
    function payFor(Order calldata order, bytes calldata signature, Permit calldata permit) external;

    /// @notice Stops payments; for PAUSER_ROLE. Changes of fee terms go on, and so does all that
    /// gives money back.
    function pause() external;

    /// @notice Ends a pause; for the administrator.
    function unpause() external;

    /* VIEWS */

    /// @notice The one asset that is taken.
    function asset() external view returns (IERC20);

    /// @notice EIP-712 digest of an order to this contract.
    function orderDigest(Order calldata order) external view returns (bytes32);

    /// @notice Whether `payer` paid `orderId`; a refund does not change it.
    function isOrderPaid(address payer, bytes32 orderId) external view returns (bool);

    /// @notice What was paid under a consumed key, keccak256(abi.encode(payer, orderId)): the hash
    /// of the payment, one once it was refunded, zero if nothing was.
    function paymentHash(bytes32 consumedKey) external view returns (bytes32);
}
