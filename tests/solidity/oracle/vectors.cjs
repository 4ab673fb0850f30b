// SPDX-License-Identifier: Apache-2.0
// Writes tests/vectors/leaves.json, solidity_tree.json and operations.json with OpenZeppelin's own
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

function lineIdOf(chainId, contract, kind, listId, index) {
  return keccakOfValues(
    ["bytes32", "uint256", "address", "bytes32", "bytes32", "uint256"],
    [
      keccakOfText("quittance.operation.v1"), chainId, contract,
      keccakOfText(kind), listId, index,
    ],
  );
}

function opIdOf(input) {
  const index = keccakOfValues(
    ["bytes32", "uint32", "address"],
    [input.workId, input.part, input.asset],
  );
  const listId = wordOf(input.epoch);
  return lineIdOf(input.chainId, input.contract, "WITHDRAW", listId, BigInt(index));
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

const selectorOf = (signature) => keccakOfText(signature).slice(0, 10);
const callOf = (name, types, values) =>
  selectorOf(`${name}(${types.join(",")})`) + hex(encode(types, values)).slice(2);

const usualList = {
  chainId: 31337n, contract: addressOf("batch"), listId: keccakOfText("list"),
  asset: addressOf("asset"), payments: [[0n, addressOf("alice"), 1n]],
};
const lists = [
  usualList,
  { ...usualList, listId: keccakOfText("another list") },
  { ...usualList, chainId: 8453n, contract: addressOf("another batch") },
  { ...usualList, asset: `0x${"00".repeat(20)}`, payments: [] },
  {
    ...usualList,
    payments: [255n, 256n, 7n].map((index) => [index, addressOf(`payee/${index}`), 10n ** 18n]),
  },
  {
    chainId: 2n ** 63n, contract: `0x${"ff".repeat(20)}`, listId: `0x${"ff".repeat(32)}`,
    asset: `0x${"ff".repeat(20)}`,
    payments: [[UINT256_MAX, `0x${"ff".repeat(20)}`, UINT256_MAX]],
  },
];
const PAY_BATCH_TYPES = ["bytes32", "address", "(uint256,address,uint256)[]"];
const batches = lists.map((list) => ({
  chain_id: list.chainId.toString(),
  contract: list.contract,
  list_id: list.listId,
  asset: list.asset,
  indexes: list.payments.map(([index]) => index.toString()),
  payees: list.payments.map(([, payee]) => payee),
  amounts: list.payments.map(([, , amount]) => amount.toString()),
  op_ids: list.payments.map(([index]) =>
    lineIdOf(list.chainId, list.contract, "PAYOUT", list.listId, index)),
  call: callOf("payBatch", PAY_BATCH_TYPES, [list.listId, list.asset, list.payments]),
}));
const tips = [[0n], [0n, 1n, 2n], [255n, 256n, 2n ** 64n - 1n]].map((numbers) => ({
  chain_id: "8453",
  contract: addressOf("relay"),
  numbers: numbers.map(String),
  op_ids: numbers.map((number) =>
    lineIdOf(8453n, addressOf("relay"), "TIP", wordOf(0n), number)),
  call: callOf("payTips", ["uint256[]"], [numbers]),
}));
write("tests/vectors/operations.json", { batches, tips });
