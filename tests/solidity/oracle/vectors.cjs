// SPDX-License-Identifier: Apache-2.0
// Writes tests/vectors/leaves.json and tests/vectors/solidity_tree.json with OpenZeppelin's own
// merkle-tree package and its ABI encoder, so that neither the Solidity nor the Python encodings
// are their own oracle. Run from the repository root: node tests/solidity/oracle/vectors.cjs
"use strict";

const fs = require("node:fs");
const { StandardMerkleTree } = require("@openzeppelin/merkle-tree");
const { encode } = require("@metamask/abi-utils");
const { keccak256 } = require("ethereum-cryptography/keccak");

const LEAF_TYPES = [
  "uint256", "address", "uint64", "bytes32", "uint32", "address", "uint256", "bytes32",
];
const UINT64_MAX = 2n ** 64n - 1n;
const UINT32_MAX = 2n ** 32n - 1n;
const UINT256_MAX = 2n ** 256n - 1n;

const hex = (bytes) => `0x${Buffer.from(bytes).toString("hex")}`;
const keccakOfText = (text) => hex(keccak256(Buffer.from(text, "utf8")));
const keccakOfValues = (types, values) => hex(keccak256(encode(types, values)));
const addressOf = (text) => `0x${keccakOfText(text).slice(26)}`;
const wordOf = (number) => `0x${number.toString(16).padStart(64, "0")}`;
const workIdOf = (text) => wordOf(BigInt(keccakOfText(text)) >> 8n);

function splitOf(label, amounts) {
  const payees = amounts.map((_, line) => addressOf(`${label}/payee/${line}`)).sort();
  return { payees, amounts };
}

function opIdOf(input) {
  const index = keccakOfValues(
    ["bytes32", "uint32", "address"],
    [input.workId, input.part, input.asset],
  );
  return keccakOfValues(
    ["bytes32", "uint256", "address", "bytes32", "bytes32", "uint256"],
    [
      keccakOfText("quittance.operation.v1"), input.chainId, input.contract,
      keccakOfText("WITHDRAW"), wordOf(input.epoch), BigInt(index),
    ],
  );
}

function valueOf(input) {
  const amount = input.amounts.reduce((sum, line) => sum + line, 0n);
  const splitHash = keccakOfValues(["address[]", "uint256[]"], [input.payees, input.amounts]);
  return [
    input.chainId, input.contract, input.epoch, input.workId,
    input.part, input.asset, amount, splitHash,
  ];
}

const usual = {
  chainId: 31337n, contract: addressOf("payouts"), epoch: 5n, workId: workIdOf("work"),
  part: 0n, asset: addressOf("asset"), ...splitOf("usual", [1n, 2n, 3n]),
};
const inputs = [
  usual,
  { ...usual, ...splitOf("single", [1n]) },
  { ...usual, part: 1n },
  { ...usual, epoch: 6n },
  { ...usual, chainId: 8453n },
  { ...usual, contract: addressOf("another payouts") },
  { ...usual, asset: addressOf("another asset") },
  { ...usual, workId: workIdOf("another work"), ...splitOf("two", [10n ** 18n, 7n]) },
  { ...usual, ...splitOf("widest", Array.from({ length: 32 }, (_, line) => 10n ** BigInt(line))) },
  { ...usual, epoch: 0n, workId: wordOf(0n), ...splitOf("greatest", [UINT256_MAX]) },
  {
    chainId: 2n ** 63n, contract: `0x${"ff".repeat(20)}`, epoch: UINT64_MAX,
    workId: wordOf(2n ** 248n - 1n), part: UINT32_MAX, asset: `0x${"00".repeat(19)}01`,
    payees: [`0x${"00".repeat(19)}02`, `0x${"ff".repeat(19)}fe`], amounts: [UINT256_MAX - 1n, 1n],
  },
];

const values = inputs.map(valueOf);
const tree = StandardMerkleTree.of(values, LEAF_TYPES);
const leaves = inputs.map((input, position) => ({
  chain_id: input.chainId.toString(),
  contract: input.contract,
  epoch: input.epoch.toString(),
  work_id: input.workId,
  part: input.part.toString(),
  asset: input.asset,
  payees: input.payees,
  amounts: input.amounts.map(String),
  split_hash: values[position][7],
  leaf: tree.leafHash(values[position]),
  op_id: opIdOf(input),
}));
const proofs = values.map((value) => tree.getProof(value));

const write = (file, content) => fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
write("tests/vectors/leaves.json", { leaves });
write("tests/vectors/solidity_tree.json", {
  leaves: leaves.map(({ leaf }) => leaf), proofs, root: tree.root,
});
