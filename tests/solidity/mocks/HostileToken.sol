// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that misbehaves in a chosen way when it is sent to a chosen recipient.
contract HostileToken is ERC20 {
    enum Mode {
        Plain,
        Revert,
        AnswerFalse,
        AnswerTwo,
        AnswerNothing,
        AnswerShort,
        BurnGas,
        ReturnBomb,
        RevertBomb,
        BurnThenPay,
        Reenter
    }

    uint256 public constant BURN_THEN_PAY_GAS = 100_000;

    mapping(address recipient => Mode) public modeOf;
    address public reentryTarget;
    bytes[] public reentryCalls;
    bytes[] public reentryAnswers;
    uint256 public reentrySuccesses;
    uint256 public feePpm;
    uint256 private _burnt;

    error Refused(address recipient);

    constructor() ERC20("Hostile", "HOST") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setMode(address recipient, Mode mode) external {
        modeOf[recipient] = mode;
    }

    /// @notice From now on a part of every `transferFrom` is burnt on the way.
    function setFee(uint256 feePpm_) external {
        feePpm = feePpm_;
    }

    function setReentry(address target, bytes[] calldata calls) external {
        reentryTarget = target;
        for (uint256 i = 0; i < calls.length; ++i) {
            reentryCalls.push(calls[i]);
        }
    }

    function reentryAnswerCount() external view returns (uint256) {
        return reentryAnswers.length;
    }

    function transferFrom(address from, address to, uint256 amount)
        public
        virtual
        override
        returns (bool)
    {
        if (modeOf[to] == Mode.Reenter) _reenter();
        super.transferFrom(from, to, amount);
        if (feePpm != 0) _burn(to, amount * feePpm / 1_000_000);
        return true;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        Mode mode = modeOf[to];
        if (mode == Mode.Revert) revert Refused(to);
        if (mode == Mode.AnswerFalse) return false;
        if (mode == Mode.AnswerTwo) _answerWord(2);
        if (mode == Mode.AnswerShort) _answerShort();
        if (mode == Mode.BurnGas) _burnGas(type(uint256).max);
        if (mode == Mode.ReturnBomb) _bomb(false);
        if (mode == Mode.RevertBomb) _bomb(true);
        if (mode == Mode.BurnThenPay) _burnGas(BURN_THEN_PAY_GAS);
        if (mode == Mode.Reenter) _reenter();
        super.transfer(to, amount);
        if (mode == Mode.AnswerNothing) _answerNothing();
        return true;
    }

    function _reenter() private {
        for (uint256 i = 0; i < reentryCalls.length; ++i) {
            (bool succeeded, bytes memory answer) = reentryTarget.call(reentryCalls[i]);
            if (succeeded) ++reentrySuccesses;
            reentryAnswers.push(answer);
        }
    }

    function _burnGas(uint256 amount) private view {
        uint256 start = gasleft();
        uint256 waste = 0;
        while (start - gasleft() < amount) ++waste;
    }

    function _answerWord(uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, 32)
        }
    }

    function _answerShort() private pure {
        assembly ("memory-safe") {
            mstore(0, not(0))
            return(0, 31)
        }
    }

    function _answerNothing() private pure {
        assembly ("memory-safe") {
            return(0, 0)
        }
    }

    function _bomb(bool reverting) private pure {
        assembly ("memory-safe") {
            // About 127,000 gas worth of memory; a caller that copied it would pay as much again.
            mstore(0, 0)
            if reverting { revert(0, 235000) }
            return(0, 235000)
        }
    }
}
