// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium and the world around it (tests/integration/test_page_flow.py), for the tests in a browser.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

export const url = process.env.TALLY_URL;
export const providerToken = process.env.TALLY_PROVIDER_TOKEN;
const FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic"];

/** balance {identity}, stop, start. */
export async function world(ask, more = {}) {
  const answer = await fetch(process.env.TALLY_CONTROL, { method: "POST", body: JSON.stringify({ ask, ...more }) });
  assert.equal(answer.status, 200);
  return answer.json();
}

export const launch = (...flags) => chromium.launch({ executablePath: "/usr/bin/chromium", args: [...FLAGS, ...flags] });

/** A browser of somebody's own, whose every complaint is kept: the policy's, the page's, the console's. */
export async function visitor(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", acceptDownloads: true, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(`${message.text()} ${message.location().url}`));
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  return { context, page, complaints };
}

/** As whoever is signed in in `page`. */
export async function api(page, path) {
  const token = await page.evaluate(() => JSON.parse(localStorage.getItem("tally.session"))?.token);
  const answer = await fetch(url + path, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200, `${path}: ${answer.status}`);
  return answer.json();
}

/** From a sample on /new to the payment step. */
export async function sampleToPayment(page, name) {
  await page.goto(`${url}/new`);
  await page.getByRole("button", { name }).click();
  await page.waitForURL(/\/offers$/);
  await chooseFirst(page);
}

export async function chooseFirst(page) {
  await page.getByRole("button", { name: "Choose", exact: true }).first().click();
  await page.waitForURL(/\/settings$/);
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
}

/** A program of one's own, dropped on the page. */
export async function drop(page, files) {
  const data = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, text } of list) transfer.items.add(new File([text], name));
    return transfer;
  }, files);
  await page.getByTestId("drop").dispatchEvent("dragenter", { dataTransfer: data });
  await page.locator(".drop.over").waitFor(); // R1.2
  await page.getByTestId("drop").dispatchEvent("drop", { dataTransfer: data });
  await page.locator(".drop:not(.over)").waitFor();
}

export const jobOf = (page) => /\/jobs\/([0-9a-f-]{36})/.exec(page.url())?.[1];

export async function launchJob(page) {
  await page.getByRole("button", { name: /^Launch/ }).click();
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 60_000 });
  return jobOf(page);
}

export const shownAmount = (locator) => locator.locator("data").first().getAttribute("value").then(BigInt);
