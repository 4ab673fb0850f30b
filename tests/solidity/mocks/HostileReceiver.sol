// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice An account that misbehaves in a chosen way when native coins come, or calls back.
contract HostileReceiver {
    enum Mode {
        Plain,
        Revert,
        BurnGas,
        ReturnBomb,
        RevertBomb,
        BurnThenAccept
    }

    uint256 public constant BURN_THEN_ACCEPT_GAS = 45_000;

    Mode public mode;
    address private _target;
    bytes private _call;

    error Refused();
    error CallbackFailed(bytes answer);
    error NotRefused(bytes answer);

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    /// @notice From now on coins are accepted only if this call succeeds.
    function setCallback(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    /// @notice Does anything, so that a test can act as this account.
    function execute(address target, uint256 value, bytes calldata data) external {
        (bool succeeded, bytes memory answer) = target.call{value: value}(data);
        if (!succeeded) revert CallbackFailed(answer);
    }

    /// @notice Succeeds if the call reverts with exactly `reason`.
    function expectRefusal(
        address target,
        uint256 value,
        bytes calldata data,
        bytes calldata reason
    ) external {
        (bool succeeded, bytes memory answer) = target.call{value: value}(data);
        if (succeeded || keccak256(answer) != keccak256(reason)) revert NotRefused(answer);
    }

    receive() external payable {
        if (mode == Mode.Revert) revert Refused();
        if (mode == Mode.BurnGas) _burnGas(type(uint256).max);
        if (mode == Mode.BurnThenAccept) _burnGas(BURN_THEN_ACCEPT_GAS);
        if (mode == Mode.ReturnBomb || mode == Mode.RevertBomb) _bomb(mode == Mode.RevertBomb);
        if (_target != address(0)) {
            (bool succeeded,) = _target.call(_call);
            if (!succeeded) revert Refused();
        }
    }

    function _burnGas(uint256 amount) private view {
        uint256 start = gasleft();
        uint256 waste = 0;
        while (start - gasleft() < amount) ++waste;
    }

    function _bomb(bool reverting) private pure {
        assembly ("memory-safe") {
            // About 40,000 gas worth of memory; a caller that copied it would pay as much again.
            mstore(0, 0)
            if reverting { revert(0, 105000) }
            return(0, 105000)
        }
    }
}
