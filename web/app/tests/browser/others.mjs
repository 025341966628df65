// SPDX-License-Identifier: Apache-2.0
// R17: what is shown in Chromium at length (flow.mjs, pages.mjs), once more and shorter in Firefox and WebKit: a wallet is made and signs in, every
// page is there, a job is paid, runs, and gives back what it did not use.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { firefox, webkit } from "./drivers.mjs";

const url = process.env.TALLY_URL;
const routes = [...(await readFile(new URL("../../src/router.tsx", import.meta.url), "utf8")).matchAll(/path: "(\/[^"$]*)"/g)].map((match) => match[1]);

async function signIn(browser) {
  await browser.go(url);
  await browser.click("button", /^Start with play money/);
  await browser.until("the wallet's money", () => document.querySelector('.tiles data[value="100000000"]') !== null);
  await browser.until("the feed", () => document.querySelector(".connection")?.innerText.trim() === "Live");
}

async function runSample(browser) {
  await browser.go(`${url}/new`);
  await browser.click("button", /^hello\.py/);
  await browser.click("button", /^Choose$/);
  await browser.click("button", /payment/);
  await browser.click("button", /^Launch/);
  await browser.sees("The job is done");
  await browser.sees("came back");
  const shown = await browser.until("the bill", () => ["used", "back"].map((half) => Number(document.querySelector(`[data-testid=${half}] data`)?.getAttribute("value"))));
  const job = await browser.ask(() => location.pathname);
  return { shown, job: job.replace("/jobs/", "") };
}

async function everyPage(browser) {
  assert.ok(routes.length >= 8, `found ${routes}`);
  for (const route of routes) {
    await browser.go(url + route);
    await browser.until(`the page ${route}`, () => document.querySelector("h1") !== null && document.querySelector(".skeleton, .error-panel") === null);
    assert.equal(await browser.ask(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, `${route} is as wide as its window`);
  }
}

suite("the other browsers", { concurrency: true }, () => {
  for (const open of [firefox, webkit]) {
    test(`a sign-in, a paid job and every page, in ${open.name}`, async () => {
      const browser = await open();
      try {
        await signIn(browser);
        const { shown, job } = await runSample(browser);
        const token = await browser.ask(() => JSON.parse(localStorage.getItem("tally.session")).token);
        const said = await (await fetch(`${url}/v1/jobs/${job}`, { headers: { Authorization: `Bearer ${token}` } })).json();
        assert.deepEqual(shown, [said.gross, said.refund]);
        await everyPage(browser);
        await browser.go(`${url}/jobs`);
        await browser.until("the job in the list", (id) => document.querySelector(`a[href="/jobs/${id}"]`) !== null, job);
        await browser.listen();
        assert.deepEqual(browser.complaints, []);
      } finally {
        await browser.close();
      }
    });
  }
});
