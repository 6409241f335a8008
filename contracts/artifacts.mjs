#!/usr/bin/env node
// Writes artifacts/*.json, the ABI, creation code and runtime code that the Rust bindings compile against.
// With --check it writes nothing and fails if the committed ones aren't what the sources give.
//
// In the runtime code immutables are zero. `immutables` says where they stand, in bytes from its start: a list
// for each immutable, whose 32 bytes are the same at all of its places; in the order of their first places.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const contracts = [
  "Ed25519",
  "ForcedSegments",
  "Inclusion",
  "IssuerChallenges",
  "MoneyChallenges",
  "NodeRegistry",
  "RecordChallenges",
  "RewardVault",
  "Settlement",
  "TestToken",
  "TreeChallenges",
];
const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes("--check");

execFileSync(join(here, "node_modules/.bin/forge"), ["build", "--skip", "test"], {
  cwd: here,
  stdio: ["ignore", "ignore", "inherit"],
});

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

// The compiler names them by numbers that change with every other edit of the sources.
function immutables(references = {}) {
  const places = Object.values(references).map((found) =>
    found
      .map(({ start, length }) => {
        if (length !== 32) throw new Error(`an immutable of ${length} bytes at ${start}`);
        return start;
      })
      .sort((a, b) => a - b),
  );
  return places.sort(([a], [b]) => a - b);
}

const stale = contracts.filter((name) => {
  const built = JSON.parse(read(join(here, `out/${name}.sol/${name}.json`)));
  const artifact = {
    abi: built.abi,
    bytecode: { object: built.bytecode.object },
    deployedBytecode: { object: built.deployedBytecode.object },
    immutables: immutables(built.deployedBytecode.immutableReferences),
  };
  const fresh = `${JSON.stringify(artifact, null, 2)}\n`;
  const path = join(here, `artifacts/${name}.json`);
  if (read(path) === fresh) return false;
  if (!check) writeFileSync(path, fresh);
  return true;
});

if (check && stale.length > 0) {
  console.error(`contracts/artifacts: ${stale.join(", ")} out of date; run \`node artifacts.mjs\` and commit`);
  process.exitCode = 1;
}
