// SPDX-License-Identifier: Apache-2.0
// The page's wallet beside the native one: the same transfers signed in Node.js and by `tally qubic tx` (JSON and process start in it, less
// those of one that signs nothing), in turns, so that a busy machine slows both. The ratio of each turn; what is told is the median.
//
//     node tools/bench/wallet.mjs build/release
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const TURNS = 15;
const COUNT = 2000;
const SEED = "thebenchmarkoftallystickswalletsignswiththisseedandhere";
const build = resolve(process.argv[2] ?? "build/release");
const bytes = readFileSync(`${build}/web/wallet/wallet.wasm`);
const { createWallet } = await import(pathToFileURL(`${build}/web/wallet/wallet.js`));
const wallet = await createWallet(bytes);
const { identity } = wallet.identityOf(SEED);
const transfers = Array.from({ length: COUNT }, (_, i) => ({ destination: identity, amount: String(i), tick: i }));

function timed(act) {
  const start = process.hrtime.bigint();
  const answer = act();
  return { us: Number(process.hrtime.bigint() - start) / 1000, answer };
}

function native(list) {
  const input = list.map((transfer) => JSON.stringify({ seed: SEED, inputType: 0, input: "", ...transfer }) + "\n").join("");
  const { us, answer } = timed(() => spawnSync(`${build}/bin/tally`, ["qubic", "tx"], { input, maxBuffer: 1 << 30 }));
  const ids = answer.stdout.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line).id);
  return { us, ids };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const turns = [];
for (let turn = -1; turn < TURNS; turn++) { // the first warms up
  const here = timed(() => transfers.map((transfer) => wallet.signTransaction(SEED, transfer).id));
  const empty = native([]);
  const there = native(transfers);
  if (here.answer.join() !== there.ids.join()) throw new Error("the two do not sign the same");
  if (turn >= 0) turns.push({ here: here.us / COUNT, there: (there.us - empty.us) / COUNT });
}
console.log(`wallet.wasm: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} with gzip`);
console.log(`a transfer signed from its seed: ${median(turns.map(({ here }) => here)).toFixed(1)} µs in Node.js ${process.version}, ` +
  `${median(turns.map(({ there }) => there)).toFixed(1)} µs natively; ratio ${median(turns.map(({ here, there }) => here / there)).toFixed(2)}`);
