#!/usr/bin/env node
// Writes artifacts/*.json, the ABI and creation code that the Rust bindings compile against.
// With --check it writes nothing and fails if the committed ones aren't what the sources give.

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

const stale = contracts.filter((name) => {
  const { abi, bytecode } = JSON.parse(read(join(here, `out/${name}.sol/${name}.json`)));
  const fresh = `${JSON.stringify({ abi, bytecode: { object: bytecode.object } }, null, 2)}\n`;
  const path = join(here, `artifacts/${name}.json`);
  if (read(path) === fresh) return false;
  if (!check) writeFileSync(path, fresh);
  return true;
});

if (check && stale.length > 0) {
  console.error(`contracts/artifacts: ${stale.join(", ")} out of date; run \`node artifacts.mjs\` and commit`);
  process.exitCode = 1;
}
