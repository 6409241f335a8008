// Measures how much of `src` the tests reach: `npm run coverage`. Prints a line for each file, with the lines whose
// code or branches no test takes, and fails below 95% of either.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const FLOOR = 95;
const REPORT = "lcov.info";

// Without the optimiser everything costs more gas, so what asserts gas is left out; and it is slow, so fuzzed tests
// run a few times only (the profile in foundry.toml).
const forge = spawnSync(
  "forge",
  ["coverage", "--report", "lcov", "--report-file", REPORT, "--no-match-test", "test_gas", ...process.argv.slice(2)],
  { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, FOUNDRY_PROFILE: "coverage" }, maxBuffer: 1 << 28 },
);
if (forge.error) throw forge.error;
if (forge.status !== 0) {
  process.stdout.write(forge.stdout);
  process.exit(forge.status ?? 1);
}

const percent = (hit, all) => (all === 0 ? 100 : (100 * hit) / all);
const column = (hit, all) => `${percent(hit, all).toFixed(2)}% (${hit}/${all})`.padStart(18);

const total = { lines: [0, 0], branches: [0, 0] };
let file, lines, branches, missed;
for (const line of readFileSync(REPORT, "utf8").split("\n")) {
  const [key, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)];
  if (key === "SF") {
    [file, lines, branches, missed] = [value, [0, 0], [0, 0], new Set()];
  } else if (key === "DA") {
    const [number, hits] = value.split(",");
    count(lines, number, hits);
  } else if (key === "BRDA") {
    const [number, , , hits] = value.split(",");
    count(branches, number, hits);
  } else if (line === "end_of_record" && file.startsWith("src/")) {
    const where = missed.size === 0 ? "" : `  not taken: ${[...missed].join(", ")}`;
    console.log(`${file.padEnd(40)}${column(...lines)}${column(...branches)}${where}`);
    for (const [sum, part] of [[total.lines, lines], [total.branches, branches]]) {
      sum[0] += part[0];
      sum[1] += part[1];
    }
  }
}
console.log(`${"lines, branches".padEnd(40)}${column(...total.lines)}${column(...total.branches)}`);
if (total.lines[1] === 0) throw new Error(`${REPORT} has nothing of src`);
for (const [what, sum] of Object.entries(total)) {
  if (percent(...sum) < FLOOR) {
    console.error(`coverage: below ${FLOOR}% of the ${what} of src`);
    process.exitCode = 1;
  }
}

// lcov writes `-` for a branch that was never come to.
function count(sum, number, hits) {
  const taken = hits !== "-" && Number(hits) > 0;
  sum[1] += 1;
  if (taken) sum[0] += 1;
  else missed.add(Number(number));
}
