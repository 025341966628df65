// SPDX-License-Identifier: Apache-2.0
// Every page for everybody: read by a machine (axe), at three widths, in both themes, empty and filled; what it weighs; and the ways in.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import { accountTests } from "./account.mjs";
import { api, jobOf, launch, providerToken, sampleToPayment, shownAmount, url, visitor } from "./chromium.mjs";
import { webhookTests } from "./webhooks.mjs";

const FIRST_LOAD_MAX = 170_000;
const ROUTE_MAX = 60_000;
const PAGES = ["/", "/new", "/jobs", "/market", "/machines", "/earnings", "/earnings/statement", "/money", "/events", "/estimates", "/status", "/settings", "/wallet"];
// What a stranger sees on the others is the way in, the same everywhere.
const OF_STRANGERS = ["/", "/new", "/market", "/money", "/estimates", "/status", "/settings", "/wallet"];
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await launch();
after(() => browser.close());

/** What axe finds in the page. It comes in as a debugger's script does: the page's policy lets no other in, and stays as it is. */
async function found(page, run) {
  const session = await page.context().newCDPSession(page);
  if (!(await page.evaluate(() => "axe" in window))) await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", { awaitPromise: true, returnByValue: true,
    expression: `axe.run({ resultTypes: ["violations"], ...${JSON.stringify(run)} }).then((all) => all.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).slice(0, 3).join("; ")))` });
  await session.detach();
  return result.value;
}

const ALL = { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
// What depends on room: how large targets are, what scrolls. Names, roles and colours are the same at every width.
const ROOM = { runOnly: { type: "rule", values: ["target-size", "scrollable-region-focusable", "meta-viewport"] } };
const COLOURS = { runOnly: { type: "rule", values: ["color-contrast"] } };

async function looked(page, where, run = ALL) {
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== "running")); // nothing is half seen
  if (run !== null) assert.deepEqual(await found(page, run), [], where);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${where} is ${wide} px wider than its window`);
  assert.equal(await page.locator("h1").count(), 1, `${where} has one first heading`);
}

// In the other theme only colours differ, and a tablet has nothing that a desktop and a phone do not.
async function atEveryWidth(page, where) {
  for (const [width, theme, run] of [[1440, "light", ALL], [1440, "dark", COLOURS], [820, "light", null], [390, "light", ROOM]]) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
    await looked(page, `${where}, ${width} px, ${theme}`, run);
  }
}

let state; // of somebody who ran a job: the browser's storage
const ready = (page) => page.waitForFunction(() => document.querySelector("h1") !== null && document.querySelector(".skeleton") === null);

/** What the real worker found on this machine and told with its offer: at least the Python that runs jobs. */
async function openStock(page) {
  await page.locator("details.software > summary").first().click();
  await page.getByRole("region", { name: "All that is on this machine" }).getByText(/^Python [0-9]+\.[0-9]+/).waitFor();
}

test(`the first load has at most ${FIRST_LOAD_MAX} bytes of script, every later page at most ${ROUTE_MAX} more`, async () => {
  const { page, context } = await visitor(browser);
  // What came over the wire: what has a hash in its name comes from the cache the second time.
  const scripts = async (path) => {
    await page.goto(url + path, { waitUntil: "networkidle" });
    return page.evaluate(() => performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith(".js") && entry.transferSize > 0).map(({ name, encodedBodySize, decodedBodySize }) => ({ name, encodedBodySize, decodedBodySize })));
  };
  const sum = (list) => list.reduce((all, entry) => all + entry.encodedBodySize, 0);
  const first = await scripts("/");
  assert.ok(first.every((entry) => entry.encodedBodySize < entry.decodedBodySize || entry.decodedBodySize < 500), "all but the smallest come compressed");
  assert.ok(sum(first) > 50_000 && sum(first) <= FIRST_LOAD_MAX, `${sum(first)} bytes at first`);
  for (const path of [...PAGES.slice(1), "/jobs/01a213c8-803d-72a4-b537-1277fe812081", "/settings/webhooks/01a213c8-803d-72a4-b537-1277fe812081"]) {
    const more = sum(await scripts(path));
    assert.ok(more <= ROUTE_MAX, `${path}: ${more} bytes more`);
  }
  console.log(`# first load: ${sum(first)} bytes of script`);
  await context.close();
});

test("R17: a stranger's pages, empty, at three widths and in both themes", async () => {
  const { page, context, complaints } = await visitor(browser);
  for (const path of [...OF_STRANGERS, "/nowhere"]) {
    await page.goto(url + path);
    await ready(page).catch(() => undefined);
    if (path !== "/nowhere") await atEveryWidth(page, `${path} of a stranger`);
    else await page.getByText("There is no such page").waitFor();
  }
  assert.deepEqual(complaints, []);
  await context.close();
});

test("R17: pages with something on them, the wizard's steps and a job, at three widths and in both themes", async () => {
  const { page, context, complaints } = await visitor(browser);
  await sampleToPayment(page, /hello\.py/);
  await page.getByRole("button", { name: /^Launch/ }).waitFor();
  await atEveryWidth(page, "the payment");
  const pay = page.url();
  for (const step of ["settings", "offers"]) {
    await page.goto(pay.replace(/pay$/, step));
    await ready(page);
    if (step === "offers") await openStock(page);
    await atEveryWidth(page, `the step ${step}`);
  }
  await page.goto(pay);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole("button", { name: /^Launch/ }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 60_000 });
  await page.getByText("The job is done").waitFor({ timeout: 60_000 });
  await page.getByText(/came back/).waitFor({ timeout: 60_000 });
  await atEveryWidth(page, "a job");
  const job = jobOf(page);
  for (const path of PAGES) {
    await page.goto(url + path);
    await ready(page);
    if (path === "/market") await openStock(page);
    await atEveryWidth(page, `${path}, filled`);
  }
  state = await context.storageState();
  await page.setViewportSize({ width: 1440, height: 900 }); // erased last: what is above is of what was there
  await page.goto(`${url}/settings`);
  await page.getByRole("button", { name: "Erase hello.py" }).click();
  await atEveryWidth(page, "erasing an upload");
  await page.getByRole("button", { name: "Erase it" }).click();
  await page.getByText(/^hello\.py is erased: .* freed\.$/).waitFor();
  await atEveryWidth(page, "/settings, erased");
  await page.goto(`${url}/jobs/${job}`);
  await page.getByRole("button", { name: "Erase my data…" }).click();
  await atEveryWidth(page, "erasing a job's data");
  await page.getByRole("button", { name: "Erase my data", exact: true }).click();
  await page.getByText(/^Erased on/).nth(1).waitFor();
  await atEveryWidth(page, "a job, erased");
  // A lock that is told to the chain once more may come when its tick has just passed.
  assert.deepEqual(complaints.filter((complaint) => !/422.*\/v1\/broadcast$/.test(complaint)), []);
  await context.close();
});

test("R5: a wallet with a passphrase: made, locked by a reload, opened by nothing but its passphrase; the seed is in no request", async () => {
  const { page, context } = await visitor(browser);
  const sent = [];
  page.on("request", (request) => sent.push(request.url() + (request.postData() ?? "") + JSON.stringify(request.headers())));
  await page.goto(`${url}/wallet`);
  await page.getByRole("button", { name: /Create a wallet/ }).click();
  await page.getByRole("button", { name: "Make a seed" }).click();
  const seed = (await page.getByTestId("seed").textContent()).replace(/\s/g, "");
  assert.match(seed, /^[a-z]{55}$/);
  await page.getByLabel("I have written it down").check();
  await page.getByLabel("Passphrase").fill("correct horse");
  await page.getByLabel("The same again").fill("correct horsf");
  assert.ok(await page.getByRole("button", { name: /Encrypt/ }).isDisabled());
  await page.getByLabel("The same again").fill("correct horse");
  await page.getByRole("button", { name: /Encrypt/ }).click();
  await page.getByText("Can sign").waitFor();
  const identity = await page.getByTestId("identity").textContent();
  assert.equal(identity, (await api(page, "/v1/auth/whoami")).identity);
  assert.equal(await shownAmount(page.getByTestId("balance")), 0n); // P12
  await page.getByRole("button", { name: "Get play money" }).click();
  await page.waitForFunction(() => document.querySelector('[data-testid="balance"] data')?.getAttribute("value") === "100000000");
  await page.reload();
  await page.getByText("Locked").waitFor();
  await page.getByLabel("Passphrase").fill("wrong horse, sorry");
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByText("not this wallet's passphrase").waitFor();
  await page.getByLabel("Passphrase").fill("correct horse");
  await page.getByRole("button", { name: "Unlock" }).click();
  await page.getByText("Can sign").waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("tally.session")), null);
  assert.ok(sent.some((request) => request.includes("/v1/auth/session")) && !sent.some((request) => request.includes(seed)));
  assert.equal(await page.evaluate((text) => JSON.stringify({ ...localStorage }).includes(text), seed), false);
  // The same seed, brought by hand, is the same identity.
  await page.getByRole("button", { name: "Use another wallet…" }).click();
  await page.getByRole("button", { name: "Remove it from this browser" }).click();
  await page.getByRole("button", { name: /Use my seed/ }).click();
  await page.getByLabel("Seed").fill(seed);
  await page.getByRole("button", { name: "Read it" }).click();
  await page.getByText(identity).waitFor();
  await context.close();
});

test("a link brings a token and it does not stay in the address; with it one watches, and signs out", async () => {
  const { page, context } = await visitor(browser);
  await page.goto(url);
  await page.getByRole("button", { name: /Start with play money/ }).click();
  await page.locator('.tiles data[value="100000000"]').waitFor();
  await page.goto(`${url}/#token=${providerToken}`); // another person's link, in the same tab
  await page.waitForFunction(() => document.querySelector(".tiles data") !== null && document.querySelector('.tiles data[value="100000000"]') === null);
  await page.locator(".connection").getByText("Live").waitFor();
  assert.equal(page.url(), `${url}/`);
  await page.reload();
  await page.locator(".connection").getByText("Live").waitFor(); // the browser remembers
  await page.goto(`${url}/earnings`);
  const earned = await api(page, "/v1/earnings");
  await page.locator("#earnings").waitFor();
  assert.equal(await shownAmount(page.getByTestId("paid")), BigInt(earned.total));
  await page.goto(`${url}/market`);
  await page.getByText("3600000", { exact: false }).first().waitFor();
  await page.goto(`${url}/events`);
  await page.getByText("offer.published").first().waitFor();
  const numbers = (await page.locator(".event-number").allTextContents()).map((text) => Number(text.replace(/[^0-9]/g, "")));
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => b - a)); // newest first, each once
  await page.goto(`${url}/wallet`);
  await page.getByText("Watching only").waitFor();
  await page.goto(`${url}/#token=${"0".repeat(64)}`);
  await page.getByText("unknown, expired or revoked").waitFor();
  await context.close();
});

test("R17: without a network the page says so and keeps what it shows; with it again it is live", async () => {
  const { page, context } = await visitor(browser);
  await page.goto(`${url}/#token=${providerToken}`);
  await page.locator(".connection").getByText("Live").waitFor();
  const jobs = page.getByRole("heading", { name: /^(Jobs|On your machines)$/ }); // as consumer or as provider, by what there is
  await jobs.waitFor();
  await ready(page);
  await context.setOffline(true);
  await page.locator(".connection").getByText("Offline").waitFor();
  await jobs.waitFor();
  await looked(page, "the overview, offline");
  await context.setOffline(false);
  await page.locator(".connection").getByText("Live").waitFor();
  await context.close();
});

test("R17: the keyboard alone: skip to the content, through the rail, and a visible focus", async () => {
  const { page, context } = await visitor(browser);
  await page.goto(`${url}/market`);
  await ready(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await page.getByRole("link", { name: "Jobs" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/jobs`);
  await page.waitForFunction(() => document.activeElement.id === "content"); // who listens is where the page is
  const outlined = await page.getByRole("link", { name: "Events" }).evaluate((link) => (link.focus({ focusVisible: true }), getComputedStyle(link).outlineWidth));
  assert.equal(outlined, "2px");
  await page.keyboard.press("Control+k");
  await page.getByLabel("Page, job or id").waitFor();
  await looked(page, "the palette");
  await page.keyboard.type("earn");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/earnings`);
  await context.close();
});

test("R17: what moves explains where something came from; for whoever wants no motion nothing moves", async () => {
  for (const [reducedMotion, seconds] of [["no-preference", 0.18], ["reduce", 0.001]]) {
    const { page, context } = await visitor(browser, { storageState: state, reducedMotion });
    await page.goto(`${url}/new`);
    await page.locator(".step-body").waitFor();
    assert.equal(await page.locator(".step-body").evaluate((body) => parseFloat(getComputedStyle(body).animationDuration)), seconds);
    const longest = () => page.evaluate(() => Math.max(0, ...[...document.querySelectorAll("*")].flatMap((each) => { const style = getComputedStyle(each); return [...style.transitionDuration.split(","), ...style.animationDuration.split(",")].map(parseFloat); })));
    assert.ok(reducedMotion === "reduce" ? (await longest()) <= 0.001 : (await longest()) <= 1);
    await context.close();
  }
});

accountTests(browser, () => state);
webhookTests(browser, () => state, looked);

/** Tab after Tab, until what has the focus is called so. */
async function tabTo(page, name) {
  const seen = [];
  for (let step = 0; step < 80; step++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim());
    if (name.test(at)) return;
    seen.push(at);
  }
  assert.fail(`no Tab leads to ${name}; there were ${seen.join(" | ")}`);
}

test("R17: from a sample to its launch by the keyboard alone", async () => {
  const { page, context } = await visitor(browser, { storageState: state });
  await page.goto(`${url}/new`);
  await ready(page);
  for (const [name, next] of [[/^hello\.py/, /\/offers$/], [/^Choose$/, /\/settings$/], [/payment/, /\/pay$/], [/^Launch/, /\/jobs\/[0-9a-f-]{36}$/]]) {
    await page.getByRole("button", { name }).first().waitFor();
    await tabTo(page, name);
    await page.keyboard.press("Enter");
    await page.waitForURL(next, { timeout: 60_000 });
  }
  await context.close();
});
