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

/* SHA-256 (FIPS 180-4), for the digests of whole files: they are long, and nothing on chain has them. */

const SHA256_STATE = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const SHA256_ROUNDS = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

const turned = (word, bits) => (word >>> bits) | (word << (32 - bits));

/** SHA-256 of bytes, as bytes. */
export function sha256(data) {
  const padded = new Uint8Array((Math.floor((data.length + 8) / 64) + 1) * 64);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(data.length) * 8n);
  const state = Uint32Array.from(SHA256_STATE);
  const words = new Uint32Array(64);
  for (let start = 0; start < padded.length; start += 64) {
    for (let i = 0; i < 16; i += 1) words[i] = view.getUint32(start + 4 * i);
    for (let i = 16; i < 64; i += 1) {
      const [early, late] = [words[i - 15], words[i - 2]];
      const low = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
      const high = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
      words[i] = words[i - 16] + low + words[i - 7] + high;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const high = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
      const first = (h + high + ((e & f) ^ (~e & g)) + SHA256_ROUNDS[i] + words[i]) | 0;
      const low = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
      const second = (low + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => {
      state[i] += word;
    });
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setUint32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

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

/** An object with exactly these members, and of each of the `optional` groups with all or none. */
function record(members, ...optional) {
  return (value, place) => {
    if (!isObject(value)) refuseInput(place, "an object", JSON.stringify(value));
    const isThere = (group) => Object.keys(group).some((key) => Object.hasOwn(value, key));
    const shape = Object.assign({}, members, ...optional.filter(isThere));
    const expected = Object.keys(shape).sort().join(", ");
    const found = Object.keys(value).sort().join(", ");
    if (expected !== found) refuseInput(place, `the members ${expected}`, found || "none");
    const become = {};
    for (const key of Object.keys(shape)) become[key] = shape[key](value[key], fieldOf(place, key));
    return become;
  };
}

const anything = (value) => value;

/** What `shape` reads, or "" for what is missing. */
const orNothing = (shape) => (value, place) => (value === "" ? value : shape(value, place));
const SHARES = list(pair(orNothing(address), orNothing(uint(32))));
const BLOCK = record({ hash, number: uint(64), timestamp: uint(64) });

const CONTRACTS = [
  "ConsumptionSubmissions",
  "ContentClaims",
  "CreatorAttestations",
  "EpochClock",
  "EpochPayouts",
  "RulesetParameters",
  "SplitAccounts",
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
    charged: list(uint(256)),
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
  "splits.jsonl": record({
    account: address,
    owner: address,
    payees: SHARES,
    version: uint(32),
  }),
  "works.jsonl": record({
    content_id: hash,
    payees: SHARES,
    price_ppm: uint(64),
    region_rule: hash,
    registered_at: uint(64),
    registrant: address,
    version: uint(32),
    work_id: hash,
  }),
};

/** The files of a bundle, except `bundle.json`, which has the digests of these. */
const FILES = ["manifest.json", ...Object.keys(LINES)].sort();

/** All that `verifyBundle` looks at. */
export const BUNDLE_FILES = ["bundle.json", ...FILES];

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
  SplitAccounts: [
    "SplitTermsSet(address indexed account,address indexed owner,uint64 effectiveEpoch," +
      "uint32 version,address[] payees,uint32[] sharesPpm)",
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
  "Attested(address,bytes32,address,uint64)",
  "BeneficiaryAnnounced(bytes32,address,uint64)",
  "BeneficiaryAssigned(bytes32,address)",
  "BeneficiaryCancelled(bytes32,address)",
  "ClaimChallenged(bytes32,address,bytes32,uint64)",
  "ClaimResolved(bytes32,address,bool)",
  "ContentClaimed(bytes32,address,bytes32,uint64)",
  "EpochCommitted(uint64,uint32,bytes32,bytes32,uint64,uint32,address[]," +
    "(address,uint256,uint256,uint256,uint256,uint256,uint256)[])",
  "EpochVetoed(uint64,uint32,address,bytes32)",
  "EscrowExpired(bytes32,uint64,bytes32,address,uint256)",
  "EscrowReleased(bytes32,uint64,bytes32,address,address,uint256)",
  "GuardianSetChanged(uint32,uint32,address[])",
  "GuardiansAnnounced(bytes32,uint64,uint32,address[])",
  "GuardiansCancelled(bytes32,address)",
  "IssuerSet(address,bool)",
  "LeafWithdrawn(bytes32,uint64,bytes32,uint32,address,uint256)",
  "PayeeHeld(bytes32,address,address,uint256,uint32)",
  "PayeeHoldLifted(address)",
  "PayeeHoldPlaced(address,bytes32,uint64)",
  "PayeePaid(bytes32,address,address,uint256,uint32)",
  "PayeeUnclaimed(bytes32,address,address,uint256,uint32)",
  "Revoked(address,bytes32,address)",
  "SettlementStarted(address,address,uint64)",
  "TierSet(bytes32,address,uint64,uint256)",
  "UnallocatedTransferAnnounced(bytes32,uint64,address,address,uint256,uint64)",
  "UnallocatedTransferCancelled(bytes32,address)",
  "UnallocatedTransferred(bytes32,uint64,address,address,uint256)",
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

/* RULES OF THE CONTRACTS: what they would have refused, no log can say; but where a rule of the
   settlement says what becomes of such input (QUARANTINE, SPLITS), that rule is followed */

const SCALAR_FIELD_ORDER =
  21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const PPM = 1_000_000n;

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

/** The first parameters are in force at once, others in an epoch to come. */
function checkParameterLogs(events, manifest, timeline, timeOf) {
  named(events, "ParametersSet").forEach((one, i) => {
    if (i === 0) checkEffectiveEpoch(one, true, timeline, timeOf);
    const next = timeline.epochAt(timeOf(one)) + 1n;
    holds(i === 0 || one.effectiveEpoch >= next, fieldOf(one.place, "effectiveEpoch"),
      `at least ${next}`, one.effectiveEpoch);
    notLater(one, "effectiveEpoch", manifest.epoch);
    same(fieldOf(one.place, "digest"), keccakHex(one.parameters), one.digest);
  });
}

function notLater(one, field, epoch) {
  holds(one[field] <= epoch, fieldOf(one.place, field), `at most ${epoch}`, one[field]);
}

function checkTermsLogs(events, manifest, timeline, timeOf) {
  const check = (name, id, holder, mayPass) => {
    const latest = new Map();
    for (const one of named(events, name)) {
      const before = latest.get(one[id]);
      same(fieldOf(one.place, "version"), (before?.version ?? 0n) + 1n, one.version);
      if (before && !mayPass(before)) same(fieldOf(one.place, holder), before[holder], one[holder]);
      checkEffectiveEpoch(one, before === undefined, timeline, timeOf);
      notLater(one, "effectiveEpoch", manifest.epoch);
      latest.set(one[id], one);
    }
  };
  // A work that was recognised is the registry's until its beneficiary adopts it.
  const isRecognised = (terms) => terms.registrant === manifest.contracts.WorkRegistry;
  check("WorkTermsSet", "workId", "registrant", isRecognised);
  check("SplitTermsSet", "account", "owner", () => false);
  for (const one of named(events, "WorkTermsSet")) {
    holds(one.contentId !== ZERO_HASH, fieldOf(one.place, "contentId"), "a content", one.contentId);
    holds(tagOf(one.workId) === TAG.work, fieldOf(one.place, "workId"),
      "an id whose first byte is zero", one.workId);
  }
}

const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0n);

/** Whether an id is below the order of the scalar field. */
const isCanonical = (id) => BigInt(id) < SCALAR_FIELD_ORDER;

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

function checkUsageLogs(events, manifest) {
  for (const one of named(events, "ConsumptionSubmitted")) {
    same(fieldOf(one.place, "epoch"), manifest.epoch, one.epoch);
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

const RULESET = "usercentric-v1";
const FEES_MAX = 8;
const FEES_PPM_MAX = 500_000n;

/** A number from `least` to `most`. */
function within(least, most) {
  const number = uint(64);
  return (value, place) => {
    const read = number(value, place);
    if (read < least || read > most) refuseInput(place, `${least} to ${most}`, value);
    return read;
  };
}

function regions(value, place) {
  if (!isObject(value)) refuseInput(place, "an object", JSON.stringify(value));
  const factors = Object.entries(value).map(([rule, ppm]) => {
    const field = fieldOf(place, rule);
    return [hash(rule, field), uint(64)(ppm, field)];
  });
  return new Map(factors);
}

const FEE = record({
  name: matching(/^[a-z_]{1,16}$/, "a name of a to z and _"),
  payee: plainAddress,
  ppm: within(1n, FEES_PPM_MAX),
});

function feeList(value, place) {
  const fees = list(FEE, FEES_MAX)(value, place);
  if (fees.length === 0) refuseInput(place, "at least one fee", "none");
  if (new Set(fees.map((fee) => fee.name)).size !== fees.length) {
    refuseInput(place, "names that differ", fees.map((fee) => fee.name).join(", "));
  }
  if (fees.some((fee) => fee.payee === ZERO_ADDRESS)) refuseInput(place, "a payee", ZERO_ADDRESS);
  const sum = total(fees.map((fee) => fee.ppm));
  if (sum > FEES_PPM_MAX) refuseInput(place, `at most ${FEES_PPM_MAX} ppm in all`, sum);
  return fees;
}

const PARAMETERS = record(
  { k_ppm: uint(64), plays_max: within(1n, 100_000n), regions, ruleset: text },
  { completeness: oneOf(...LEVELS) },
  { fees: feeList },
  { half_life: oneOf("v1") },
  { minutes_max: within(1n, 2n ** 32n - 1n) },
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
  const defaults = { completeness: "receipts", fees: [], half_life: null, minutes_max: null };
  return { ...defaults, ...PARAMETERS(document, place), document, set };
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

/** The last terms of each in chain order; all that are in the logs take effect by this epoch. */
function termsInForce(events, name, id) {
  const terms = new Map();
  for (const one of named(events, name)) terms.set(one[id], one);
  return new Map([...terms].sort(([a], [b]) => ascending(a, b)));
}

/** By work, the terms in force and when the work was registered. */
function registryInForce(events, timeOf) {
  const registeredAt = new Map();
  for (const one of named(events, "WorkTermsSet")) {
    if (!registeredAt.has(one.workId)) registeredAt.set(one.workId, timeOf(one));
  }
  const works = termsInForce(events, "WorkTermsSet", "workId");
  return new Map(
    [...works].map(([id, terms]) => [id, { ...terms, registeredAt: registeredAt.get(id) }]),
  );
}

const ascending = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Payees with their shares; in terms that have more of one than of the other, "" for a gap. */
function sharesLine({ payees, sharesPpm }) {
  const length = Math.max(payees.length, sharesPpm.length);
  return Array.from({ length }, (_, i) => [
    i < payees.length ? eip55(payees[i]) : "",
    i < sharesPpm.length ? String(sharesPpm[i]) : "",
  ]);
}

function workLine([workId, terms]) {
  return {
    content_id: terms.contentId,
    payees: sharesLine(terms),
    price_ppm: String(terms.pricePpm),
    region_rule: terms.regionRule,
    registered_at: String(terms.registeredAt),
    registrant: eip55(terms.registrant),
    version: String(terms.version),
    work_id: workId,
  };
}

function splitLine([account, terms]) {
  return {
    account: eip55(account),
    owner: eip55(terms.owner),
    payees: sharesLine(terms),
    version: String(terms.version),
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

/* QUARANTINE: which submissions and rows count, and what else is listed */

const PRICE_PPM_LIMIT = 2n ** 40n;
const PART_WORKS_MAX = 16;

/** A work with money but nobody to pay it to yet. */
const hasNobody = (terms) => terms.payees.length === 0 && terms.sharesPpm.length === 0;

/** Whether an amount can be shared so: payees ascend, each has a share, shares sum to one. */
function areShares({ payees, sharesPpm }) {
  return (
    payees.length === sharesPpm.length &&
    payees.every((payee, i) => i === 0 || payee > payees[i - 1]) &&
    sharesPpm.every((share) => share > 0n) &&
    total(sharesPpm) === PPM
  );
}

function areTerms(terms) {
  const isPriced = terms.pricePpm > 0n && terms.pricePpm < PRICE_PPM_LIMIT;
  return isPriced && (hasNobody(terms) || areShares(terms));
}

const partKey = (one) => `${one.submitter} ${one.part}`;

/** Why a whole submission is left out; null if it is not. */
function submissionReason(one, lastBefore, seenParts) {
  const columns = [one.minutesPlayed, one.plays, one.pseudonyms];
  const count = one.workIds.length;
  if (count === 0 || columns.some((column) => column.length !== count)) {
    return "malformed_submission";
  }
  if (count > PART_WORKS_MAX) return "too_many_rows";
  if (lastBefore !== null && one.block <= lastBefore) return "outside_grace";
  return seenParts.has(partKey(one)) ? "duplicate_submission" : null;
}

/** The submissions whose rows are judged, in chain order; of the others, what is listed. */
function acceptedSubmissions(events, lastBefore) {
  const seenParts = new Set();
  const accepted = [];
  const quarantined = [];
  for (const one of named(events, "ConsumptionSubmitted")) {
    const reason = submissionReason(one, lastBefore, seenParts);
    if (reason === null) {
      seenParts.add(partKey(one));
      accepted.push(one);
    } else {
      const works = reason === "malformed_submission" ? [ZERO_HASH] : one.workIds;
      works.forEach((workId, position) => {
        quarantined.push(quarantineOf(one, one.submitter, { position, reason, workId }));
      });
    }
  }
  return { accepted, quarantined };
}

/** The rows that count, by subscriber, and what is listed: reasons in the order below, the first
 *  counts. A row that is left out does not count as seen; one under verdict does. */
function acceptedRows(events, { parameters, registry, held, lastBefore }) {
  const payments = named(events, "Subscribed");
  const paidTiers = new Set(payments.map((one) => `${one.subscriber} ${one.tierId}`));
  const minutesMax = parameters.minutes_max ?? 2n ** 32n;
  const seenWorks = new Set();
  const seenPseudonyms = new Set();
  const rows = new Map();
  const { accepted, quarantined } = acceptedSubmissions(events, lastBefore);
  for (const one of accepted) {
    one.workIds.forEach((workId, position) => {
      const terms = registry.get(workId);
      const work = `${one.submitter} ${workId}`;
      const pseudonym = one.pseudonyms[position];
      const minutes = one.minutesPlayed[position];
      let reason = null;
      if (!isCanonical(workId) || !isCanonical(pseudonym)) reason = "non_canonical_id";
      else if (!paidTiers.has(`${one.submitter} ${one.tierId}`)) reason = "unpaid_tier";
      else if (terms === undefined) reason = "unregistered_work";
      else if (seenWorks.has(work)) reason = "duplicate_work";
      else if (seenPseudonyms.has(pseudonym)) reason = "reused_pseudonym";
      else if (minutes > minutesMax) reason = "absurd_minutes";
      else if (!areTerms(terms)) reason = "malformed_terms";
      else if (!parameters.regions.has(terms.regionRule)) reason = "unknown_region_rule";
      else if (held.has(workId)) reason = "work_under_verdict";
      const left = { position, reason, workId };
      if (reason !== null) quarantined.push(quarantineOf(one, one.submitter, left));
      if (reason !== null && reason !== "work_under_verdict") return;
      seenWorks.add(work);
      seenPseudonyms.add(pseudonym);
      if (!rows.has(one.submitter)) rows.set(one.submitter, []);
      rows.get(one.submitter).push({
        workId,
        minutes,
        plays: one.plays[position],
        pricePpm: terms.pricePpm,
        regionPpm: parameters.regions.get(terms.regionRule),
        registeredAt: terms.registeredAt,
        credibilityPpm: reason === null ? PPM : 0n,
      });
    });
  }
  return { rows, quarantined };
}

/** What is listed of the log `one`; `units`, if money was concerned, is an amount of an asset. */
function quarantineOf(one, submitter, { position, reason, workId }, units = null) {
  return {
    order: [one.block, one.index, position, units?.asset ?? "", reason],
    line: {
      block_number: String(one.block),
      log_index: String(one.index),
      position: String(position),
      reason,
      submitter: eip55(submitter),
      work_id: workId,
      ...(units && { amount: String(units.amount), asset: eip55(units.asset) }),
    },
  };
}

/** By block, log, position, asset and reason. */
function byPlace(a, b) {
  const at = a.order.findIndex((value, i) => value !== b.order[i]);
  return at < 0 ? 0 : ascending(a.order[at], b.order[at]);
}

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

const HALF_LIFE = {
  step: 2_629_800n, // seconds: a twelfth of a Julian year
  unit: 10n ** 30n,
  ratio: 993_265_030_455_071_799_108_401_672_492n, // unit * (4/9)^(1/120), rounded down
  steps: 2_400,
};

/** What usage of a work counts after n steps: 1 at first, 0.5 after ten years, never under 0.1. */
function halfLifeFactors() {
  const { unit, ratio, steps } = HALF_LIFE;
  const factors = [];
  for (let x = unit; factors.length < steps; x = (x * ratio) / unit) {
    factors.push((100_000n * unit + 900_000n * x + unit / 2n) / unit);
  }
  return factors;
}

/** The factor in ppm of a work's age, in whole epochs from its registration to `until`. */
function ageing(parameters, length, until) {
  if (parameters.half_life === null) return () => PPM;
  const factors = halfLifeFactors();
  return (registeredAt) => {
    const epochs = (until - registeredAt) / length;
    const step = (epochs * length) / HALF_LIFE.step;
    return factors[step] ?? factors.at(-1);
  };
}

/** What each row of one subscriber gets of an amount; the rest is nobody's. */
function credits(fee, rows, { dOf, ageOf }) {
  const raw = rows.map((row) => {
    const weight = (row.minutes * row.pricePpm * row.regionPpm * dOf(row.plays)) / PPM;
    return (weight * ageOf(row.registeredAt)) / PPM;
  });
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

function add(sums, key, amount) {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

/** Lines of allocations.jsonl; what every work earned, by work and asset; and what every entry of
 *  the list of fees takes, by position and asset. */
function allocated(events, rows, parameters, ageOf) {
  const rule = { dOf: diminishing(parameters.k_ppm, parameters.plays_max), ageOf };
  const earned = new Map();
  const charges = new Map();
  const lines = feesOf(events).map(({ subscriber, asset, fee }) => {
    const used = rows.get(subscriber) ?? [];
    const charged = parameters.fees.map((one) => (fee * one.ppm) / PPM);
    const credited = credits(fee - total(charged), used, rule);
    charged.forEach((amount, i) => add(charges, `${i} ${asset}`, amount));
    used.forEach((row, i) => add(earned, `${row.workId} ${asset}`, credited[i]));
    return {
      asset: eip55(asset),
      charged: charged.map(String),
      fee: String(fee),
      rows: used.map((row, i) => ({ credited: String(credited[i]), work_id: row.workId })),
      subscriber: eip55(subscriber),
      unallocated: String(fee - total(charged) - total(credited)),
    };
  });
  return { lines, earned, charges };
}

/* SPLITS: from works to payees */

/** The first byte of a leaf's id says whose money it is. */
const TAG = { work: "00", fees: "01", escrow: "02", suspense: "03" };
const tagOf = (id) => id.slice(2, 4);
const FEES_ID = `0x${TAG.fees}${"0".repeat(62)}`;
export const escrowId = (contentId) =>
  `0x${TAG.escrow}${keccakHex(bytesFromHex(contentId)).slice(2, 64)}`;
export const suspenseId = (workId) => `0x${TAG.suspense}${workId.slice(4)}`;

const PATH_ACCOUNTS_MAX = 8;
const VISITS_MAX = 4_096;
const SPLIT_LINES_MAX = 32;

/** Nobody can be paid there: the contracts would refuse it, or nobody could ever spend it. */
function isUnpayable(payee, asset, contracts) {
  return [ZERO_ADDRESS, asset, contracts.EpochPayouts, contracts.SplitAccounts].includes(payee);
}

/** Why no money goes to a payee that is met after the accounts of `path`; null if it does. */
function refusal(payee, path, asset, { accounts, contracts }) {
  if (isUnpayable(payee, asset, contracts)) return "unpayable_payee";
  const terms = accounts.get(payee);
  if (terms === undefined) return null;
  if (path.includes(payee)) return "split_cycle";
  if (path.length === PATH_ACCOUNTS_MAX) return "split_too_deep";
  return areShares(terms) ? null : "split_malformed";
}

/** Where an amount of a work goes, split accounts resolved.
 *
 * An amount is shared to the unit on every level, and only then are the lines of one payee added
 * up. `paid` is by payee, `refused` by position among the work's own payees and reason. Null if
 * more than VISITS_MAX payees stand in the lists that are shared out.
 */
function resolved(amount, work, asset, world) {
  const paid = new Map();
  const refused = new Map();
  let visits = 0;
  const share = (units, terms, path, top) => {
    visits += terms.payees.length;
    if (visits > VISITS_MAX) return;
    largestRemainder(units, terms.sharesPpm).forEach((part, i) => {
      if (part === 0n) return;
      const [payee, position] = [terms.payees[i], top ?? i];
      const reason = refusal(payee, path, asset, world);
      if (reason !== null) add(refused, `${position} ${reason}`, part);
      else if (!world.accounts.has(payee)) add(paid, payee, part);
      else share(part, world.accounts.get(payee), [...path, payee], position);
    });
  };
  share(amount, work, [], null);
  return visits > VISITS_MAX ? null : { paid, refused };
}

/** Leaves of these lines, which ascend by payee: as many parts as they need, maybe none. */
function partsOf(workId, asset, paid) {
  const lines = [...paid].sort(([a], [b]) => ascending(a, b));
  return Array.from({ length: Math.ceil(lines.length / SPLIT_LINES_MAX) }, (_, part) => {
    const start = part * SPLIT_LINES_MAX;
    return { workId, part, asset, lines: lines.slice(start, start + SPLIT_LINES_MAX) };
  });
}

/** Leaves of what works earned, and what is listed. Money that cannot reach its payees waits in the
 *  work's suspense; that of a work without payees in the escrow of its content. */
function workLeaves(earned, registry, world) {
  const leaves = [];
  const waiting = new Map();
  const quarantined = [];
  for (const [key, amount] of earned) {
    if (amount === 0n) continue;
    const [workId, asset] = key.split(" ");
    const terms = registry.get(workId);
    if (hasNobody(terms)) {
      add(waiting, `${escrowId(terms.contentId)} ${asset}`, amount);
      continue;
    }
    const { paid, refused } = resolved(amount, terms, asset, world) ??
      { paid: new Map(), refused: new Map([["0 split_too_large", amount]]) };
    leaves.push(...partsOf(workId, asset, paid));
    for (const [why, units] of refused) {
      const [position, reason] = why.split(" ");
      const left = { position: Number(position), reason, workId };
      quarantined.push(quarantineOf(terms, terms.registrant, left, { amount: units, asset }));
      add(waiting, `${suspenseId(workId)} ${asset}`, units);
    }
  }
  for (const [key, amount] of waiting) {
    const [id, asset] = key.split(" ");
    leaves.push(...partsOf(id, asset, new Map([[world.contracts.EpochPayouts, amount]])));
  }
  return { leaves, quarantined };
}

/** One leaf of fees for each asset. What cannot be paid out is unallocated, and listed. */
function feeLeaves(charges, parameters, world) {
  const paid = new Map();
  const quarantined = [];
  for (const [key, amount] of charges) {
    if (amount === 0n) continue;
    const [position, asset] = key.split(" ");
    const { payee } = parameters.fees[position];
    if (!paid.has(asset)) paid.set(asset, new Map());
    if (isUnpayable(payee, asset, world.contracts) || world.accounts.has(payee)) {
      const left = { position: Number(position), reason: "unpayable_payee", workId: FEES_ID };
      quarantined.push(quarantineOf(parameters.set, ZERO_ADDRESS, left, { amount, asset }));
    } else add(paid.get(asset), payee, amount);
  }
  const leaves = [...paid].flatMap(([asset, lines]) => partsOf(FEES_ID, asset, lines));
  return { leaves, quarantined };
}

/* LEAVES AND TREE */

const byKey = (a, b) =>
  ascending(a.workId, b.workId) || a.part - b.part || ascending(a.asset, b.asset);

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

/** OpenZeppelin's standard tree: leaves ascending, from the end of a heap of 2n - 1 nodes; a node
 *  is keccak of its children in ascending order. `root` of no leaves is zero; `proofOf` a leaf are
 *  the siblings on its way up, as the contract wants them. */
export function treeOf(hashes) {
  const heap = new Array(Math.max(2 * hashes.length - 1, 0));
  [...hashes].sort().forEach((leaf, i) => {
    heap[heap.length - 1 - i] = leaf;
  });
  for (let i = hashes.length - 2; i >= 0; i -= 1) {
    const children = [heap[2 * i + 1], heap[2 * i + 2]].sort();
    heap[i] = hexFromBytes(keccakOfWords(...children.map(word.bytes32)));
  }
  const proofOf = (leaf) => {
    const proof = [];
    for (let i = heap.lastIndexOf(leaf); i > 0; i = (i - 1) >> 1) {
      proof.push(heap[i % 2 === 1 ? i + 1 : i - 1]);
    }
    return proof;
  };
  return { root: heap[0] ?? ZERO_HASH, proofOf };
}

/** One entry for each asset that was paid in, ascending. */
function totalsOf(events, leafLines) {
  const paidIn = new Map();
  for (const one of named(events, "EpochFunded")) add(paidIn, one.asset, one.amount);
  const inLeaves = new Map();
  for (const { asset, work_id: id, amount } of leafLines) {
    add(inLeaves, `${asset} ${tagOf(id)}`, BigInt(amount));
  }
  return [...paidIn].sort(([a], [b]) => ascending(a, b)).map(([lower, paid]) => {
    const asset = eip55(lower);
    const of = (tag) => inLeaves.get(`${asset} ${tag}`) ?? 0n;
    const [given, fees] = [of(TAG.work), of(TAG.fees)];
    const escrow = of(TAG.escrow) + of(TAG.suspense);
    return {
      allocated: String(given),
      asset,
      carried_in: "0",
      escrow: String(escrow),
      fees: String(fees),
      paid_in: String(paid),
      unallocated: String(paid - given - fees - escrow),
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
    same(place, hexFromBytes(sha256(files.get(name))), index.files[name]);
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
  checkUsageLogs(events, manifest);
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

/** What `check` looks at, in this order; each is named in the answer with what was found right. */
export const STEPS = [
  "files",
  "logs",
  "headers and blocks",
  "works and splits",
  "usage and fees",
  "leaves",
  "totals",
  "root",
];

/** The form of a bundle: each file is there, in the one spelling, with the stated digest. */
function opened(files, known) {
  const [indexPlace, manifestPlace] = [{ file: "bundle.json" }, { file: "manifest.json" }];
  const index = INDEX(parsed(textOf(files, "bundle.json"), indexPlace), indexPlace);
  const document = parsed(textOf(files, "manifest.json"), manifestPlace);
  const manifest = MANIFEST(document, manifestPlace);
  const records = {};
  for (const name of Object.keys(LINES)) records[name] = recordsOf(files, name);
  known.manifestDigest = checkDigests(files, index);
  known.epoch = manifest.epoch;
  known.root = manifest.tree.root;
  checkConstants(manifest);
  return { document, manifest, records, read: (name) => records[name].read };
}

/** The epoch computed from its events: lines of files, and totals. */
function recomputed(events, manifest, { parameters, lastBefore, length, timeOf }) {
  const registry = registryInForce(events, timeOf);
  const accounts = termsInForce(events, "SplitTermsSet", "account");
  const { number, timestamp } = manifest.reference_block;
  const held = heldWorks(events, lastBefore, number);
  const usage = acceptedRows(events, { parameters, registry, held, lastBefore });
  const ageOf = ageing(parameters, length, timestamp);
  const { lines, earned, charges } = allocated(events, usage.rows, parameters, ageOf);
  const world = { accounts, contracts: manifest.contracts };
  const works = workLeaves(earned, registry, world);
  const fees = feeLeaves(charges, parameters, world);
  const listed = [...usage.quarantined, ...works.quarantined, ...fees.quarantined];
  const leaves = [...works.leaves, ...fees.leaves].sort(byKey);
  const leafLines = leaves.map((leaf) => leafLine(manifest, leaf));
  return {
    works: [...registry].map(workLine),
    splits: [...accounts].map(splitLine),
    quarantine: listed.sort(byPlace).map((one) => one.line),
    allocations: lines,
    leaves: leafLines,
    totals: totalsOf(events, leafLines),
  };
}

/** All of it, step by step; the first difference ends it. */
function check(files, known) {
  const done = (detail) => known.steps.push({ step: STEPS[known.steps.length], detail });
  const { document, manifest, records, read } = opened(files, known);
  const stated = (field, expected, found) =>
    same({ file: "manifest.json", field }, expected, found);
  done(`${files.size} files, manifest digest ${known.manifestDigest}`);

  const timeline = timelineOf(manifest);
  const logs = read("logs.jsonl");
  const blocks = blocksByNumber(read("blocks.jsonl"));
  checkLogOrder(logs, blocks, manifest);
  const events = decodedLogs(logs, manifest.contracts);
  const timeOf = (one) => blocks.get(one.block).timestamp;
  checkLogs(events, manifest, timeline, timeOf);
  const parameters = parametersInForce(events);
  checkRuleset(manifest, parameters);
  done(`${logs.length} logs, ruleset ${parameters.ruleset}`);

  const chain = checkHeaders(manifest, read("headers.jsonl"), logs, timeline);
  const lastBefore = checkBlocks(manifest, blocks, logs, chain, timeline);
  done(`${chain.all.length} headers, up to block ${manifest.reference_block.number}`);

  const { length } = timeline;
  const epoch = recomputed(events, manifest, { parameters, lastBefore, length, timeOf });
  const compare = (name) =>
    sameRecords(`${name}.jsonl`, epoch[name], records[`${name}.jsonl`].raw);
  compare("works");
  compare("splits");
  done(`${epoch.works.length} works, ${epoch.splits.length} split accounts in force`);
  compare("quarantine");
  compare("allocations");
  const shared = `${epoch.allocations.length} subscribers' fees shared`;
  done(`${shared}, ${epoch.quarantine.length} entries in quarantine`);
  compare("leaves");
  done(`${epoch.leaves.length} leaves`);
  sameValue({ file: "manifest.json", field: "totals" }, epoch.totals, document.totals);
  done(`${epoch.totals.length} assets`);

  stated("tree leaf_count", BigInt(epoch.leaves.length), manifest.tree.leaf_count);
  const tree = treeOf(epoch.leaves.map((line) => line.leaf));
  stated("tree root", tree.root, manifest.tree.root);
  stated("inputs count", BigInt(logs.length), manifest.inputs.count);
  stated("inputs rolling_hash", rollingHash(logs), manifest.inputs.rolling_hash);
  const registry = joined(files.get("works.jsonl"), files.get("splits.jsonl"));
  stated("registry_digest", keccakHex(registry), manifest.registry_digest);
  stated("quarantine count", BigInt(read("quarantine.jsonl").length), manifest.quarantine.count);
  const quarantine = keccakHex(files.get("quarantine.jsonl"));
  stated("quarantine digest", quarantine, manifest.quarantine.digest);
  done(manifest.tree.root);
  return epoch;
}

/**
 * Verify the files of a bundle.
 *
 * @param {Map<string, Uint8Array>} files every file of the bundle, by name; others are ignored
 * @returns {{result: "OK" | object, epoch: ?string, manifestDigest: ?string, root: ?string,
 *   steps: {step: string, detail: string}[], totals: ?object[], leaves: ?object[],
 *   works: ?object[]}}
 *   `result` is "OK", or the first finding: kind ("difference" or "bad input"), file, line from 1,
 *   field, expected, found, and all of these as one sentence. `epoch`, `manifestDigest` and `root`
 *   are what the bundle states, as far as it could be read. `steps` are those of STEPS that were
 *   right. If all were: `totals`, `leaves` and `works`, as they were computed here.
 */
export function verifyBundle(files) {
  const known = { epoch: null, manifestDigest: null, root: null, steps: [] };
  const answer = (result, { totals = null, leaves = null, works = null } = {}) => {
    return { result, ...known, epoch: known.epoch?.toString() ?? null, totals, leaves, works };
  };
  try {
    return answer("OK", check(files, known));
  } catch (error) {
    if (error instanceof Finding) return answer(error.report);
    throw error;
  }
}

/* COMMAND LINE (Node only) */

const EXIT = { ok: 0, difference: 1, badInput: 2 };

async function filesOf(directory) {
  const [fs, path] = await Promise.all([import("node:fs/promises"), import("node:path")]);
  const files = new Map();
  for (const name of BUNDLE_FILES) {
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
