// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A contract wallet (ERC-1271) that accepts one signature over one digest, or answers in a
/// hostile way.
contract Wallet {
    enum Mode {
        Plain,
        WrongMagic,
        DirtyMagic,
        ShortAnswer,
        NoAnswer,
        Revert,
        BurnGas,
        ReturnBomb,
        RevertBomb
    }

    bytes4 private constant MAGIC = 0x1626ba7e;
    Mode public mode;
    bytes32 private _accepted;

    error Refused();

    function accept(bytes32 digest, bytes calldata signature) external {
        _accepted = keccak256(abi.encode(digest, signature));
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature)
        external
        view
        returns (bytes4)
    {
        if (mode == Mode.WrongMagic) return 0xffffffff;
        if (mode == Mode.DirtyMagic) _answer(bytes32(MAGIC) | bytes32(uint256(1)), 32);
        if (mode == Mode.ShortAnswer) _answer(bytes32(MAGIC), 31);
        if (mode == Mode.NoAnswer) _answer(0, 0);
        if (mode == Mode.Revert) revert Refused();
        while (mode == Mode.BurnGas) {}
        if (mode == Mode.ReturnBomb) _answer(bytes32(MAGIC) >> 1, 200_000);
        if (mode == Mode.RevertBomb) _refuseAtLength();
        return keccak256(abi.encode(digest, signature)) == _accepted ? MAGIC : bytes4(0);
    }

    function _answer(bytes32 word, uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0, word)
            return(0, size)
        }
    }

    function _refuseAtLength() private pure {
        assembly ("memory-safe") {
            revert(0, 200000)
        }
    }
}
