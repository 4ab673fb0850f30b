/**
 * The second verifier: recomputes one epoch from its published bundle, in Node and in a browser.
 *
 *     node api/console/verify.js BUNDLE_DIR [--json]      exit 0 OK, 1 a difference, 2 bad input
 *
 *     import { verifyBundle } from "./verify.js";         // in a page; files are read by the page
 *     verifyBundle(new Map([["manifest.json", bytes], …])).result   // "OK", or the first finding
 *
 * One file without dependencies. It was written from the rules and the contracts alone, apart from
 * the engine and from `scripts/verify_epoch.py`, and shares no code with either: where one of the
 * three is wrong, the others say so.
 *
 * What decides is in `logs.jsonl`, the raw logs, and `headers.jsonl`, the headers. All other files
 * are computed again from these two and compared, value by value. The order of the checks is that
 * of `check`, and the first difference is named by file, line, field, expected and found.
 *
 * It does not ask a node: that headers and logs are those of the chain, that no later block belongs
 * to the epoch, and that the chain holds this root is for a verifier with an endpoint to say.
 *
 * Numbers are BigInt. Hashes, ids and addresses are lower-case hex strings, which sort as their
 * bytes do. Every division rounds toward zero.
 */

/* FINDINGS */

/** Why a bundle is refused: `kind` is "difference", or "bad input" where it cannot be read. */
class Finding extends Error {
  constructor(kind, { file, line = null, field = null }, expected, found) {
    const place = [file, line === null ? "" : `line ${line}`, field ?? ""].filter(Boolean);
    super(`${place.join(" ")}: expected ${expected}, found ${printable(found)}`);
    this.report = { kind, file, line, field, expected: String(expected), found: printable(found) };
    this.report.sentence = this.message;
  }
}

/** Text of others, in one line of visible ASCII and not too long. */
function printable(value) {
  const text = typeof value === "bigint" ? value.toString() : String(value);
  const short = text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text;
  return short.replace(/[^\x20-\x7e…]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}

function refuse(place, expected, found) {
  throw new Finding("difference", place, expected, found);
}

function refuseInput(place, expected, found) {
  throw new Finding("bad input", place, expected, found);
}

/** `found` must be `expected`; both are BigInt or text. */
function same(place, expected, found) {
  if (expected !== found) refuse(place, expected, found);
}

/** A statement about `found` must hold. */
function holds(isTrue, place, expected, found) {
  if (!isTrue) refuse(place, expected, found);
}

/** A member of what is at `place`; its name may be somebody else's text. */
const fieldOf = (place, name) => ({
  ...place,
  field: place.field == null ? printable(name) : `${place.field} ${printable(name)}`,
});

/* BYTES */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hexFromBytes(data) {
  let digits = "0x";
  for (let i = 0; i < data.length; i += 1) digits += HEX[data[i]];
  return digits;
}

/** Bytes of a hex string that was checked before. */
function bytesFromHex(text) {
  const data = new Uint8Array((text.length - 2) / 2);
  for (let i = 0; i < data.length; i += 1) {
    data[i] = (digitAt(text, 2 + 2 * i) << 4) | digitAt(text, 3 + 2 * i);
  }
  return data;
}

/** The value of a lower-case hex digit: "0" is 48, "a" is 97. */
function digitAt(text, at) {
  const code = text.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}

const hexFromUint = (value, size) => value.toString(16).padStart(2 * size, "0");
const bytesFromUint = (value, size) => bytesFromHex(`0x${hexFromUint(value, size)}`);

function uintFromBytes(data) {
  return data.length === 0 ? 0n : BigInt(hexFromBytes(data));
}

function joined(...parts) {
  const data = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

const utf8 = (text) => new TextEncoder().encode(text);

/* KECCAK-256 */

/** Tables of Keccak-f[1600] from their definitions (FIPS 202, 3.2.2 to 3.2.5).
 *
 * A lane of 64 bits stands in two halves of 32, the low one first: lane i at 2i and 2i + 1.
 * `TARGETS[i]` is where lane i moves to; it turns left by `TURNS[i]` bits after its halves were
 * swapped, if `SOURCES[i]` (where its low half is then read) says so. Lane 0 never turns, and of
 * the others none turns by a multiple of 32.
 */
const { SOURCES, TARGETS, TURNS, ROUNDS } = (() => {
  const tables = {
    SOURCES: new Uint8Array(25),
    TARGETS: new Uint8Array(25),
    TURNS: new Uint8Array(25),
    ROUNDS: new Int32Array(48),
  };
  let [x, y] = [1, 0];
  for (let t = 0; t < 24; t += 1) {
    const lane = x + 5 * y;
    const turn = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
    tables.SOURCES[lane] = 2 * lane + (turn < 32 ? 0 : 1);
    tables.TARGETS[lane] = 2 * (x + 5 * y);
    tables.TURNS[lane] = turn % 32;
  }
  let register = 1;
  for (let round = 0; round < 24; round += 1) {
    for (let j = 0; j < 7; j += 1) {
      const bit = 2 ** j - 1;
      if (register & 1) tables.ROUNDS[2 * round + (bit < 32 ? 0 : 1)] |= 1 << bit % 32;
      register = (register << 1) ^ (register & 0x80 ? 0x171 : 0);
    }
  }
  return tables;
})();

const STATE = new Int32Array(50);
const MOVED = new Int32Array(50);
const PARITY = new Int32Array(10);

/** One Keccak-f[1600] on STATE. */
function permute() {
  for (let round = 0; round < 48; round += 2) {
    for (let i = 0; i < 10; i += 1) {
      PARITY[i] = STATE[i] ^ STATE[i + 10] ^ STATE[i + 20] ^ STATE[i + 30] ^ STATE[i + 40];
    }
    for (let x = 0; x < 10; x += 2) {
      const left = x === 0 ? 8 : x - 2;
      const right = x === 8 ? 0 : x + 2;
      const low = PARITY[left] ^ ((PARITY[right] << 1) | (PARITY[right + 1] >>> 31));
      const high = PARITY[left + 1] ^ ((PARITY[right + 1] << 1) | (PARITY[right] >>> 31));
      for (let i = x; i < 50; i += 10) {
        STATE[i] ^= low;
        STATE[i + 1] ^= high;
      }
    }
    MOVED[0] = STATE[0];
    MOVED[1] = STATE[1];
    for (let lane = 1; lane < 25; lane += 1) {
      const low = STATE[SOURCES[lane]];
      const high = STATE[SOURCES[lane] ^ 1];
      const target = TARGETS[lane];
      const turn = TURNS[lane];
      MOVED[target] = (low << turn) | (high >>> (32 - turn));
      MOVED[target + 1] = (high << turn) | (low >>> (32 - turn));
    }
    for (let row = 0; row < 50; row += 10) {
      for (let i = row; i < row + 2; i += 1) {
        const a = MOVED[i];
        const b = MOVED[i + 2];
        const c = MOVED[i + 4];
        const d = MOVED[i + 6];
        const e = MOVED[i + 8];
        STATE[i] = a ^ (~b & c);
        STATE[i + 2] = b ^ (~c & d);
        STATE[i + 4] = c ^ (~d & e);
        STATE[i + 6] = d ^ (~e & a);
        STATE[i + 8] = e ^ (~a & b);
      }
    }
    STATE[0] ^= ROUNDS[round];
    STATE[1] ^= ROUNDS[round + 1];
  }
}

const RATE = 136;

/** keccak256 as the EVM has it: padding 0x01, not SHA-3's 0x06. */
export function keccak(data) {
  const padded = new Uint8Array((Math.floor(data.length / RATE) + 1) * RATE);
  padded.set(data);
  padded[data.length] ^= 0x01;
  padded[padded.length - 1] ^= 0x80;
  const words = new DataView(padded.buffer);
  STATE.fill(0);
  for (let start = 0; start < padded.length; start += RATE) {
    for (let i = 0; i < RATE / 4; i += 1) STATE[i] ^= words.getInt32(start + 4 * i, true);
    permute();
  }
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  for (let i = 0; i < 8; i += 1) out.setInt32(4 * i, STATE[i], true);
  return digest;
}

const keccakHex = (data) => hexFromBytes(keccak(data));

const ZERO_HASH = `0x${"0".repeat(64)}`;
const ZERO_ADDRESS = `0x${"0".repeat(40)}`;
const CHECKSUMMED = new Map();

/** The spelling of EIP-55 of a lower-case address. */
function eip55(address) {
  const known = CHECKSUMMED.get(address);
  if (known !== undefined) return known;
  const signs = keccakHex(utf8(address.slice(2))).slice(2);
  const digits = Array.from(address.slice(2), (digit, i) =>
    parseInt(signs[i], 16) > 7 ? digit.toUpperCase() : digit,
  );
  const spelled = `0x${digits.join("")}`;
  CHECKSUMMED.set(address, spelled);
  return spelled;
}

/* CANONICAL JSON (RFC 8785), of strings, arrays and objects: numbers are decimal strings */

const DEPTH_MAX = 16;

/** The one spelling of a document; keys sort by UTF-16 code units, as RFC 8785 demands. */
function canonical(value, place, depth = 0) {
  if (typeof value === "string") {
    // A lone surrogate has no UTF-8, so it can stand in a document as an escape only.
    if (/\p{Surrogate}/u.test(value)) refuseInput(place, "Unicode", "a lone surrogate");
    return JSON.stringify(value);
  }
  if (depth > DEPTH_MAX) refuseInput(place, `at most ${DEPTH_MAX} levels`, "more");
  if (Array.isArray(value)) {
    return `[${value.map((member) => canonical(member, place, depth + 1)).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.keys(value)
      .sort()
      .map((key) => `${canonical(key, place)}:${canonical(value[key], place, depth + 1)}`);
    return `{${members.join(",")}}`;
  }
  return refuseInput(place, "strings, arrays and objects only", JSON.stringify(value));
}

function parsed(text, place) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    refuseInput(place, "JSON", error.message);
  }
  // Also catches a key that stands twice: only one of the two would be written again.
  same({ ...place, field: "spelling" }, canonical(value, place), text);
  return value;
}

function textOf(files, file) {
  if (!files.has(file)) refuseInput({ file }, "a file", "no such file");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(files.get(file));
  } catch {
    return refuseInput({ file }, "UTF-8", "other bytes");
  }
}

function linesOf(files, file) {
  const text = textOf(files, file);
  const lines = text.split("\n");
  const rest = lines.pop();
  if (rest !== "") refuseInput({ file, line: lines.length + 1 }, "a newline at its end", "none");
  return lines;
}

/* SHAPES: what a value must look like, and what it becomes */

const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function text(value, place) {
  if (typeof value !== "string") refuseInput(place, "a string", JSON.stringify(value));
  return value;
}

function matching(pattern, name, become = (value) => value) {
  return (value, place) => {
    if (!pattern.test(text(value, place))) refuseInput(place, name, value);
    return become(value);
  };
}

function uint(bits) {
  const name = `a decimal number below 2^${bits}`;
  const decimal = matching(/^(0|[1-9][0-9]{0,77})$/, name, BigInt);
  return (value, place) => {
    const number = decimal(value, place);
    if (number >> BigInt(bits) !== 0n) refuseInput(place, name, value);
    return number;
  };
}

const hash = matching(/^0x[0-9a-f]{64}$/, "32 bytes in lower-case hex");
const bytes = matching(/^0x([0-9a-f]{2})*$/, "bytes in lower-case hex");
const plainAddress = matching(/^0x[0-9a-f]{40}$/, "an address in lower-case hex");

function address(value, place) {
  const lower = matching(/^0x[0-9a-fA-F]{40}$/, "an address")(value, place).toLowerCase();
  if (eip55(lower) !== value) refuseInput(place, `the checksum of ${eip55(lower)}`, value);
  return lower;
}

function oneOf(...names) {
  return (value, place) => {
    if (!names.includes(text(value, place))) {
      refuseInput(place, `one of ${names.join(", ")}`, value);
    }
    return value;
  };
}

function list(member, sizeMax = Infinity) {
  return (value, place) => {
    if (!Array.isArray(value)) refuseInput(place, "an array", JSON.stringify(value));
    if (value.length > sizeMax) refuseInput(place, `at most ${sizeMax} members`, value.length);
    return value.map((one, i) => member(one, fieldOf(place, i)));
  };
}

function pair(first, second) {
  return (value, place) => {
    if (!Array.isArray(value) || value.length !== 2) {
      refuseInput(place, "two members", JSON.stringify(value));
    }
    return [first(value[0], fieldOf(place, 0)), second(value[1], fieldOf(place, 1))];
  };
}

/** An object with exactly these members, or with all of the `optional` ones too. */
function record(members, optional = {}) {
  return (value, place) => {
    if (!isObject(value)) refuseInput(place, "an object", JSON.stringify(value));
    const isLong = Object.keys(optional).some((key) => Object.hasOwn(value, key));
    const shape = isLong ? { ...members, ...optional } : members;
    const expected = Object.keys(shape).sort().join(", ");
    const found = Object.keys(value).sort().join(", ");
    if (expected !== found) refuseInput(place, `the members ${expected}`, found || "none");
    const become = {};
    for (const key of Object.keys(shape)) become[key] = shape[key](value[key], fieldOf(place, key));
    return become;
  };
}

const anything = (value) => value;
const BLOCK = record({ hash, number: uint(64), timestamp: uint(64) });

const CONTRACTS = [
  "ConsumptionSubmissions",
  "EpochClock",
  "EpochPayouts",
  "RulesetParameters",
  "SubscriptionTiers",
  "WorkRegistry",
];

const LEVELS = ["headers", "receipts"];

const MANIFEST = record({
  attempt: uint(32),
  boundary_block: BLOCK,
  clock: record({ genesis: uint(64), grace: uint(64), length: uint(64) }),
  completeness: record({ digest: hash, level: oneOf(...LEVELS), previous: hash }),
  contracts: record(Object.fromEntries(CONTRACTS.map((name) => [name, address]))),
  epoch: uint(64),
  format: text,
  inputs: record({ count: uint(64), rolling_hash: hash }),
  previous_manifest_digest: hash,
  quarantine: record({ count: uint(64), digest: hash }),
  reference_block: BLOCK,
  registry_digest: hash,
  ruleset: record({ name: text, parameters: anything, parameters_digest: hash }),
  settlement: record({ chain_id: uint(256), contract: address, name: text, start_block: uint(64) }),
  totals: list(
    record({
      allocated: uint(256),
      asset: address,
      carried_in: uint(256),
      escrow: uint(256),
      fees: uint(256),
      paid_in: uint(256),
      unallocated: uint(256),
    }),
  ),
  tree: record({ leaf_count: uint(64), profile: text, root: hash }),
  usage_mode: text,
});

/** What one line of each file of lines holds. */
const LINES = {
  "allocations.jsonl": record({
    asset: address,
    fee: uint(256),
    rows: list(record({ credited: uint(256), work_id: hash })),
    subscriber: address,
    unallocated: uint(256),
  }),
  "blocks.jsonl": BLOCK,
  "headers.jsonl": record({
    claim: oneOf("anchor", "empty", "proved", "unproved"),
    header: bytes,
    number: uint(64),
  }),
  "leaves.jsonl": record({
    amount: uint(256),
    asset: address,
    leaf: hash,
    lines: list(pair(address, uint(256))),
    part: uint(32),
    split_hash: hash,
    work_id: hash,
  }),
  "logs.jsonl": record({
    address: plainAddress,
    block_hash: hash,
    block_number: uint(64),
    data: bytes,
    log_index: uint(32),
    topics: list(hash, 4),
  }),
  "quarantine.jsonl": record(
    {
      block_number: uint(64),
      log_index: uint(32),
      position: uint(32),
      reason: text,
      submitter: address,
      work_id: hash,
    },
    { amount: uint(256), asset: address },
  ),
  "works.jsonl": record({
    content_id: hash,
    payees: list(pair(address, uint(32))),
    price_ppm: uint(64),
    region_rule: hash,
    registrant: address,
    version: uint(32),
    work_id: hash,
  }),
};

/** The files of a bundle, except `bundle.json`, which has the digests of these. */
const FILES = ["manifest.json", ...Object.keys(LINES)].sort();

const INDEX = record({
  files: record(Object.fromEntries(FILES.map((name) => [name, hash]))),
  manifest_digest: hash,
});

/** Lines of a file: `raw` as they were published, `read` as their shape makes them. */
function recordsOf(files, file) {
  const raw = [];
  const read = [];
  linesOf(files, file).forEach((line, i) => {
    const place = { file, line: i + 1 };
    raw.push(parsed(line, place));
    read.push(LINES[file](raw[i], place));
  });
  return { raw, read };
}

/** `found` must be the JSON value `expected`; the first member that differs is named. */
function sameValue(place, expected, found) {
  if ([expected, found].some((one) => typeof one === "string" || one === undefined)) {
    if (expected === found) return;
    refuse(place, plain(expected), plain(found));
  }
  if (Array.isArray(expected) !== Array.isArray(found)) {
    refuse(place, plain(expected), plain(found));
  }
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  if (!Array.isArray(expected)) keys.sort();
  for (const key of keys) {
    const next = fieldOf(place, key);
    const [wanted, stated] = [expected, found].map((one) =>
      Object.hasOwn(one, key) ? one[key] : undefined,
    );
    sameValue(next, wanted, stated);
  }
}

function plain(value) {
  if (value === undefined) return "nothing";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The lines of a file must be these records, in this order. */
function sameRecords(file, expected, found) {
  for (let i = 0; i < Math.max(expected.length, found.length); i += 1) {
    const place = { file, line: i + 1 };
    if (i >= found.length) refuse(place, JSON.stringify(expected[i]), "the end of the file");
    if (i >= expected.length) refuse(place, "the end of the file", JSON.stringify(found[i]));
    sameValue(place, expected[i], found[i]);
  }
}

/* EVENTS: as the contracts declare them */

/** Events that an epoch is computed from. */
const INPUT_EVENTS = {
  EpochClock: ["EpochClockStarted(uint64 genesis,uint64 length,uint64 grace)"],
  RulesetParameters: [
    "ParametersSet(uint64 indexed effectiveEpoch,bytes32 indexed digest,bytes parameters)",
  ],
  WorkRegistry: [
    "WorkTermsSet(bytes32 indexed workId,address indexed registrant,bytes32 indexed contentId," +
      "uint64 effectiveEpoch,uint32 version,uint64 pricePpm,bytes32 regionRule," +
      "address[] payees,uint32[] sharesPpm)",
    "VerdictPlaced(bytes32 indexed workId,bytes32 indexed caseDigest)",
    "VerdictLifted(bytes32 indexed workId,bytes32 indexed caseDigest)",
  ],
  SubscriptionTiers: [
    "Subscribed(address indexed subscriber,uint64 indexed epoch,bytes32 indexed tierId," +
      "address payer,address asset,uint256 amount)",
  ],
  EpochPayouts: [
    "EpochFunded(uint64 indexed epoch,address indexed asset,address indexed source,uint256 amount)",
  ],
  ConsumptionSubmissions: [
    "ConsumptionSubmitted(address indexed submitter,uint64 indexed epoch,bytes32 indexed tierId," +
      "uint16 part,bytes32[] workIds,uint32[] minutesPlayed,uint32[] plays," +
      "bytes32[] pseudonyms,bytes32 digest)",
  ],
};

/** Events that no epoch is computed from, but that its certificate of completeness is about. */
const OTHER_EVENTS = [
  "EpochCommitted(uint64,uint32,bytes32,bytes32,uint64,uint32,address[]," +
    "(address,uint256,uint256,uint256,uint256,uint256,uint256)[])",
  "EpochVetoed(uint64,uint32,address,bytes32)",
  "GuardianSetChanged(uint32,uint32,address[])",
  "LeafWithdrawn(bytes32,uint64,bytes32,uint32,address,uint256)",
  "PayeePaid(bytes32,address,address,uint256,uint32)",
  "PayeeUnclaimed(bytes32,address,address,uint256,uint32)",
  "SettlementStarted(address,address,uint64)",
  "TierSet(bytes32,address,uint64,uint256)",
  "UnclaimedWithdrawn(address,address,address,uint256)",
  "WithdrawRefused(bytes32,uint64,bytes32,uint32,address,uint8)",
  "WorkRegistered(bytes32,address,bytes32)",
];

function eventFrom(contract, declaration) {
  const [name, inside] = declaration.slice(0, -1).split("(");
  const fields = inside.split(",").map((one) => {
    const words = one.split(" ");
    return { type: words[0], name: words.at(-1), isIndexed: words.includes("indexed") };
  });
  const signature = `${name}(${fields.map((one) => one.type).join(",")})`;
  return { contract, name, fields, signature, topic: keccakHex(utf8(signature)) };
}

const EVENTS = Object.entries(INPUT_EVENTS).flatMap(([contract, declarations]) =>
  declarations.map((declaration) => eventFrom(contract, declaration)),
);

/** The signature of every event of a settlement's contracts. */
export const EVENT_SIGNATURES = [...EVENTS.map((one) => one.signature), ...OTHER_EVENTS];

/* ABI: values from topics and data, and words for hashing */

const WORD = 32;

const word = {
  uint: (value) => hexFromUint(value, WORD),
  address: (value) => value.slice(2).padStart(2 * WORD, "0"),
  bytes32: (value) => value.slice(2),
};

/** keccak256 of words, each 64 hex digits. */
const keccakOfWords = (...words) => keccak(bytesFromHex(`0x${words.join("")}`));

/** A value of a static type from the 64 digits of its word. */
function valueFromWord(type, digits, place) {
  if (type === "bytes32") return `0x${digits}`;
  const bits = type === "address" ? 160 : Number(type.slice(4));
  const unused = digits.slice(0, 64 - bits / 4);
  holds(/^0*$/.test(unused), place, `a word of type ${type}`, `0x${digits}`);
  return type === "address" ? `0x${digits.slice(24)}` : BigInt(`0x${digits}`);
}

/** Reads `data` once, from beginning to end: there is one encoding of every list of values. */
class Words {
  constructor(data, place) {
    this.digits = data.slice(2);
    this.place = place;
    this.at = 0;
  }

  next(count = 64) {
    const part = this.digits.slice(this.at, this.at + count);
    holds(part.length === count, this.place, "more data", `${this.digits.length / 2} bytes`);
    this.at += count;
    return part;
  }

  length() {
    const length = valueFromWord("uint64", this.next(), this.place);
    holds(length <= BigInt(this.digits.length), this.place, "a length within the data", length);
    return Number(length);
  }
}

const isDynamic = (type) => type === "bytes" || type.endsWith("[]");

function decodedData(fields, data, place) {
  const words = new Words(data, place);
  const heads = fields.map((field) => words.next());
  const values = {};
  fields.forEach((field, i) => {
    if (!isDynamic(field.type)) {
      values[field.name] = valueFromWord(field.type, heads[i], fieldOf(place, field.name));
      return;
    }
    const offset = valueFromWord("uint256", heads[i], fieldOf(place, field.name));
    same(fieldOf(place, `${field.name} offset`), BigInt(words.at / 2), offset);
    const length = words.length();
    if (field.type === "bytes") {
      const padded = words.next(Math.ceil(length / WORD) * 2 * WORD);
      holds(/^0*$/.test(padded.slice(2 * length)), place, "zeros after bytes", field.name);
      values[field.name] = bytesFromHex(`0x${padded.slice(0, 2 * length)}`);
    } else {
      const type = field.type.slice(0, -2);
      values[field.name] = Array.from({ length }, () => valueFromWord(type, words.next(), place));
    }
  });
  same(place, BigInt(words.digits.length / 2), BigInt(words.at / 2));
  return values;
}

function decodedLog(log, event, place) {
  const indexed = event.fields.filter((field) => field.isIndexed);
  const topics = { ...place, field: "topics" };
  same(topics, BigInt(indexed.length + 1), BigInt(log.topics.length));
  const values = {};
  indexed.forEach((field, i) => {
    values[field.name] = valueFromWord(field.type, log.topics[i + 1].slice(2), topics);
  });
  const rest = event.fields.filter((field) => !field.isIndexed);
  return { ...values, ...decodedData(rest, log.data, { ...place, field: "data" }) };
}

/** The logs as events: with their place in the file, block, index, name and values. */
function decodedLogs(logs, contracts) {
  const keyOf = (address, topic) => `${address} ${topic}`;
  const known = new Map(EVENTS.map((one) => [keyOf(contracts[one.contract], one.topic), one]));
  return logs.map((log, i) => {
    const place = { file: "logs.jsonl", line: i + 1 };
    const key = keyOf(log.address, log.topics[0]);
    const event = known.get(key);
    if (event === undefined) refuse(place, "an event that the epoch depends on", key);
    const values = decodedLog(log, event, place);
    return { place, block: log.block_number, index: log.log_index, event: event.name, ...values };
  });
}

const named = (events, ...names) => events.filter((one) => names.includes(one.event));

/* RULES OF THE CONTRACTS: what they would have refused, no log can say */

const SCALAR_FIELD_ORDER =
  21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const PPM = 1_000_000n;
const PRICE_PPM_LIMIT = 2n ** 40n;
const PAYEES_MAX = 256;
const PART_WORKS_MAX = 16;

/** The seconds of one epoch. */
function timelineOf(manifest) {
  const { genesis, length, grace } = manifest.clock;
  const place = { file: "manifest.json", field: "clock" };
  holds(length > 0n, fieldOf(place, "length"), "at least one second", length);
  holds(grace < length, fieldOf(place, "grace"), "less than the length", grace);
  const start = genesis + manifest.epoch * length;
  const end = start + length;
  const epochAt = (timestamp) => (timestamp - genesis) / length;
  return { genesis, length, grace, start, end, graceEnd: end + grace, epochAt };
}

function checkClock(events, manifest, timeOf) {
  const started = named(events, "EpochClockStarted");
  holds(events[0]?.event === "EpochClockStarted", { file: "logs.jsonl", line: 1 },
    "EpochClockStarted", events[0]?.event ?? "no log");
  if (started.length > 1) refuse(started[1].place, "one EpochClockStarted", "another");
  for (const key of ["genesis", "length", "grace"]) {
    same({ file: "manifest.json", field: `clock ${key}` }, started[0][key], manifest.clock[key]);
  }
  const time = timeOf(started[0]);
  const { genesis, place } = started[0];
  holds(genesis <= time, fieldOf(place, "genesis"), `at most ${time}`, genesis);
}

/** A change is in force from the next epoch on; what is new, at once. */
function checkEffectiveEpoch(one, isFirst, timeline, timeOf) {
  const current = timeline.epochAt(timeOf(one));
  same(fieldOf(one.place, "effectiveEpoch"), isFirst ? current : current + 1n, one.effectiveEpoch);
}

function checkParameterLogs(events, manifest, timeline, timeOf) {
  named(events, "ParametersSet").forEach((one, i) => {
    checkEffectiveEpoch(one, i === 0, timeline, timeOf);
    notLater(one, "effectiveEpoch", manifest.epoch);
    same(fieldOf(one.place, "digest"), keccakHex(one.parameters), one.digest);
  });
}

function notLater(one, field, epoch) {
  holds(one[field] <= epoch, fieldOf(one.place, field), `at most ${epoch}`, one[field]);
}

function checkTermsLogs(events, manifest, timeline, timeOf) {
  const latest = new Map();
  for (const one of named(events, "WorkTermsSet")) {
    const before = latest.get(one.workId);
    same(fieldOf(one.place, "version"), (before?.version ?? 0n) + 1n, one.version);
    if (before) same(fieldOf(one.place, "registrant"), before.registrant, one.registrant);
    checkEffectiveEpoch(one, before === undefined, timeline, timeOf);
    notLater(one, "effectiveEpoch", manifest.epoch);
    holds(one.contentId !== ZERO_HASH, fieldOf(one.place, "contentId"), "a content", one.contentId);
    holds(BigInt(one.workId) < SCALAR_FIELD_ORDER, fieldOf(one.place, "workId"),
      "an id below the scalar field's order", one.workId);
    holds(one.pricePpm > 0n && one.pricePpm < PRICE_PPM_LIMIT, fieldOf(one.place, "pricePpm"),
      `between 1 and ${PRICE_PPM_LIMIT - 1n}`, one.pricePpm);
    checkShares(one, manifest.contracts.WorkRegistry);
    latest.set(one.workId, one);
  }
}

function checkShares(one, registry) {
  const { payees, sharesPpm } = one;
  const place = fieldOf(one.place, "payees");
  const isCounted = payees.length > 0 && payees.length <= PAYEES_MAX;
  holds(isCounted, place, `1 to ${PAYEES_MAX} payees`, payees.length);
  same(place, BigInt(sharesPpm.length), BigInt(payees.length));
  payees.forEach((payee, i) => {
    const previous = i === 0 ? ZERO_ADDRESS : payees[i - 1];
    holds(payee > previous, fieldOf(place, i), `more than ${previous}`, payee);
    holds(payee !== registry, fieldOf(place, i), "anyone but the registry", payee);
    const share = fieldOf(one.place, `sharesPpm ${i}`);
    holds(sharesPpm[i] > 0n, share, "a positive share", sharesPpm[i]);
  });
  same(fieldOf(one.place, "sharesPpm"), PPM, total(sharesPpm));
}

const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0n);

/** A verdict stands over a registered work, from its placing to its lifting, once at a time. */
function checkVerdictLogs(events) {
  const registered = new Set();
  const standing = new Map();
  for (const one of events) {
    if (one.event === "WorkTermsSet") registered.add(one.workId);
    if (one.event === "VerdictPlaced") {
      holds(registered.has(one.workId), one.place, "a verdict over a registered work", one.workId);
      holds(!standing.has(one.workId), one.place, "no verdict before this one", one.workId);
      holds(one.caseDigest !== ZERO_HASH, one.place, "a case", one.caseDigest);
      standing.set(one.workId, one.caseDigest);
    }
    if (one.event === "VerdictLifted") {
      const lifted = standing.get(one.workId) ?? "no case: no verdict stands";
      same(fieldOf(one.place, "caseDigest"), lifted, one.caseDigest);
      standing.delete(one.workId);
    }
  }
}

/** Money is taken for the current and the next epoch, never for a past one, and never nothing. */
function checkPaymentLogs(events, manifest, timeline, timeOf) {
  const paid = new Set();
  for (const one of named(events, "Subscribed", "EpochFunded")) {
    same(fieldOf(one.place, "epoch"), manifest.epoch, one.epoch);
    holds(one.amount > 0n, fieldOf(one.place, "amount"), "a positive amount", one.amount);
    const ahead = manifest.epoch - timeline.epochAt(timeOf(one));
    const window = `a block of epoch ${manifest.epoch} or of the one before`;
    holds(ahead === 0n || ahead === 1n, one.place, window, `a block at second ${timeOf(one)}`);
    if (one.event !== "Subscribed") continue;
    const key = `${one.subscriber} ${one.tierId}`;
    holds(!paid.has(key), one.place, "one payment by subscriber and tier", "a second");
    holds(one.subscriber !== ZERO_ADDRESS, one.place, "a subscriber", one.subscriber);
    paid.add(key);
  }
}

function checkUsageLogs(events, manifest, timeline, timeOf) {
  const taken = new Set();
  for (const one of named(events, "ConsumptionSubmitted")) {
    same(fieldOf(one.place, "epoch"), manifest.epoch, one.epoch);
    const time = timeOf(one);
    holds(time >= timeline.start && time < timeline.graceEnd, one.place,
      `a block from second ${timeline.start} to ${timeline.graceEnd - 1n}`, `second ${time}`);
    const key = `${one.submitter} ${one.part}`;
    holds(!taken.has(key), fieldOf(one.place, "part"), "a part that was not submitted", one.part);
    taken.add(key);
    const works = one.workIds.length;
    const isCounted = works > 0 && works <= PART_WORKS_MAX;
    holds(isCounted, fieldOf(one.place, "workIds"), `1 to ${PART_WORKS_MAX} works`, works);
    for (const name of ["minutesPlayed", "plays", "pseudonyms"]) {
      same(fieldOf(one.place, name), BigInt(works), BigInt(one[name].length));
    }
    for (const id of [...one.workIds, ...one.pseudonyms]) {
      holds(BigInt(id) < SCALAR_FIELD_ORDER, one.place, "ids below the scalar field's order", id);
    }
  }
}

/* BLOCKS AND LOGS */

/** Blocks ascend in number and never go back in time. */
function blocksByNumber(blocks) {
  const known = new Map();
  blocks.forEach((block, i) => {
    const place = { file: "blocks.jsonl", line: i + 1 };
    const below = blocks[i - 1];
    if (below) {
      holds(block.number > below.number, fieldOf(place, "number"),
        `more than ${below.number}`, block.number);
      holds(block.timestamp >= below.timestamp, fieldOf(place, "timestamp"),
        `at least ${below.timestamp}`, block.timestamp);
    }
    known.set(block.number, { ...block, place });
  });
  return known;
}

function checkLogOrder(logs, blocks, manifest) {
  const reference = manifest.reference_block.number;
  const first = manifest.settlement.start_block;
  logs.forEach((log, i) => {
    const place = { file: "logs.jsonl", line: i + 1 };
    const number = fieldOf(place, "block_number");
    const below = logs[i - 1];
    if (below && below.block_number === log.block_number) {
      holds(log.log_index > below.log_index, fieldOf(place, "log_index"),
        `more than ${below.log_index}`, log.log_index);
    } else if (below) {
      holds(log.block_number > below.block_number, number,
        `at least ${below.block_number}`, log.block_number);
    }
    holds(log.block_number >= first, number, `at least the start block ${first}`, log.block_number);
    holds(log.block_number <= reference, number, `at most ${reference}`, log.block_number);
    const block = blocks.get(log.block_number);
    holds(block !== undefined, number, "a block of blocks.jsonl", log.block_number);
    same(fieldOf(place, "block_hash"), block.hash, log.block_hash);
  });
}

/** h' = keccak(h ‖ keccak(log)), from 32 zero bytes. */
function rollingHash(logs) {
  let rolled = new Uint8Array(WORD);
  for (const log of logs) {
    const data = bytesFromHex(log.data);
    const spelled = joined(
      bytesFromUint(log.block_number, 8),
      bytesFromHex(log.block_hash),
      bytesFromUint(log.log_index, 4),
      bytesFromHex(log.address),
      Uint8Array.of(log.topics.length),
      ...log.topics.map(bytesFromHex),
      bytesFromUint(BigInt(data.length), 4),
      data,
    );
    rolled = keccak(joined(rolled, keccak(spelled)));
  }
  return hexFromBytes(rolled);
}

/** The border blocks and the blocks of logs are listed, and no others. */
function checkBlocks(manifest, blocks, logs, chain, timeline) {
  for (const name of ["boundary_block", "reference_block"]) {
    const { number, hash: expected, timestamp } = manifest[name];
    const block = blocks.get(number);
    if (!block) refuse({ file: "blocks.jsonl" }, `block ${number}, the ${name}`, "no such line");
    same(fieldOf(block.place, "hash"), expected, block.hash);
    same(fieldOf(block.place, "timestamp"), timestamp, block.timestamp);
  }
  const needed = new Set(logs.map((log) => log.block_number));
  needed.add(manifest.boundary_block.number).add(manifest.reference_block.number);
  const before = [...blocks.values()].filter((one) => one.timestamp < timeline.start);
  checkLastBefore(before.at(-1), chain, timeline);
  if (before.length > 0) needed.add(before.at(-1).number);
  for (const block of blocks.values()) {
    holds(needed.has(block.number), block.place, "a block of a log or of a border", block.number);
    const header = chain.byNumber.get(block.number);
    if (!header) continue;
    same(fieldOf(block.place, "hash"), header.hash, block.hash);
    same(fieldOf(block.place, "timestamp"), header.timestamp, block.timestamp);
  }
  return before.at(-1)?.number ?? null;
}

/** The last block before the epoch: none in the first epoch, else what headers tell of it. */
function checkLastBefore(last, chain, timeline) {
  const file = "blocks.jsonl";
  if (chain.anchor === null) {
    if (last) refuse(last.place, "no block before the first epoch", last.number);
    return;
  }
  if (!last) refuse({ file }, "the last block before the epoch", "no such line");
  const { number, timestamp, parent } = chain.anchor;
  if (timestamp < timeline.start) same(fieldOf(last.place, "number"), number, last.number);
  else holds(last.number < number, last.place, `a block below ${number}`, last.number);
  if (last.number === number - 1n) same(fieldOf(last.place, "hash"), parent, last.hash);
}

/* HEADERS AND THE CERTIFICATE OF COMPLETENESS */

/** The byte strings of an RLP list of strings; null if `data` is no such thing. */
function rlpStrings(data) {
  const outer = rlpItem(data, 0);
  if (outer === null || !outer.isList || outer.end !== data.length) return null;
  const strings = [];
  let at = outer.start;
  while (at < outer.end) {
    const inner = rlpItem(data, at);
    if (inner === null || inner.isList || inner.end > outer.end) return null;
    strings.push(data.subarray(inner.start, inner.end));
    at = inner.end;
  }
  return strings;
}

/** Where the payload of the item at `at` starts and ends; null unless its length is canonical. */
function rlpItem(data, at) {
  const prefix = data[at];
  if (prefix === undefined) return null;
  if (prefix < 0x80) return { isList: false, start: at, end: at + 1 };
  const isList = prefix >= 0xc0;
  const short = prefix - (isList ? 0xc0 : 0x80);
  if (short <= 55) {
    const item = { isList, start: at + 1, end: at + 1 + short };
    const isWasteful = !isList && short === 1 && data[at + 1] < 0x80;
    return item.end > data.length || isWasteful ? null : item;
  }
  const start = at + 1 + short - 55;
  const digits = data.subarray(at + 1, start);
  const length = uintFromBytes(digits);
  const isWasteful = digits[0] === 0 || length <= 55n;
  if (start > data.length || isWasteful || length > BigInt(data.length - start)) return null;
  return { isList, start, end: start + Number(length) };
}

const HEADER = { parent: 0, bloom: 6, number: 8, timestamp: 11, fieldsMin: 15 };

function headerFrom(line, place) {
  const data = bytesFromHex(line.header);
  const fields = rlpStrings(data);
  const field = fieldOf(place, "header");
  if (fields === null || fields.length < HEADER.fieldsMin) {
    refuseInput(field, "the RLP of a header", line.header);
  }
  const [number, timestamp] = [fields[HEADER.number], fields[HEADER.timestamp]];
  const isSized = fields[HEADER.parent].length === 32 && fields[HEADER.bloom].length === 256;
  const isNumbered = [number, timestamp].every((one) => one.length <= 8 && one[0] !== 0);
  if (!isSized || !isNumbered) refuseInput(field, "a header's fields", line.header);
  return {
    place,
    claim: line.claim,
    hash: keccakHex(data),
    parent: hexFromBytes(fields[HEADER.parent]),
    bloom: fields[HEADER.bloom],
    number: uintFromBytes(number),
    timestamp: uintFromBytes(timestamp),
  };
}

/** Headers that hash, link, count on and never go back in time; the anchor is before the range. */
function linkedHeaders(lines) {
  const headers = lines.map((line, i) => {
    const place = { file: "headers.jsonl", line: i + 1 };
    const header = headerFrom(line, place);
    same(fieldOf(place, "number"), header.number, line.number);
    return header;
  });
  headers.forEach((header, i) => {
    holds(i === 0 || header.claim !== "anchor", fieldOf(header.place, "claim"),
      "one anchor, on the first line", header.claim);
    if (i === 0) return;
    const below = headers[i - 1];
    same(fieldOf(header.place, "number"), below.number + 1n, header.number);
    same(fieldOf(header.place, "parent hash"), below.hash, header.parent);
    holds(header.timestamp >= below.timestamp, fieldOf(header.place, "timestamp"),
      `at least ${below.timestamp}`, header.timestamp);
  });
  if (headers.length === 0) refuse({ file: "headers.jsonl" }, "headers", "none");
  const anchor = headers[0].claim === "anchor" ? headers[0] : null;
  const range = anchor ? headers.slice(1) : headers;
  const byNumber = new Map(headers.map((header) => [header.number, header]));
  return { anchor, range, byNumber, all: headers };
}

/** The range follows the reference block of the epoch before, or the start of the settlement. */
function checkRange(manifest, chain, timeline) {
  const { anchor, range } = chain;
  const isFirst = anchor === null;
  const zero = isFirst ? "zero, as in the first epoch" : "not zero, as after the first epoch";
  const start = manifest.settlement.start_block;
  for (const [field, value] of [
    ["previous_manifest_digest", manifest.previous_manifest_digest],
    ["completeness previous", manifest.completeness.previous],
  ]) {
    holds((value === ZERO_HASH) === isFirst, { file: "manifest.json", field }, zero, value);
  }
  if (isFirst) {
    same(fieldOf(range[0].place, "number"), start, range[0].number);
    holds(range[0].timestamp >= timeline.start, fieldOf(range[0].place, "timestamp"),
      `at least ${timeline.start}`, range[0].timestamp);
  } else {
    const border = timeline.start + timeline.grace;
    const { number } = anchor;
    holds(number >= start, fieldOf(anchor.place, "number"), `at least ${start}`, number);
    holds(anchor.timestamp < border, fieldOf(anchor.place, "timestamp"),
      `less than ${border}`, anchor.timestamp);
    if (range.length > 0) {
      holds(range[0].timestamp >= border, fieldOf(range[0].place, "timestamp"),
        `at least ${border}`, range[0].timestamp);
    }
  }
}

/** Reference and boundary block: the highest headers before the end of grace, and of the epoch. */
function checkBorders(manifest, chain, timeline) {
  const last = chain.all.at(-1);
  holds(last.timestamp < timeline.graceEnd, fieldOf(last.place, "timestamp"),
    `less than ${timeline.graceEnd}`, last.timestamp);
  const boundary = chain.all.findLast((header) => header.timestamp < timeline.end);
  if (!boundary) refuse(chain.all[0].place, `a block before second ${timeline.end}`, "none");
  for (const [name, header] of [["boundary_block", boundary], ["reference_block", last]]) {
    for (const key of ["number", "hash", "timestamp"]) {
      same({ file: "manifest.json", field: `${name} ${key}` }, header[key], manifest[name][key]);
    }
  }
}

/** The three bits of a value in a bloom, each as byte and mask. */
function bloomBits(value) {
  const digest = keccak(value);
  return [0, 2, 4].map((at) => {
    const bit = ((digest[at] << 8) | digest[at + 1]) & 2047;
    return { byte: 255 - (bit >> 3), mask: 1 << (bit & 7) };
  });
}

const isInBloom = (bloom, bits) => bits.every(({ byte, mask }) => (bloom[byte] & mask) !== 0);

/** A block is ruled out if its bloom holds none of our addresses, or none of our events' topics. */
function checkClaims(manifest, chain, filter) {
  const addressBits = filter.addresses.map((one) => bloomBits(bytesFromHex(one)));
  const topicBits = filter.topics.map((one) => bloomBits(bytesFromHex(one)));
  const { level } = manifest.completeness;
  for (const header of chain.range) {
    const isPossible = [addressBits, topicBits].every((one) =>
      one.some((bits) => isInBloom(header.bloom, bits)),
    );
    const full = level === "receipts" ? "proved" : "unproved";
    const claim = isPossible ? full : "empty";
    same(fieldOf(header.place, "claim"), `${claim}, at level ${level}`,
      `${header.claim}, at level ${level}`);
  }
}

/** Addresses and topics of all logs are in the bloom of their block. */
function checkBlooms(logs, chain) {
  logs.forEach((log, i) => {
    const header = chain.byNumber.get(log.block_number);
    if (!header) return;
    for (const value of [log.address, ...log.topics]) {
      holds(isInBloom(header.bloom, bloomBits(bytesFromHex(value))),
        { file: "logs.jsonl", line: i + 1 }, `a log in the bloom of block ${header.number}`, value);
    }
  });
}

const CERTIFICATE_DOMAIN = "quittance-completeness-v1";
const CLAIM_BYTES = { unproved: 0, empty: 1, proved: 2 };

/** Members of a document, each after its length as four bytes. */
const prefixed = (...members) =>
  joined(...members.flatMap((one) => [bytesFromUint(BigInt(one.length), 4), one]));

function filterOf(manifest) {
  return {
    addresses: Object.values(manifest.contracts).sort(),
    topics: EVENT_SIGNATURES.map((one) => keccakHex(utf8(one))).sort(),
  };
}

function certificateDigest(manifest, chain, filter) {
  const { level, previous } = manifest.completeness;
  const start = chain.anchor ? chain.anchor.number + 1n : chain.range[0].number;
  const blocks = chain.range.map((header) =>
    joined(bytesFromHex(header.hash), Uint8Array.of(CLAIM_BYTES[header.claim])),
  );
  const wanted = [filter.addresses, filter.topics].map((one) => joined(...one.map(bytesFromHex)));
  return keccakHex(
    prefixed(
      utf8(CERTIFICATE_DOMAIN),
      bytesFromUint(manifest.settlement.chain_id, 32),
      keccak(prefixed(...wanted)),
      utf8(level),
      bytesFromUint(start, 8),
      bytesFromUint(start + BigInt(chain.range.length), 8),
      keccak(joined(...blocks)),
      bytesFromHex(previous),
    ),
  );
}

/* PARAMETERS AND REGISTRY IN FORCE */

const PLAYS_LIMIT = 100_000n;
const RULESET = "usercentric-v1";

const PARAMETERS = record(
  { k_ppm: uint(64), plays_max: uint(64), regions: anything, ruleset: text },
  { completeness: oneOf(...LEVELS) },
);

/** The last parameters that take effect in or before the epoch, read from their bytes. */
function parametersInForce(events) {
  const set = named(events, "ParametersSet").at(-1);
  if (!set) refuse({ file: "logs.jsonl" }, "parameters in force", "no ParametersSet");
  const place = fieldOf(set.place, "parameters");
  let spelled;
  try {
    spelled = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(set.parameters);
  } catch {
    refuseInput(place, "UTF-8", "other bytes");
  }
  const document = parsed(spelled, place);
  const read = PARAMETERS(document, place);
  if (read.plays_max === 0n || read.plays_max > PLAYS_LIMIT) {
    refuseInput(fieldOf(place, "plays_max"), `1 to ${PLAYS_LIMIT}`, read.plays_max);
  }
  if (!isObject(read.regions)) {
    refuseInput(fieldOf(place, "regions"), "an object", JSON.stringify(read.regions));
  }
  const regions = new Map();
  for (const [rule, ppm] of Object.entries(read.regions)) {
    const field = fieldOf(place, `regions ${rule}`);
    regions.set(hash(rule, field), uint(64)(ppm, field));
  }
  return { ...read, completeness: read.completeness ?? "receipts", regions, document, set };
}

function checkRuleset(manifest, parameters) {
  const field = (name) => ({ file: "manifest.json", field: name });
  const { name, parameters: stated, parameters_digest: digest } = manifest.ruleset;
  same(field("ruleset parameters_digest"), parameters.set.digest, digest);
  sameValue(field("ruleset parameters"), parameters.document, stated);
  same(field("ruleset name"), parameters.ruleset, name);
  same(field("ruleset name"), RULESET, name);
  same(field("completeness level"), parameters.completeness, manifest.completeness.level);
}

/** By work, the last terms in chain order; all that are in the logs take effect by this epoch. */
function registryInForce(events) {
  const terms = new Map();
  for (const one of named(events, "WorkTermsSet")) terms.set(one.workId, one);
  return new Map([...terms].sort(([a], [b]) => ascending(a, b)));
}

const ascending = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function workLine([workId, terms]) {
  return {
    content_id: terms.contentId,
    payees: terms.payees.map((payee, i) => [eip55(payee), String(terms.sharesPpm[i])]),
    price_ppm: String(terms.pricePpm),
    region_rule: terms.regionRule,
    registrant: eip55(terms.registrant),
    version: String(terms.version),
    work_id: workId,
  };
}

/** Works under verdict both at the last block before the epoch and at the reference block. */
function heldWorks(events, lastBefore, reference) {
  const standing = (upto) => {
    const works = new Set();
    for (const one of named(events, "VerdictPlaced", "VerdictLifted")) {
      if (one.block > upto) break;
      if (one.event === "VerdictPlaced") works.add(one.workId);
      else works.delete(one.workId);
    }
    return works;
  };
  if (lastBefore === null) return new Set();
  const [atStart, atEnd] = [standing(lastBefore), standing(reference)];
  return new Set([...atStart].filter((work) => atEnd.has(work)));
}

/* QUARANTINE: which rows count */

/** Every row is judged in chain order; reasons in the order below, and the first counts. */
function acceptedRows(events, parameters, registry, held) {
  const payments = named(events, "Subscribed");
  const paidTiers = new Set(payments.map((one) => `${one.subscriber} ${one.tierId}`));
  const seenWorks = new Set();
  const seenPseudonyms = new Set();
  const rows = new Map();
  const quarantined = [];
  for (const one of named(events, "ConsumptionSubmitted")) {
    one.workIds.forEach((workId, position) => {
      const terms = registry.get(workId);
      const work = `${one.submitter} ${workId}`;
      const pseudonym = one.pseudonyms[position];
      let reason = null;
      if (!paidTiers.has(`${one.submitter} ${one.tierId}`)) reason = "unpaid_tier";
      else if (terms === undefined) reason = "unregistered_work";
      else if (seenWorks.has(work)) reason = "duplicate_work";
      else if (seenPseudonyms.has(pseudonym)) reason = "reused_pseudonym";
      else if (!parameters.regions.has(terms.regionRule)) reason = "unknown_region_rule";
      else if (held.has(workId)) reason = "work_under_verdict";
      if (reason !== null) quarantined.push(quarantineOf(one, position, reason, workId));
      if (reason !== null && reason !== "work_under_verdict") return;
      seenWorks.add(work);
      seenPseudonyms.add(pseudonym);
      if (!rows.has(one.submitter)) rows.set(one.submitter, []);
      rows.get(one.submitter).push({
        workId,
        minutes: one.minutesPlayed[position],
        plays: one.plays[position],
        pricePpm: terms.pricePpm,
        regionPpm: parameters.regions.get(terms.regionRule),
        credibilityPpm: reason === null ? PPM : 0n,
      });
    });
  }
  return { rows, quarantined };
}

function quarantineOf(one, position, reason, workId, unpayable = null) {
  return {
    block: one.block,
    index: one.index,
    position,
    asset: unpayable?.asset ?? "",
    line: {
      block_number: String(one.block),
      log_index: String(one.index),
      position: String(position),
      reason,
      submitter: eip55(unpayable ? one.registrant : one.submitter),
      work_id: workId,
      ...(unpayable && { amount: String(unpayable.amount), asset: eip55(unpayable.asset) }),
    },
  };
}

const byPlace = (a, b) =>
  ascending(a.block, b.block) ||
  ascending(a.index, b.index) ||
  ascending(a.position, b.position) ||
  ascending(a.asset, b.asset);

/* THE RULE usercentric-v1 */

/** D(plays): the mean of 10¹² / (10⁶ + k·(j - 1)) for j from 1 to plays, in ppm. */
function diminishing(kPpm, playsMax) {
  const sums = [0n];
  return (plays) => {
    const counted = plays < 1n ? 1n : plays > playsMax ? playsMax : plays;
    for (let j = BigInt(sums.length); j <= counted; j += 1n) {
      sums.push(sums.at(-1) + (PPM * PPM) / (PPM + kPpm * (j - 1n)));
    }
    return sums[Number(counted)] / counted;
  };
}

/** Shares `amount` by weight to the last unit: what is left goes to the largest remainders, ties to
 *  the lower index. Weights are not all zero. */
function largestRemainder(amount, weights) {
  const sum = total(weights);
  const shares = weights.map((weight) => (amount * weight) / sum);
  const remainders = weights.map((weight) => (amount * weight) % sum);
  const order = weights.map((_, i) => i);
  order.sort((a, b) => ascending(remainders[b], remainders[a]) || a - b);
  const left = Number(amount - total(shares));
  for (const i of order.slice(0, left)) shares[i] += 1n;
  return shares;
}

/** What each row of one subscriber gets of a fee; the rest of the fee is nobody's. */
function credits(fee, rows, dOf) {
  const raw = rows.map(
    (row) => (row.minutes * row.pricePpm * row.regionPpm * dOf(row.plays)) / PPM,
  );
  const counted = raw.map((weight, i) => (weight * rows[i].credibilityPpm) / PPM);
  const [allRaw, allCounted] = [total(raw), total(counted)];
  if (allRaw === 0n || allCounted === 0n) return rows.map(() => 0n);
  return largestRemainder((fee * allCounted) / allRaw, counted);
}

/** Fees by subscriber, then asset, both ascending. */
function feesOf(events) {
  const fees = new Map();
  for (const one of named(events, "Subscribed")) {
    const key = `${one.subscriber} ${one.asset}`;
    fees.set(key, (fees.get(key) ?? 0n) + one.amount);
  }
  return [...fees].sort(([a], [b]) => ascending(a, b)).map(([key, fee]) => {
    const [subscriber, asset] = key.split(" ");
    return { subscriber, asset, fee };
  });
}

/** Lines of allocations.jsonl, and what every work earned, by work and asset. */
function allocated(fees, rows, parameters) {
  const dOf = diminishing(parameters.k_ppm, parameters.plays_max);
  const earned = new Map();
  const lines = fees.map(({ subscriber, asset, fee }) => {
    const used = rows.get(subscriber) ?? [];
    const credited = credits(fee, used, dOf);
    used.forEach((row, i) => {
      const key = `${row.workId} ${asset}`;
      earned.set(key, (earned.get(key) ?? 0n) + credited[i]);
    });
    return {
      asset: eip55(asset),
      fee: String(fee),
      rows: used.map((row, i) => ({ credited: String(credited[i]), work_id: row.workId })),
      subscriber: eip55(subscriber),
      unallocated: String(fee - total(credited)),
    };
  });
  return { lines, earned };
}

/* SPLITS, LEAVES AND TREE */

const SPLIT_LINES_MAX = 32;

/** Leaves ascending by work, part and asset; and the lines that the contract could never pay. */
function splitLeaves(earned, registry, payouts) {
  const leaves = [];
  const unpayable = [];
  for (const [key, amount] of earned) {
    if (amount === 0n) continue;
    const [workId, asset] = key.split(" ");
    const terms = registry.get(workId);
    const shares = largestRemainder(amount, terms.sharesPpm);
    const lines = [];
    terms.payees.forEach((payee, position) => {
      const units = shares[position];
      if (units === 0n) return;
      if (payee === asset || payee === payouts || payee === ZERO_ADDRESS) {
        const line = { asset, amount: units };
        unpayable.push(quarantineOf(terms, position, "unpayable_payee", workId, line));
      } else lines.push([payee, units]);
    });
    for (let part = 0; part * SPLIT_LINES_MAX < lines.length; part += 1) {
      const start = part * SPLIT_LINES_MAX;
      leaves.push({ workId, part, asset, lines: lines.slice(start, start + SPLIT_LINES_MAX) });
    }
  }
  leaves.sort((a, b) =>
    ascending(a.workId, b.workId) || a.part - b.part || ascending(a.asset, b.asset));
  return { leaves, unpayable };
}

/** keccak(abi.encode(address[] payees, uint256[] amounts)). */
function splitHash(lines) {
  const count = BigInt(lines.length);
  return keccakOfWords(
    word.uint(64n),
    word.uint(64n + 32n * (count + 1n)),
    word.uint(count),
    ...lines.map(([payee]) => word.address(payee)),
    word.uint(count),
    ...lines.map(([, units]) => word.uint(units)),
  );
}

/** keccak(keccak(abi.encode(chainId, contract, epoch, workId, part, asset, amount, splitHash))). */
function leafHash(manifest, leaf, amount, split) {
  return keccak(
    keccakOfWords(
      word.uint(manifest.settlement.chain_id),
      word.address(manifest.settlement.contract),
      word.uint(manifest.epoch),
      word.bytes32(leaf.workId),
      word.uint(BigInt(leaf.part)),
      word.address(leaf.asset),
      word.uint(amount),
      word.bytes32(split),
    ),
  );
}

function leafLine(manifest, leaf) {
  const amount = total(leaf.lines.map(([, units]) => units));
  const split = hexFromBytes(splitHash(leaf.lines));
  return {
    amount: String(amount),
    asset: eip55(leaf.asset),
    leaf: hexFromBytes(leafHash(manifest, leaf, amount, split)),
    lines: leaf.lines.map(([payee, units]) => [eip55(payee), String(units)]),
    part: String(leaf.part),
    split_hash: split,
    work_id: leaf.workId,
  };
}

/** Root of OpenZeppelin's standard tree: leaves ascending, from the end of a heap of 2n - 1 nodes;
 *  a node is keccak of its children in ascending order. No leaves: zero. */
function rootOf(hashes) {
  const count = hashes.length;
  if (count === 0) return ZERO_HASH;
  const heap = new Array(2 * count - 1);
  [...hashes].sort().forEach((leaf, i) => {
    heap[heap.length - 1 - i] = leaf;
  });
  for (let i = count - 2; i >= 0; i -= 1) {
    const children = [heap[2 * i + 1], heap[2 * i + 2]].sort();
    heap[i] = hexFromBytes(keccakOfWords(...children.map(word.bytes32)));
  }
  return heap[0];
}

/** One entry for each asset that was paid in, ascending. */
function totalsOf(events, leafLines) {
  const paidIn = new Map();
  for (const one of named(events, "EpochFunded")) {
    paidIn.set(one.asset, (paidIn.get(one.asset) ?? 0n) + one.amount);
  }
  const allocatedOf = (asset) =>
    total(leafLines.filter((leaf) => leaf.asset === asset).map((leaf) => BigInt(leaf.amount)));
  return [...paidIn].sort(([a], [b]) => ascending(a, b)).map(([asset, paid]) => {
    const given = allocatedOf(eip55(asset));
    return {
      allocated: String(given),
      asset: eip55(asset),
      carried_in: "0",
      escrow: "0",
      fees: "0",
      paid_in: String(paid),
      unallocated: String(paid - given),
    };
  });
}

/** Subscribers' fees reached the payouts contract, through the contract that took them. */
function checkFunding(events, tiers) {
  const funded = new Map();
  for (const one of named(events, "EpochFunded")) {
    if (one.source === tiers) funded.set(one.asset, (funded.get(one.asset) ?? 0n) + one.amount);
  }
  for (const one of named(events, "Subscribed")) {
    const left = (funded.get(one.asset) ?? 0n) - one.amount;
    holds(left >= 0n, one.place, "no more fees than were funded", `${-left} more of ${one.asset}`);
    funded.set(one.asset, left);
  }
}

/* THE BUNDLE */

function checkDigests(files, index) {
  for (const name of FILES) {
    const place = { file: "bundle.json", field: `files ${name}` };
    same(place, keccakHex(files.get(name)), index.files[name]);
  }
  const digest = keccakHex(files.get("manifest.json"));
  same({ file: "bundle.json", field: "manifest_digest" }, digest, index.manifest_digest);
  return digest;
}

function checkConstants(manifest) {
  const field = (name) => ({ file: "manifest.json", field: name });
  same(field("format"), "quittance-manifest-v1", manifest.format);
  same(field("tree profile"), "quittance-v1", manifest.tree.profile);
  same(field("usage_mode"), "attested", manifest.usage_mode);
  same(field("settlement contract"), manifest.contracts.EpochPayouts, manifest.settlement.contract);
  holds(manifest.attempt > 0n, field("attempt"), "at least 1", manifest.attempt);
  const distinct = new Set(Object.values(manifest.contracts)).size;
  same(field("contracts"), BigInt(CONTRACTS.length), BigInt(distinct));
}

/** What is in the logs could have happened. */
function checkLogs(events, manifest, timeline, timeOf) {
  checkClock(events, manifest, timeOf);
  for (const one of events) {
    const second = timeOf(one);
    holds(second >= timeline.genesis, one.place, `a block since ${timeline.genesis}`, second);
  }
  checkParameterLogs(events, manifest, timeline, timeOf);
  checkTermsLogs(events, manifest, timeline, timeOf);
  checkVerdictLogs(events);
  checkPaymentLogs(events, manifest, timeline, timeOf);
  checkUsageLogs(events, manifest, timeline, timeOf);
  checkFunding(events, manifest.contracts.SubscriptionTiers);
}

/** The headers are linked, are those of the epoch, and say of every block what their blooms say. */
function checkHeaders(manifest, lines, logs, timeline) {
  const chain = linkedHeaders(lines);
  const filter = filterOf(manifest);
  checkRange(manifest, chain, timeline);
  checkBorders(manifest, chain, timeline);
  checkClaims(manifest, chain, filter);
  checkBlooms(logs, chain);
  same({ file: "manifest.json", field: "completeness digest" },
    certificateDigest(manifest, chain, filter), manifest.completeness.digest);
  return chain;
}

/** All of it, in this order: form, logs, headers, blocks, registry, money, tree. */
function check(files, known) {
  const [indexPlace, manifestPlace] = [{ file: "bundle.json" }, { file: "manifest.json" }];
  const index = INDEX(parsed(textOf(files, "bundle.json"), indexPlace), indexPlace);
  const document = parsed(textOf(files, "manifest.json"), manifestPlace);
  const manifest = MANIFEST(document, manifestPlace);
  const records = {};
  for (const name of Object.keys(LINES)) records[name] = recordsOf(files, name);
  const read = (name) => records[name].read;
  known.manifestDigest = checkDigests(files, index);
  known.epoch = manifest.epoch;
  known.root = manifest.tree.root;
  checkConstants(manifest);

  const timeline = timelineOf(manifest);
  const logs = read("logs.jsonl");
  const blocks = blocksByNumber(read("blocks.jsonl"));
  checkLogOrder(logs, blocks, manifest);
  const events = decodedLogs(logs, manifest.contracts);
  checkLogs(events, manifest, timeline, (one) => blocks.get(one.block).timestamp);
  const parameters = parametersInForce(events);
  checkRuleset(manifest, parameters);
  const chain = checkHeaders(manifest, read("headers.jsonl"), logs, timeline);
  const lastBefore = checkBlocks(manifest, blocks, logs, chain, timeline);

  const compare = (file, expected) => sameRecords(file, expected, records[file].raw);
  const stated = (field, expected, found) => same({ ...manifestPlace, field }, expected, found);
  const registry = registryInForce(events);
  compare("works.jsonl", [...registry].map(workLine));
  const held = heldWorks(events, lastBefore, manifest.reference_block.number);
  const { rows, quarantined } = acceptedRows(events, parameters, registry, held);
  const { lines, earned } = allocated(feesOf(events), rows, parameters);
  const { leaves, unpayable } = splitLeaves(earned, registry, manifest.contracts.EpochPayouts);
  compare("quarantine.jsonl", [...quarantined, ...unpayable].sort(byPlace).map((one) => one.line));
  compare("allocations.jsonl", lines);
  const leafLines = leaves.map((leaf) => leafLine(manifest, leaf));
  compare("leaves.jsonl", leafLines);

  sameValue({ ...manifestPlace, field: "totals" }, totalsOf(events, leafLines), document.totals);
  stated("tree leaf_count", BigInt(leafLines.length), manifest.tree.leaf_count);
  stated("tree root", rootOf(leafLines.map((line) => line.leaf)), manifest.tree.root);
  stated("inputs count", BigInt(logs.length), manifest.inputs.count);
  stated("inputs rolling_hash", rollingHash(logs), manifest.inputs.rolling_hash);
  stated("registry_digest", index.files["works.jsonl"], manifest.registry_digest);
  stated("quarantine count", BigInt(read("quarantine.jsonl").length), manifest.quarantine.count);
  stated("quarantine digest", index.files["quarantine.jsonl"], manifest.quarantine.digest);
}

/**
 * Verify the files of a bundle.
 *
 * @param {Map<string, Uint8Array>} files every file of the bundle, by name; others are ignored
 * @returns {{result: "OK" | object, epoch: ?string, manifestDigest: ?string, root: ?string}}
 *   `result` is "OK", or the first finding: kind ("difference" or "bad input"), file, line from 1,
 *   field, expected, found, and all of these as one sentence. `epoch`, `manifestDigest` and `root`
 *   are what the bundle states, as far as it could be read.
 */
export function verifyBundle(files) {
  const known = { epoch: null, manifestDigest: null, root: null };
  const answer = (result) => ({ result, ...known, epoch: known.epoch?.toString() ?? null });
  try {
    check(files, known);
  } catch (error) {
    if (error instanceof Finding) return answer(error.report);
    throw error;
  }
  return answer("OK");
}

/* COMMAND LINE (Node only) */

const EXIT = { ok: 0, difference: 1, badInput: 2 };

async function filesOf(directory) {
  const [fs, path] = await Promise.all([import("node:fs/promises"), import("node:path")]);
  const files = new Map();
  for (const name of ["bundle.json", ...FILES]) {
    try {
      files.set(name, new Uint8Array(await fs.readFile(path.join(directory, name))));
    } catch (error) {
      // What is not there is not in the map: verifyBundle names it.
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    }
  }
  return files;
}

function printed(answer, isJson) {
  const isOk = answer.result === "OK";
  if (isJson) {
    const { epoch, manifestDigest, root } = answer;
    const result = isOk ? "OK" : answer.result.sentence;
    const finding = isOk ? null : answer.result;
    return JSON.stringify({ epoch, finding, manifest_digest: manifestDigest, result, root });
  }
  if (!isOk) return answer.result.sentence;
  return [
    `OK  epoch ${answer.epoch}`,
    `  root             ${answer.root}`,
    `  manifest digest  ${answer.manifestDigest}`,
    "  not checked: that headers and logs are the chain's, and that the chain holds this root",
  ].join("\n");
}

async function main(options) {
  const directories = options.filter((one) => one !== "--json");
  if (directories.length !== 1 || directories[0].startsWith("-")) {
    console.error("usage: node verify.js BUNDLE_DIR [--json]");
    return EXIT.badInput;
  }
  const isJson = options.includes("--json");
  const answer = verifyBundle(await filesOf(directories[0]));
  const isBad = answer.result.kind === "bad input";
  const write = isBad && !isJson ? console.error : console.log;
  write(printed(answer, isJson));
  if (answer.result === "OK") return EXIT.ok;
  return isBad ? EXIT.badInput : EXIT.difference;
}

if (typeof process !== "undefined" && process.argv?.[1]) {
  const [url, fs] = await Promise.all([import("node:url"), import("node:fs")]);
  const script = process.argv[1];
  const path = fs.existsSync(script) ? fs.realpathSync(script) : script;
  if (import.meta.url === url.pathToFileURL(path).href) {
    process.exitCode = await main(process.argv.slice(2)).catch((error) => {
      console.error(`not verified: ${error.stack}`);
      return EXIT.badInput;
    });
  }
}
