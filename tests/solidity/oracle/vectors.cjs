// SPDX-License-Identifier: Apache-2.0
// Writes tests/vectors/leaves.json, solidity_tree.json, operations.json and orders.json with
// OpenZeppelin's own merkle-tree package and its ABI encoder, so that neither the Solidity nor the
// Python encodings are their own oracle. Run from the repository root: node tests/solidity/oracle/vectors.cjs
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

const ORDER_TEXT =
  "Order(bytes32 orderId,address payer,address creator,bytes32 subject,uint32 tierId," +
  "uint256 price,uint256 maxFee,uint64 deadline)";
const DOMAIN_TEXT =
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const ORDER_TYPES = [
  "bytes32", "address", "address", "bytes32", "uint32", "uint256", "uint256", "uint64",
];
const ORDER_NAMES = [
  "order_id", "payer", "creator", "subject", "tier_id", "price", "max_fee", "deadline",
];

function typedDigestOf(chainId, contract, structHash) {
  const separator = keccakOfValues(
    ["bytes32", "bytes32", "bytes32", "uint256", "address"],
    [keccakOfText(DOMAIN_TEXT), keccakOfText("Quittance"), keccakOfText("1"), chainId, contract],
  );
  return hex(keccak256(Buffer.from(`1901${separator.slice(2)}${structHash.slice(2)}`, "hex")));
}

function orderVectorOf(chainId, contract, values) {
  const structHash = keccakOfValues(
    ["bytes32", ...ORDER_TYPES], [keccakOfText(ORDER_TEXT), ...values],
  );
  const fields = values.map((value, place) => [ORDER_NAMES[place], value.toString()]);
  return {
    chain_id: chainId.toString(),
    contract,
    ...Object.fromEntries(fields),
    digest: typedDigestOf(chainId, contract, structHash),
    consumed_key: keccakOfValues(["address", "bytes32"], [values[1], values[0]]),
    call: callOf("pay", [`(${ORDER_TYPES.join(",")})`], [values]),
  };
}

const zeroWord = wordOf(0n);
const usualOrder = [
  keccakOfText("order"), addressOf("fan"), addressOf("alice"), keccakOfText("content"), 0n,
  10_000_000n, 1_000_000n, 1_900_000_000n,
];
const withField = (place, value) => usualOrder.map((was, i) => (i === place ? value : was));
const orders = [
  [31337n, addressOf("splitter"), usualOrder],
  [8453n, addressOf("splitter"), usualOrder],
  [31337n, addressOf("another splitter"), usualOrder],
  [31337n, addressOf("splitter"), withField(3, zeroWord)],
  [31337n, addressOf("splitter"), withField(4, 7n)],
  [31337n, addressOf("splitter"), withField(0, zeroWord)],
  [2n ** 63n, `0x${"ff".repeat(20)}`, [
    `0x${"ff".repeat(32)}`, `0x${"ff".repeat(20)}`, `0x${"00".repeat(19)}01`,
    `0x${"ff".repeat(32)}`, UINT32_MAX, UINT256_MAX, UINT256_MAX, UINT64_MAX,
  ]],
].map(([chainId, contract, values]) => orderVectorOf(chainId, contract, values));

const USDC = 10n ** 6n;
const ETH = 10n ** 18n;
const feeCases = [
  // Amount, minimum, basis points: the worked examples first.
  [10n * USDC, USDC, 1000n], [20n * USDC, USDC, 500n], [5n * USDC, USDC, 1000n],
  [ETH / 100n, ETH / 2000n, 500n], [ETH / 100n + 19n, ETH / 2000n, 500n],
  [ETH / 100n + 20n, ETH / 2000n, 500n], [ETH, ETH / 2000n, 500n],
  [0n, 0n, 0n], [0n, 7n, 1000n], [9n, 0n, 1000n], [10n, 0n, 1000n], [9999n, 0n, 1n],
  [10_000n, 0n, 1n], [2n ** 200n + 1n, 0n, 333n], [2n ** 200n, 2n ** 80n - 1n, 0n],
];
const fees = feeCases.map(([amount, minimum, bps]) => {
  const rate = (amount * bps) / 10_000n;
  const fee = rate < minimum ? minimum : rate;
  return {
    amount: amount.toString(), minimum: minimum.toString(), bps: bps.toString(),
    fee: fee.toString(),
  };
});
write("tests/vectors/orders.json", { orders, fees });
