// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderPayments} from "./IOrderPayments.sol";

/// @title EIP-712 struct hash of an order, and the key under which it is consumed
library OrderLib {
    /// @notice EIP-712 type hash of `Order`.
    bytes32 internal constant ORDER_TYPEHASH = keccak256(
        "Order(bytes32 orderId,address payer,address creator,bytes32 subject,uint32 tierId,uint256 price,uint256 maxFee,uint64 deadline)"
    );

    /// @notice EIP-712 struct hash of `order`.
    function structHash(IOrderPayments.Order calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER_TYPEHASH, order));
    }

    /// @notice The key of one payer's order id: a stranger who saw the id consumes nothing with it.
    function consumedKey(address payer, bytes32 orderId) internal pure returns (bytes32) {
        return keccak256(abi.encode(payer, orderId));
    }
}
