// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

import {IPayoutBatch} from "../../contracts/src/payouts/IPayoutBatch.sol";
import {LinesFixture} from "./LinesFixture.sol";
import {HostileToken} from "./mocks/HostileToken.sol";
import {vm} from "./Vm.sol";

contract PlainToken is ERC20 {
    constructor(address holder) ERC20("Plain", "PLAIN") {
        _mint(holder, type(uint128).max);
    }
}

/// @notice What batches cost without any of our promises: no line, no event, no isolation.
contract Disperse {
    function disperse(ERC20 asset, address[] calldata payees, uint256[] calldata amounts) external {
        for (uint256 i = 0; i < payees.length; ++i) {
            asset.transfer(payees[i], amounts[i]);
        }
    }
}

/// @notice What a payment costs as a whole transaction: base fee, calldata, cold storage. Each call
/// of a test is a transaction of its own here.
/// forge-config: default.isolate = true
/// forge-config: ci.isolate = true
contract PayoutBatchGasTest is LinesFixture {
    uint256 private constant RECIPIENTS = 200;
    /// @dev What one transaction may use (EIP-7825).
    uint256 private constant TRANSACTION_GAS_MAX = 16_777_216;

    /// @dev The name that forge prints at verbosity 2; per recipient where there are many.
    event log_named_uint(string what, uint256 gas);

    PlainToken private plain;

    function setUp() public override {
        super.setUp();
        plain = new PlainToken(address(batch));
        vm.prank(address(batch));
        plain.transfer(address(this), 1e24);
        vm.deal(address(batch), 1e24);
    }

    /* THE TABLE */

    function test_gas_loneTransfer() public {
        plain.transfer(_payee(0), _amount(0));
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("lone transfer, fresh", gas);
        vm.assertGt(gas, 50_000, "measured as a whole transaction");
    }

    function test_gas_bareDisperse() public {
        Disperse bare = new Disperse();
        plain.transfer(address(bare), 1e20);
        (address[] memory payees, uint256[] memory amounts) = _columns();
        bare.disperse(plain, payees, amounts);
        emit log_named_uint("bare disperse, fresh", _perRecipient());
        bare.disperse(plain, payees, amounts);
        emit log_named_uint("bare disperse, existing", _perRecipient());
    }

    function test_gas_token() public {
        pay(address(plain), _payments(0));
        emit log_named_uint("batch, fresh", _perRecipient());
        vm.assertLe(_perRecipient(), 35_000, "goal: fresh ERC-20 recipient of 200");
        pay(address(plain), _payments(RECIPIENTS));
        emit log_named_uint("batch, existing", _perRecipient());
        vm.assertLe(_perRecipient(), 18_000, "existing ERC-20 recipient of 200");
        pay(address(plain), _payments(0));
        emit log_named_uint("batch, replayed as a whole", _perRecipient());
        vm.assertLe(_perRecipient(), 6_000, "all skipped");
        vm.assertEq(plain.balanceOf(_payee(0)), 2 * _amount(0));
    }

    function test_gas_native() public {
        pay(NATIVE, _payments(0));
        emit log_named_uint("batch, native, fresh", _perRecipient());
        pay(NATIVE, _payments(RECIPIENTS));
        emit log_named_uint("batch, native, existing", _perRecipient());
        vm.assertLe(_perRecipient(), 20_000, "existing native recipient of 200");
    }

    function test_gas_refusals() public {
        for (uint256 i = 0; i < RECIPIENTS; ++i) {
            token.setMode(_payee(i), HostileToken.Mode.Revert);
        }
        token.mint(address(batch), 1e24);
        pay(address(token), _payments(0));
        emit log_named_uint("batch, all refused", _perRecipient());
    }

    /// @notice Eighty payees that burn whatever they get still fit into one transaction.
    function test_gas_burners() public {
        token.mint(address(batch), 1e24);
        IPayoutBatch.Payment[] memory payments = new IPayoutBatch.Payment[](80);
        for (uint256 i = 0; i < payments.length; ++i) {
            token.setMode(_payee(i), HostileToken.Mode.BurnGas);
            payments[i] = IPayoutBatch.Payment(i, _payee(i), _amount(i));
        }
        pay(address(token), payments);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("burner", gas / payments.length);
        vm.assertLe(gas, TRANSACTION_GAS_MAX, "80 burners in one transaction");
    }

    function test_gas_single() public {
        pay(address(plain), one(0, _payee(0), _amount(0)));
        emit log_named_uint("batch of one, fresh", vm.lastCallGas().gasTotalUsed);
    }

    function test_gas_tips() public {
        tip(ALICE, 1, 1 ether);
        emit log_named_uint("first tip", vm.lastCallGas().gasTotalUsed);
        uint256[] memory list = new uint256[](RECIPIENTS);
        for (uint256 i = 0; i < RECIPIENTS; ++i) {
            list[i] = tip(_payee(i), 2 + i, 1 ether);
        }
        emit log_named_uint("later tip", vm.lastCallGas().gasTotalUsed);
        payTips(list);
        emit log_named_uint("tips paid, fresh creators", _perRecipient());
        vm.assertEq(_payee(7).balance, 1 ether);
    }

    /* HELPERS */

    function _perRecipient() private view returns (uint256) {
        return vm.lastCallGas().gasTotalUsed / RECIPIENTS;
    }

    function _payee(uint256 i) private pure returns (address) {
        return address(uint160(uint256(keccak256(abi.encode("payee", i)))));
    }

    function _amount(uint256 i) private pure returns (uint256) {
        return 12_345_678 + i * 1_000_003;
    }

    function _payments(uint256 first)
        private
        pure
        returns (IPayoutBatch.Payment[] memory payments)
    {
        payments = new IPayoutBatch.Payment[](RECIPIENTS);
        for (uint256 i = 0; i < RECIPIENTS; ++i) {
            payments[i] = IPayoutBatch.Payment(first + i, _payee(i), _amount(i));
        }
    }

    function _columns() private pure returns (address[] memory payees, uint256[] memory amounts) {
        payees = new address[](RECIPIENTS);
        amounts = new uint256[](RECIPIENTS);
        for (uint256 i = 0; i < RECIPIENTS; ++i) {
            (payees[i], amounts[i]) = (_payee(i), _amount(i));
        }
    }
}
