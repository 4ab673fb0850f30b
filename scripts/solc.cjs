#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The compiler Foundry calls: `solc --version` and `solc --standard-json` over the npm build of
// solc, so that a build needs no download and every machine compiles with the same binary.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const ARGUMENTS_WITH_VALUE = new Set(["--base-path", "--include-path", "--allow-paths"]);

function basePathOf(argv) {
  const position = argv.indexOf("--base-path");
  return position === -1 ? process.cwd() : argv[position + 1];
}

function refuse(message) {
  process.stderr.write(`solc.cjs: ${message}\n`);
  process.exit(1);
}

function unknownArgument(argv) {
  const known = new Set(["--version", "--standard-json", "-"]);
  return argv.find(
    (argument, index) =>
      !known.has(argument) &&
      !ARGUMENTS_WITH_VALUE.has(argument) &&
      !ARGUMENTS_WITH_VALUE.has(argv[index - 1]),
  );
}

function main(argv) {
  const surprise = unknownArgument(argv);
  if (surprise !== undefined) refuse(`argument ${surprise} is not supported`);
  const solc = require("solc");
  if (argv.includes("--version")) {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
    return;
  }
  if (!argv.includes("--standard-json")) refuse("expected --version or --standard-json");
  const basePath = basePathOf(argv);
  const findImport = (file) => {
    try {
      return { contents: fs.readFileSync(path.resolve(basePath, file), "utf8") };
    } catch (error) {
      return { error: error.message };
    }
  };
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8"), { import: findImport }));
}

main(process.argv.slice(2));
