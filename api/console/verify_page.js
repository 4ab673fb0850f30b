/**
 * The page around the verifier: files in, words out.
 *
 * `gathered`, `report` and `workReport` know no document and say what there is to show; `mount`
 * puts it on the page. Text of a bundle is somebody else's: it reaches the page as text only.
 */

import {
  BUNDLE_FILES,
  escrowId,
  STEPS,
  suspenseId,
  treeOf,
  verifyBundle,
} from "./verify.js";

/**
 * The files of one bundle among those that were chosen.
 *
 * @param {{name: string, arrayBuffer: () => Promise<ArrayBuffer>}[]} chosen
 * @returns {Promise<{files: ?Map<string, Uint8Array>, problem: ?string}>}
 */
export async function gathered(chosen) {
  const files = new Map();
  for (const file of chosen) {
    if (!BUNDLE_FILES.includes(file.name)) continue;
    if (files.has(file.name)) {
      return { files: null, problem: `There are two files ${file.name}: choose one bundle.` };
    }
    files.set(file.name, new Uint8Array(await file.arrayBuffer()));
  }
  if (files.size === 0) return { files: null, problem: "No file of a bundle is among these." };
  return { files, problem: null };
}

/** A finding as one would say it. */
function plainWords({ kind, file, line, field, expected, found }) {
  const place = [file, line === null ? "" : `line ${line}`, field ?? ""].filter(Boolean).join(", ");
  return kind === "difference"
    ? `In ${place} the bundle says "${found}", but the rules give "${expected}".`
    : `The bundle cannot be read: in ${place} stands "${found}" instead of ${expected}.`;
}

const TOTALS = ["asset", "paid_in", "allocated", "fees", "escrow", "unallocated"];

/**
 * What to show of an answer of `verifyBundle`.
 *
 * @returns {{isRight: boolean, verdict: string, facts: [string, string][],
 *   steps: {name: string, state: "right" | "wrong" | "waiting", detail: string}[],
 *   totals: {head: string[], rows: string[][]}}}
 */
export function report({ result, epoch, root, manifestDigest, steps, totals }) {
  const isRight = result === "OK";
  const words = isRight ? null : plainWords(result);
  const stated = { Epoch: epoch, Root: root, "Manifest digest": manifestDigest };
  return {
    isRight,
    verdict: isRight ? `Everything in this bundle of epoch ${epoch} is right.` : words,
    facts: Object.entries(stated).filter(([, value]) => value !== null),
    steps: STEPS.map((name, i) => {
      if (i < steps.length) return { name, state: "right", detail: steps[i].detail };
      if (i === steps.length) return { name, state: "wrong", detail: words };
      return { name, state: "waiting", detail: "not reached" };
    }),
    totals: {
      head: TOTALS.map((name) => name.replace("_", " ")),
      rows: (totals ?? []).map((one) => TOTALS.map((name) => one[name])),
    },
  };
}

/** What a leaf is, by the first byte of its id. */
const KINDS = { "00": "the work", "01": "fees", "02": "escrow of its content", "03": "suspense" };

function leafReport(leaf, tree) {
  return {
    title: `Leaf of ${KINDS[leaf.work_id.slice(2, 4)]}, part ${leaf.part}`,
    facts: [
      ["Id", leaf.work_id],
      ["Asset", leaf.asset],
      ["Amount", leaf.amount],
      ["Split hash", leaf.split_hash],
      ["Leaf", leaf.leaf],
    ],
    lines: leaf.lines,
    proof: tree.proofOf(leaf.leaf),
  };
}

/**
 * All that is known of one work, or of the id of a leaf, in a bundle that is right.
 *
 * @returns {{problem: ?string, facts: [string, string][], payees: [string, string][],
 *   leaves: {title: string, facts: [string, string][], lines: [string, string][],
 *   proof: string[]}[]}}
 */
export function workReport({ leaves, works }, question) {
  const id = question.trim().toLowerCase();
  const nothing = (problem) => ({ problem, facts: [], payees: [], leaves: [] });
  if (!/^0x[0-9a-f]{64}$/.test(id)) return nothing("An id is 0x and 64 hexadecimal digits.");
  const work = works.find((one) => one.work_id === id);
  const ids = work ? [id, suspenseId(id), escrowId(work.content_id)] : [id];
  const own = leaves.filter((one) => ids.includes(one.work_id));
  if (!work && own.length === 0) return nothing("Neither a work nor a leaf of this epoch.");
  const tree = treeOf(leaves.map((one) => one.leaf));
  const facts = work && [
    ["Registrant", work.registrant],
    ["Content", work.content_id],
    ["Price, ppm", work.price_ppm],
    ["Registered at second", work.registered_at],
    ["Version of its terms", work.version],
  ];
  return {
    problem: own.length > 0 ? null : "This work earned nothing in this epoch.",
    facts: facts ?? [],
    payees: work?.payees ?? [],
    leaves: own.map((one) => leafReport(one, tree)),
  };
}

/* THE PAGE */

/** Every file of what was dropped, directories opened. */
async function dropped(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const files = [];
  while (entries.length > 0) {
    const entry = entries.pop();
    if (entry.isFile) files.push(await new Promise((done, fail) => entry.file(done, fail)));
    else entries.push(...(await entriesOf(entry)));
  }
  return files;
}

/** A reader gives some entries at a time, and none when there are no more. */
async function entriesOf(directory) {
  const reader = directory.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return entries;
    entries.push(...some);
  }
}

/** Connect the elements of `verify.html`. */
export function mount(document) {
  const at = (id) => document.getElementById(id);
  at("asleep").hidden = true;
  let verified = null;

  const element = (tag, text, ...children) => {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    made.append(...children);
    return made;
  };
  const pairs = (facts) =>
    facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
  const rowsOf = (tag, rows) =>
    rows.map((cells) => element("tr", null, ...cells.map((cell) => element(tag, cell))));
  const table = (caption, head, rows) =>
    element("table", null, element("caption", caption),
      element("thead", null, ...rowsOf("th", [head])),
      element("tbody", null, ...rowsOf("td", rows)));

  const say = (words, state) => {
    at("verdict").textContent = words;
    at("verdict").className = state;
  };

  const clear = () => {
    verified = null;
    at("look").hidden = true;
    for (const id of ["steps", "facts", "totals", "answer"]) at(id).replaceChildren();
  };

  const show = (answer) => {
    const { isRight, verdict, steps, facts, totals } = report(answer);
    const words = { right: "right", wrong: "wrong", waiting: "–" };
    say(verdict, isRight ? "right" : "wrong");
    const items = steps.map(({ name, state, detail }) => {
      const mark = element("span", words[state]);
      mark.className = "state";
      const item = element("li", null, mark, ` ${name}: ${detail}`);
      item.className = state;
      return item;
    });
    at("steps").replaceChildren(...items);
    at("facts").replaceChildren(...pairs(facts));
    const whole = isRight ? [table("Totals, in base units", totals.head, totals.rows)] : [];
    at("totals").replaceChildren(...whole);
    at("look").hidden = !isRight;
    verified = isRight ? answer : null;
  };

  const verify = async (choose) => {
    clear();
    at("result").hidden = false;
    say("Computing the epoch again …", "");
    // The words above are painted before the page is busy.
    await new Promise((done) => setTimeout(done, 50));
    try {
      const { files, problem } = await gathered(await choose());
      if (problem === null) show(verifyBundle(files));
      else say(problem, "wrong");
    } catch (error) {
      say(`Not verified, the files could not be worked on: ${error.message}`, "wrong");
    }
  };

  const lookUp = (event) => {
    event.preventDefault();
    if (verified === null) return;
    const { problem, facts, payees, leaves } = workReport(verified, at("work").value);
    const parts = problem === null ? [] : [element("p", problem)];
    if (facts.length > 0) parts.push(element("dl", null, ...pairs(facts)));
    if (payees.length > 0) parts.push(table("Terms in force", ["payee", "share, ppm"], payees));
    for (const { title, facts: fields, lines, proof } of leaves) {
      parts.push(
        element("h3", title),
        element("dl", null, ...pairs(fields)),
        table("Who is paid", ["payee", "amount"], lines),
        table("Proof", ["sibling"], proof.map((one) => [one])),
      );
    }
    at("answer").replaceChildren(...parts);
  };

  for (const id of ["directory", "files"]) {
    at(id).addEventListener("change", () => verify(() => [...at(id).files]));
  }
  const drop = at("drop");
  const hover = (isOver) => (event) => {
    event.preventDefault();
    drop.className = isOver ? "over" : "";
  };
  drop.addEventListener("dragover", hover(true));
  drop.addEventListener("dragleave", hover(false));
  drop.addEventListener("drop", (event) => {
    hover(false)(event);
    // Entries must be asked for before the event is over.
    const files = dropped(event.dataTransfer.items);
    return verify(() => files);
  });
  at("question").addEventListener("submit", lookUp);
}

if (typeof document !== "undefined") mount(document);
