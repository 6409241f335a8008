#!/usr/bin/env node
// The `solc` that forge calls: the pinned npm compiler behind the command line of the native one.
// solcjs itself can't stand in, because it prints a stray line and doesn't know forge's path flags.
// It answers `--version`, and compiles standard JSON from stdin, where forge inlines every source.

import { createRequire } from "node:module";
import { readFileSync, writeSync } from "node:fs";

const solc = createRequire(import.meta.url)("solc");

// stdout may be a pipe that takes only a part at a time; exiting early would cut the output.
function print(text) {
  const bytes = Buffer.from(text);
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

if (process.argv.includes("--version")) {
  // "0.8.37+commit.….Emscripten.clang"
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (process.argv.includes("--standard-json")) {
  const missing = (path) => ({ error: `${path} is not among the sources given` });
  print(solc.compile(readFileSync(0, "utf8"), { import: missing }));
} else {
  process.stderr.write("usage: solc.mjs --version | --standard-json < input.json\n");
  process.exitCode = 2;
}
