// SPDX-License-Identifier: Apache-2.0
// The film: a provider joins, a file is dropped, matched, paid, run, and everybody has what is theirs. Started by tools/show/run; with
// TALLY_FILM a folder for its frames, without one a rehearsal (tests/integration/test_show.py), so that it is known to find what it clicks.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { api, launch, url, visitor, world } from "../tests/browser/chromium.mjs";
import { Camera, Paper, SCALE, VIEW } from "./camera.mjs";

const digits = await readFile(new URL("../../../examples/digits-mlp.py", import.meta.url), "utf8");
const camera = new Camera(process.env.TALLY_FILM);
const EPOCHS = camera.rehearses ? 2 : 40;
const browser = await launch(`--force-device-scale-factor=${SCALE}`);
const view = { viewport: VIEW, deviceScaleFactor: SCALE, reducedMotion: camera.rehearses ? "reduce" : "no-preference" };
const consumer = await visitor(browser, view);
const provider = await visitor(browser, view);
for (const { context } of [consumer, provider]) await camera.dress(context);
const desk = await (await browser.newContext(view)).newPage();
const paper = new Paper(camera, desk, (words) => world("run", { words }));
const { page } = consumer;
const button = (name) => page.getByRole("button", { name, exact: typeof name === "string" });

/** Files dragged over the page, and let go. */
async function dragged(name, text) {
  const transfer = await page.evaluateHandle(([file, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], file));
    return data;
  }, [name, text]);
  const zone = page.getByTestId("drop");
  await camera.point(zone);
  await zone.dispatchEvent("dragenter", { dataTransfer: transfer });
  await page.locator(".drop.over").waitFor();
  await camera.rest(1.6);
  await zone.dispatchEvent("drop", { dataTransfer: transfer });
}

async function opening() {
  camera.say("Tallystick", "A local Qubic chain, the server, a worker and two browsers, as they are. Only the money is play.");
  await paper.title("Tallystick", "A stick was notched and split, so that neither side could alter the record. Here is one for computing time.", 9);
}

async function providerJoins() {
  await paper.terminal();
  camera.say("1 · A machine joins", "Maria has a computer with time to spare. Her wallet signs in; the seed never leaves it.");
  const wallet = ["--wallet", "maria.wallet", "--passphrase-file", "passphrase"];
  await paper.command(["tally", "wallet", "new", ...wallet], { seconds: 2 });
  await paper.command(["tally", "login", ...wallet, "--server", url, "--to", "maria.token"], { seconds: 2 });
  camera.say("1 · A machine joins", "The machine is enrolled, measures itself, and offers itself at a price an hour.");
  await paper.command(["tally-worker", "enrol", "--server", url, "--name", "maria-rig", "--state", "rig", "--token-file", "maria.token"], { seconds: 2 });
  await paper.command(["tally-worker", "selftest", "--state", "rig"], { seconds: 3 });
  await paper.command(["tally-worker", "run", "--state", "rig", "--rate", "3600000", "&"], { show: 6, seconds: 3 });
  camera.cut();
  const { token } = await world("token");
  await provider.page.goto(`${url}/#token=${token}`);
  await provider.page.locator(".connection").getByText("Live").waitFor();
  await provider.page.goto(`${url}/market`);
  const model = (await (await fetch(`${url}/v1/offers?limit=100`)).json()).items.find((offer) => offer.device === "cpu").model;
  const row = provider.page.getByRole("row").filter({ hasText: model });
  await row.waitFor();
  await camera.on(provider.page);
  camera.say("1 · A machine joins", "It is in the market. The other machines in this film are made up, to have something to compare.");
  await camera.point(row);
  await camera.rest(6);
  return model;
}

async function newcomer() {
  camera.cut();
  await page.goto(url);
  await button(/Start with play money/).waitFor();
  await camera.on(page);
  camera.say("2 · Somebody needs time", "Somebody else has a program and no machine. A first visit: no account, no form.");
  await camera.rest(6);
  camera.say("2 · Somebody needs time", "On this local chain a wallet with play money is one click. It is made in the browser.");
  await camera.click(button(/Start with play money/));
  // A balance that was asked for just before the money came is kept for half a minute; then it is there by itself.
  await camera.until(page.locator('.tiles data[value="100000000"]').waitFor({ timeout: 90_000 }), 4);
  await camera.rest(4);
}

async function upload() {
  await camera.click(page.getByRole("link", { name: "New job" }).first());
  await page.getByTestId("drop").waitFor();
  camera.say("3 · The file is dropped", "digits-mlp.py trains a network on 1,797 real handwritten digits.");
  await camera.rest(2.5);
  await dragged("digits-mlp.py", digits);
  await camera.until(page.getByTestId("upload").getByText("Upload complete").waitFor(), 4);
  camera.say("3 · The file is dropped", "What it is and needs was read from its source. Nothing was executed.");
  await camera.point(page.getByTestId("analysis"));
  await camera.rest(5);
  camera.say("3 · The file is dropped", "Every conclusion shows the line it stands on, and its owner may say otherwise.");
  await camera.click(page.getByText(/^Why\?/));
  await camera.rest(2);
  await camera.click(page.getByRole("button", { name: /^digits-mlp\.py:\d+/ }).nth(2));
  await camera.rest(5);
  await page.keyboard.press("Escape");
  await camera.rest(1);
}

async function match(model) {
  await camera.click(page.getByRole("link", { name: "Choose a machine" }));
  await page.waitForURL(/\/offers$/);
  await camera.until(button("Choose").first().waitFor(), 3);
  camera.say("4 · Machines are matched", "Each offer is checked against the needs. The best three stand side by side.");
  await camera.rest(5.5);
  camera.say("4 · Machines are matched", "Order by value, price, speed or who is free; the reasons are never hidden.");
  await camera.click(button("Fastest"));
  await camera.rest(3);
  await camera.click(button("Cheapest"));
  await camera.rest(3);
  const choose = page.getByRole("row").filter({ hasText: model }).getByRole("button", { name: "Choose", exact: true });
  camera.say("4 · Machines are matched", "Maria's machine has no GPU and this job needs none: it fits well.");
  await camera.point(choose);
  await camera.rest(3);
  await camera.click(choose);
  await page.waitForURL(/\/settings$/);
  camera.say("5 · Settings", "An argument changes the estimate at once; a price is only asked for in the next step.");
  await camera.type(page.getByLabel("Arguments"), `--epochs ${EPOCHS}`);
  await camera.until(page.getByText(`epochs ${EPOCHS} of your arguments`).waitFor(), 4);
  await camera.rest(4);
}

async function pay() {
  await camera.click(button(/payment/));
  await page.waitForURL(/\/pay$/);
  await camera.until(button(/^Launch/).waitFor(), 3);
  camera.say("6 · The price is locked", "At most so much. Whatever happens, this table says where the money goes.");
  await camera.point(page.getByTestId("cap"));
  await camera.rest(7);
  camera.say("6 · The price is locked", "The page signs a Qubic transaction that carries the job's id, and sends it.");
  await camera.click(button(/^Launch/), 1);
  await camera.until(page.waitForFunction(() => /[1-9]\/3/.test(document.querySelector('[data-testid="confirmations"]')?.textContent ?? "") || /\/jobs\//.test(location.pathname), undefined, { timeout: 90_000 }), 7);
  camera.say("6 · The price is locked", "Three confirmations on the chain, and the escrow counts.");
  await camera.until(page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 90_000 }), 5);
  return /\/jobs\/([0-9a-f-]{36})/.exec(page.url())[1];
}

async function run() {
  camera.say("7 · It runs", "Maria's worker took the job and runs it in a sandbox without a network.");
  await camera.until(page.getByText(/^epoch +1 /).first().waitFor({ timeout: 180_000 }), 8);
  await camera.rest(6);
  camera.say("7 · It runs", "Output, load and memory as they are measured; the cost so far, to the unit.");
  await camera.point(page.getByRole("region", { name: "Output" }).or(page.locator(".output-card")).first());
  await camera.rest(9);
  camera.say("7 · It runs", "The timeline is the record itself: a notch for each event, taller for money.");
  await camera.point(page.getByRole("region", { name: "Timeline" }));
  await camera.rest(8);
}

async function meanwhile(id) {
  const { page: hers } = provider;
  camera.cut();
  await hers.goto(`${url}/earnings`);
  await hers.locator("#earnings").waitFor();
  await camera.on(hers);
  camera.say("8 · Meanwhile, at Maria's", "Her own page shows the job on her machine, and what it has earned her so far.");
  await camera.rest(8);
  await camera.on(page);
  camera.say("9 · It is done", "The program ends by itself. What it did not use is on its way back within seconds.");
  await camera.until(page.getByText("The job is done").waitFor({ timeout: 600_000 }), 12);
  await camera.rest(4);
  await camera.until(page.getByText(/came back/).waitFor({ timeout: 90_000 }), 8);
  const job = await api(page, `/v1/jobs/${id}`);
  assert.equal(job.gross + job.refund, job.cap);
  camera.say("9 · It is done", `Quoted ${job.cap.toLocaleString("en")}; used ${job.gross.toLocaleString("en")}; back ${job.refund.toLocaleString("en")} QUBIC. Not a unit is missing.`);
  await camera.point(page.getByTestId("used"));
  await camera.rest(7);
  const results = page.getByRole("button", { name: "metrics.json" });
  await camera.point(results);
  camera.say("9 · It is done", "Its results are here to take, and each payment has its transaction.");
  const [download] = await Promise.all([page.waitForEvent("download"), camera.click(results)]);
  assert.ok(JSON.parse(await readFile(await download.path(), "utf8")).accuracy > 0.5);
  await camera.rest(2);
  await camera.scroll(500);
  await camera.rest(6);
}

async function paid() {
  const { page: hers } = provider;
  camera.cut();
  await hers.goto(`${url}/earnings`);
  await hers.waitForFunction(() => [...document.querySelectorAll("#earnings data")].some((amount) => Number(amount.value) > 0), undefined, { timeout: 90_000 });
  await camera.on(hers);
  camera.say("10 · Maria is paid", "The payout is a transaction on the chain: accruing, in escrow, settling, paid.");
  await camera.rest(8);
  camera.say("10 · Maria is paid", "Her statement adds up to the ledger's own sums; every total opens into its payouts.");
  await camera.click(hers.getByRole("link", { name: "Statement", exact: true }));
  await camera.click(hers.getByRole("button", { name: "Open all" }), 1.5);
  await camera.rest(1);
  await camera.click(hers.locator(".statement-line").first());
  await camera.rest(6);
}

async function failing(model) {
  camera.cut();
  await page.goto(`${url}/new`);
  await camera.on(page);
  camera.say("11 · A program that fails", "missing-column.py works for four seconds and then breaks. What does that cost?");
  const sample = button(/missing-column\.py/);
  await camera.click(sample, 1);
  await page.waitForURL(/\/offers$/);
  await camera.click(page.getByRole("row").filter({ hasText: model }).getByRole("button", { name: "Choose", exact: true }));
  await page.waitForURL(/\/settings$/);
  await camera.click(button(/payment/));
  await page.waitForURL(/\/pay$/);
  await camera.click(button(/^Launch/));
  await camera.until(page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 90_000 }), 5);
  await camera.until(page.getByText("The job failed").waitFor({ timeout: 120_000 }), 7);
  await camera.until(page.getByText(/came back/).waitFor({ timeout: 90_000 }), 4);
  camera.say("11 · A program that fails", "Nothing: the whole lock came back, the error is there to read, and nobody had to ask.");
  await camera.rest(8);
}

async function checked() {
  camera.cut();
  await page.goto(`${url}/events`);
  await page.getByText("escrow.settled").first().waitFor();
  await camera.on(page);
  camera.say("12 · The record", "All of it was written as events into one append-only log, each with its number.");
  await camera.rest(2);
  await camera.click(page.locator("summary").filter({ hasText: "escrow.settled" }).first());
  await camera.rest(4);
  camera.say("12 · The record", "The browser itself computes that this event is in the log that the server has signed.");
  await camera.click(button("Prove that it is in the log"));
  await camera.until(page.getByText("It is in the log.").waitFor(), 5);
  await camera.point(page.getByTestId("proof"));
  await camera.rest(7);
  await paper.terminal();
  camera.say("12 · The record", "Anybody can compute it again: every hash, the Merkle tree, the signed checkpoint.");
  await paper.command(["tally", "verify", "--data", "data"], { seconds: 5 });
  camera.say("12 · The record", "Every view anew from the events, to the last unit, and compared.");
  await paper.command(["tally", "replay", "--data", "data"], { seconds: 5 });
  camera.say("12 · The record", "A second program, which shares no code with the server, finds the same root.");
  await paper.command(["checker.py", "data"], { seconds: 6 });
}

async function closing() {
  camera.say("Tallystick", "tools/up --once does all of this on your machine, from nothing.");
  await paper.title("Both sides hold the same record", "An event-sourced ledger for computing time, in C. Apache-2.0. Tried against a local chain only; see the README for what is not there yet.", 9);
}

try {
  await opening();
  const model = await providerJoins();
  await newcomer();
  await upload();
  await match(model);
  const id = await pay();
  await run();
  await meanwhile(id);
  await paid();
  await failing(model);
  await checked();
  await closing();
  await camera.end();
  assert.deepEqual([...consumer.complaints, ...provider.complaints].filter((complaint) => !/422.*\/v1\/broadcast$/.test(complaint)), []);
  console.log(camera.rehearses ? "# pass 1" : `${Math.round(camera.seconds)} s`);
} finally {
  await browser.close();
}
