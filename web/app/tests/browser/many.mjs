// SPDX-License-Identifier: Apache-2.0
// Much of everything, and a slow line: the world of tests/integration/test_page_many.py, whose sizes are told by the environment. What it took is said, and
// judged by nobody: it depends on the machine.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { api, launch, url, visitor, world } from "./chromium.mjs";

const { TALLY_ALICE: token, TALLY_FILE: large, TALLY_FULL: full } = process.env;
const [PAYMENTS, OFFERS, SAMPLES] = ["PAYMENTS", "OFFERS", "SAMPLES"].map((name) => Number(process.env[`TALLY_${name}`]));
const watched = JSON.parse(process.env.TALLY_WATCHED);
const PAGE = 50; // rows
const LINE = full ? { latency: 400, kbit: 400 } : { latency: 200, kbit: 1600 }; // the first is what browsers call slow 3G
const browser = await launch("--enable-precise-memory-info", "--js-flags=--expose-gc");
after(() => browser.close());

/** Somebody signed in as alice, whose page keeps its long tasks. */
async function alice(where) {
  const seen = await visitor(browser);
  await seen.context.addInitScript(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => globalThis.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask", buffered: true });
  });
  await seen.page.goto(`${url}/#token=${token}`);
  await seen.page.waitForFunction(() => localStorage.getItem("tally.session") !== null);
  await seen.page.goto(url + where);
  return seen;
}
const say = async (t, page, words) => t.diagnostic(`${words}; longest task ${Math.round(await page.evaluate(() => Math.max(0, ...globalThis.tasks)))} ms`);
const since = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`;

test("R17: on a slow line what is not there yet has its shape, the wizard goes from a sample to its lock, and nothing is done twice however often it is clicked", async (t) => {
  const { page, context, complaints } = await visitor(browser);
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: LINE.latency, downloadThroughput: LINE.kbit * 125, uploadThroughput: LINE.kbit * 125 });
  page.setDefaultTimeout(120_000);
  const start = Date.now();
  const made = [];
  page.on("request", (request) => request.method() === "POST" && made.push(new URL(request.url()).pathname));
  const count = (path) => made.filter((each) => each === path).length;
  await page.goto(`${url}/new`);
  const sample = page.getByRole("button", { name: /hello\.py/ });
  await sample.waitFor();
  const first = Date.now();
  await sample.dblclick();
  let shaped;
  const held = new Promise((resolve) => (shaped = resolve));
  await page.route("**/v1/matches?*", async (route) => {
    await held; // until its shape was seen
    await route.continue();
  });
  await page.waitForURL(/\/offers$/);
  await page.locator(".skeleton").first().waitFor();
  shaped();
  await page.getByRole("button", { name: "Choose", exact: true }).first().dblclick();
  await page.waitForURL(/\/settings$/);
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
  await page.getByRole("button", { name: /^Launch/ }).waitFor();
  const other = await context.newPage(); // a second tab with the same payment, at the same time
  other.setDefaultTimeout(120_000);
  await other.goto(page.url());
  await other.getByRole("button", { name: /^Launch/ }).waitFor();
  await Promise.all([page, other].map((tab) => tab.getByRole("button", { name: /^Launch/ }).dblclick()));
  const late = page.getByRole("button", { name: /^Sign again/ }); // on a busy machine the tick may pass without it: nothing was paid, and one goes on
  late.waitFor().then(() => late.click()).catch(() => {});
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/);
  await page.getByText("Waiting for the machine").first().waitFor(); // its lock counts
  assert.deepEqual(["/v1/uploads", "/v1/quotes", "/v1/jobs", "/v1/auth/session", "/v1/faucet"].map(count), [1, 1, 1, 1, 1]);
  const { items: jobs } = await api(page, "/v1/jobs");
  assert.equal(jobs.length, 1);
  const { items: payments } = await api(page, "/v1/transactions");
  assert.deepEqual(payments.map((each) => each.kind), ["lock"]);
  t.diagnostic(`a line of ${LINE.latency} ms and ${LINE.kbit} kbit/s: the page after ${((first - start) / 1000).toFixed(1)} s, a lock that counts after ${since(start)}`);
  assert.deepEqual(complaints.filter((complaint) => !/422.*\/v1\/broadcast$/.test(complaint)), []);
  await context.close();
});

test(`R17 R10.6: ${PAYMENTS} payments: a page has ${PAGE} of them, one may go on to the oldest, and the export has them all`, async (t) => {
  const start = Date.now();
  const { page, context, complaints } = await alice("/money");
  const rows = page.locator("#transactions tbody tr");
  await rows.first().waitFor();
  await say(t, page, `${PAYMENTS} payments: the newest after ${since(start)}`);
  assert.equal(await rows.count(), PAGE);
  await page.getByLabel("What").selectOption("deposit"); // of other kinds more come meanwhile
  await page.waitForURL(/kind=deposit/);
  await page.waitForFunction(() => [...document.querySelectorAll("#transactions tbody th")].every((each) => each.textContent === "Deposit"));
  const seen = [];
  for (;;) {
    const hrefs = await rows.locator(".row-link").evaluateAll((all) => all.map((each) => new URL(each.href).searchParams.get("open")));
    assert.ok(hrefs.length <= PAGE);
    seen.push(...hrefs);
    const next = page.getByRole("link", { name: "Older" });
    if ((await next.count()) === 0 || seen.length >= 10 * PAGE) break;
    await next.click();
    await page.waitForFunction((before) => document.querySelector("#transactions .row-link")?.getAttribute("href").endsWith(`open=${before}`) === false, hrefs[0]);
  }
  assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => b - a)); // newest first, each once
  assert.equal(seen.length, Math.min(PAYMENTS, 10 * PAGE));
  if (full) {
    const deep = (await api(page, "/v1/transactions?kind=deposit&limit=500")).items.at(-1).sequence; // and as fast far back
    const asked = Date.now();
    await page.goto(`${url}/money?kind=deposit&before=${deep - Math.floor(PAYMENTS / 2)}`);
    await rows.first().waitFor();
    assert.equal(await rows.count(), PAGE);
    await say(t, page, `far back after ${since(asked)}`);
    await page.goto(`${url}/money?kind=deposit`);
    await rows.first().waitFor();
  }
  const asked = Date.now();
  const [download] = await Promise.all([page.waitForEvent("download", { timeout: 120_000 }), page.getByRole("button", { name: "Export CSV" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines.length, PAYMENTS + 1);
  assert.equal(new Set(lines).size, PAYMENTS + 1);
  await say(t, page, `exported after ${since(asked)}`);
  assert.deepEqual(complaints, []);
  await context.close();
});

test(`R17 R3: ${OFFERS} offers of a match: the best three, then page by page all of them, each once`, async (t) => {
  const { page, context, complaints } = await alice("/new");
  await page.getByRole("button", { name: /hello\.py/ }).click();
  await page.waitForURL(/\/offers$/);
  const start = Date.now();
  await page.getByRole("heading", { name: `All ${OFFERS} offers` }).waitFor();
  assert.equal(await page.locator(".best > li").count(), 3);
  const more = page.getByRole("button", { name: "More offers" });
  const ranked = page.getByRole("region", { name: "All offers", exact: true }).locator("tbody tr:not(.gap)");
  const names = new Set();
  const take = async () => {
    for (const name of await ranked.locator(".offer-model").allTextContents()) names.add(name);
  };
  await take();
  assert.equal(await ranked.count(), PAGE);
  const box = page.getByRole("region", { name: "All offers", exact: true });
  const known = async () => Number(await box.locator("table").getAttribute("aria-rowcount")) - 1;
  assert.equal(await known(), PAGE);
  for (let asked = PAGE; asked < OFFERS; asked = await known()) {
    await more.click();
    await page.waitForFunction((before) => Number(document.querySelector('[aria-label="All offers"] table').getAttribute("aria-rowcount")) - 1 > before, asked); // the button says so a moment later
  }
  assert.equal(await known(), OFFERS);
  assert.equal(await more.count(), 0);
  for (let at = 0, isEnd = false; !isEnd; at += 300) {
    isEnd = await box.evaluate(async (element, top) => {
      element.scrollTop = top;
      for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame); // until it is drawn
      return top >= element.scrollHeight;
    }, at);
    await take();
  }
  assert.equal(names.size, OFFERS);
  assert.ok((await ranked.count()) <= 2 * PAGE, `${await ranked.count()} rows at once`);
  await say(t, page, `${OFFERS} offers, all of them asked for: ${since(start)}`);
  await page.getByRole("button", { name: "Cheapest" }).click();
  await page.waitForURL(/order=price/);
  await page.waitForFunction(() => document.querySelector('[aria-label="All offers"] tbody .offer-model')?.textContent === "model 0"); // its rate is the lowest
  assert.deepEqual(complaints, []);
  await context.close();
});

test("R17 R8: an hour of samples: all of them in the chart, its first and last value by the keyboard, and live ones go on", async (t) => {
  const start = Date.now();
  const { page, context, complaints } = await alice(`/jobs/${watched[0]}`);
  await page.getByRole("button", { name: "Whole run" }).click();
  const chart = page.getByRole("img", { name: /^Utilisation/ });
  const value = (n) => `Utilisation: GPU ${(((n * 7) % 1000) / 10).toFixed((n * 7) % 1000 < 100 ? 1 : 0)} %, Processor ${((n % 1000) / 10).toFixed(n % 1000 < 100 ? 1 : 0)} %`;
  await page.waitForFunction((words) => document.querySelector('canvas[aria-label^="Utilisation"]')?.getAttribute("aria-label") === words, value(SAMPLES - 1));
  await say(t, page, `an hour of samples: shown after ${since(start)}`);
  await chart.focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await chart.getAttribute("aria-label"), value(SAMPLES - 2));
  const box = await chart.boundingBox();
  await page.mouse.move(box.x, box.y + 10);
  assert.equal(await chart.getAttribute("aria-label"), value(0));
  const [line] = await world("report");
  await page.getByText(`job 0 line ${line}`, { exact: true }).waitFor();
  assert.deepEqual(complaints, []);
  await context.close();
});

test(`R17: ${watched.length} jobs watched at once: each shows what is its own, and all of it`, async (t) => {
  const { context } = await visitor(browser);
  const first = await context.newPage();
  await first.goto(`${url}/#token=${token}`);
  await first.waitForFunction(() => localStorage.getItem("tally.session") !== null);
  const start = Date.now();
  const pages = [];
  for (const job of watched) {
    const page = await context.newPage();
    page.setDefaultTimeout(300_000);
    await page.goto(`${url}/jobs/${job}`);
    pages.push(page);
  }
  await Promise.all(pages.map((page) => page.locator(".connection").getByText("Live").waitFor()));
  const opened = since(start);
  const asked = Date.now();
  let last = [];
  for (let turn = 0; turn < 3; turn++) last = await world("report");
  await Promise.all(pages.map((page, number) => page.getByText(`job ${number} line ${last[number]}`, { exact: true }).waitFor()));
  for (const [number, page] of pages.entries()) {
    const lines = await page.locator(".line code").allTextContents();
    assert.deepEqual(lines, Array.from({ length: last[number] }, (_, index) => `job ${number} line ${index + 1}`));
  }
  t.diagnostic(`${pages.length} jobs watched: open after ${opened}, what three reports of each say on every screen after ${since(asked)}`);
  await context.close();
});

/** Of all processes that show pages: MB that are held, and that were at most. */
async function memory() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const held = await Promise.all(processInfo.filter(({ type }) => type === "renderer").map(async ({ id }) => {
    const text = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
    return Number(/^RssAnon:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  }));
  return Math.round(held.reduce((sum, each) => sum + each, 0) / 1024);
}

test("R17 R15.1 P54: a large file goes in pieces, its bar moves from 0 to 100 and never back, and the page does not hold it", async (t) => {
  const { page, context, complaints } = await alice("/new");
  page.setDefaultTimeout(600_000);
  await page.getByTestId("drop").waitFor();
  const before = await memory();
  const start = Date.now();
  const pieces = [];
  page.on("request", (request) => request.method() === "PATCH" && pieces.push(Number(request.headers()["upload-offset"])));
  await page.evaluate(() => {
    globalThis.bar = [];
    new MutationObserver(() => {
      const now = document.querySelector('[data-testid="upload"] [role="progressbar"]')?.getAttribute("aria-valuenow");
      if (now !== undefined && now !== null && Number(now) !== globalThis.bar.at(-1)) globalThis.bar.push(Number(now));
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["aria-valuenow"] });
  });
  await page.getByLabel("Files to upload").setInputFiles(large);
  let most = 0;
  const watching = setInterval(() => void memory().then((now) => (most = Math.max(most, now))), 500);
  await page.getByTestId("upload").getByText("Upload complete").waitFor().finally(() => clearInterval(watching));
  const bar = await page.evaluate(() => globalThis.bar);
  assert.deepEqual(bar, [...new Set(bar)].sort((a, b) => a - b), "it never goes back");
  assert.ok(bar[0] < 50 && bar.at(-1) <= 100 && bar.length >= 2, `${bar}`);
  assert.deepEqual(pieces, [...new Set(pieces)].sort((a, b) => a - b)); // each once
  assert.ok(pieces.length >= 2);
  if (full) assert.ok(most - before < 150, `${most - before} MB more while it went`);
  await say(t, page, `a file in ${pieces.length} pieces: ${since(start)}, at most ${most - before} MB more`);
  assert.deepEqual(complaints, []);
  await context.close();
});
