"""What the engine and the chain agree on, byte for byte.

Membership rule: a thing lives here only if it has a counterpart in Solidity or in the EVM.

| Python | Solidity or EVM |
|---|---|
| `evm.py` | address, bytes32, block header, keccak256 |
| `bloom.py`, `headers.py` | the block header: its RLP, and the bloom filter in it |
| `state_proof.py` | the state trie (EIP-1186), and where Solidity keeps a mapping |
| `units.py` | uint256, rounding of integer division |
| `transaction_fees.py` | `GasPriceOracle` of the OP stack, EIP-4844: fees beside gas |
| `abi.py` | the ABI and creation bytecode in `artifacts/` |
| `event_spec.py`, `events.py` | every event that the engine reads: `src/**/*.sol` |
| `batches.py`, `packed_usage.py` | many events of one kind, as columns; as packed ones |
| `leaves.py` | `src/settlement/LeafLib.sol` |
| `operations.py` | `src/settlement/OperationLib.sol` |
| `calls.py` | functions and views of `IEpochPayouts.sol`, `IPayoutBatch.sol`, `ITipRelay.sol` |
| `holds.py` | `placeHold` of `src/settlement/IPayeeHolds.sol` |
| `money_events.py` | events of `IEpochPayouts.sol` that move money |
| `approvals.py` | `EpochPayouts.Approval` and its EIP-712 digest |
| `typed_data.py` | the EIP-712 messages of registry and attestor |
| `canonical.py` | the bytes that `manifestDigest` is of, and those in `RulesetParameters.sol` |
| `addresses.py` | deployments: `addresses/<chain_id>.json` |
| `columns.py` | the Postgres spelling of the types above (edge) |
| `wire.py` | the JSON spelling of the types above (edge) |
"""
