// SPDX-License-Identifier: Apache-2.0
// The page's wallet for tests that are not JavaScript: a line {"call": name, "with": [arguments]} on stdin is answered by one line,
// {"answer": …} or {"error": {name, message}}. The folder of wallet.js and wallet.wasm is the argument.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { createWallet } = await import(pathToFileURL(`${folder}/wallet.js`));
const wallet = await createWallet(readFileSync(`${folder}/wallet.wasm`));
for await (const line of createInterface({ input: process.stdin })) {
  const { call, with: given } = JSON.parse(line);
  let answer;
  try {
    answer = { answer: wallet[call](...given) };
  } catch ({ name, message }) {
    answer = { error: { name, message } };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
