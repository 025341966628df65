// SPDX-License-Identifier: Apache-2.0
// Money, machines and tokens on the screen: what is shown is what the API says, what is filtered is in the address, what is pending ends by itself.
// Played by pages.mjs in its world. Lists longer than that world's are made up here and answered in the server's place, in its shapes.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { api, providerToken, shownAmount, url, visitor } from "./chromium.mjs";

const letters = (n, seed) => Array.from({ length: n }, (_, at) => String.fromCharCode(97 + ((seed * 31 + at * 7 + ((seed * at) % 11)) % 26))).join("");
const uuid = (n) => `01a213c8-803d-72a4-b537-${String(n).padStart(12, "0")}`;
const answered = (route, json) => route.fulfill({ json });

async function provider(browser, options) {
  const seen = await visitor(browser, options);
  await seen.page.goto(`${url}/#token=${providerToken}`);
  await seen.page.waitForFunction(() => localStorage.getItem("tally.session") !== null);
  return seen;
}
const amountAt = (page, id) => shownAmount(page.getByTestId(id));

/** `newcomer`: the storage of somebody who ran a job in this world. */
export function accountTests(browser, newcomer) {
  test("R5.5 R9.1 R9.3 R9.5 R9.6 R9.7 P14 P29 P32 P33: earnings are the server's; a statement's total opens into its payouts, and those into events and the chain", async () => {
    const { page, context, complaints } = await provider(browser);
    await page.goto(`${url}/earnings`);
    await page.locator("#earnings").waitFor();
    const sum = await api(page, "/v1/earnings");
    assert.ok(sum.total > 0 && sum.worked_ms > 0);
    for (const [id, value] of [["paid", sum.total], ["settling", sum.pending], ["today", sum.today], ["week", sum.week], ["month", sum.month], ["hourly", sum.average_rate]]) assert.equal(await amountAt(page, id), BigInt(value), id);
    assert.equal(await amountAt(page, "hourly"), (BigInt(sum.total + sum.pending) * 3_600_000n) / BigInt(sum.worked_ms)); // P33
    assert.equal(await page.locator(".bar").count(), 30);
    const chart = page.getByRole("slider", { name: /30 days/ });
    await chart.focus();
    for (let back = 0; back < 3; back++) await page.keyboard.press("ArrowLeft");
    assert.ok((await chart.getAttribute("aria-valuetext")).startsWith(sum.by_day.at(-4).day));
    await page.getByRole("button", { name: "As a table" }).click();
    assert.deepEqual((await page.locator("figure.bars data").evaluateAll((all) => all.map((each) => each.value))).slice(-30), sum.by_day.map((day) => String(day.amount)).reverse());
    await page.getByRole("link", { name: "Statement" }).click();
    await page.getByTestId("agrees").waitFor(); // with the ledger's own sums of days
    const payouts = (await api(page, "/v1/transactions?kind=payout&status=confirmed&limit=500")).items;
    assert.equal(await amountAt(page, "statement-total"), BigInt(payouts.reduce((all, each) => all + each.amount, 0)));
    await page.locator(".statement-day > summary").first().click();
    await page.locator(".statement-line").first().click();
    await page.getByText("payout.signed").waitFor();
    await page.getByText("payout.confirmed").waitFor();
    const explorer = (await api(page, "/v1/terms")).chain.explorer_url;
    const link = page.locator(".statement a.explorer").first();
    const href = await link.getAttribute("href");
    assert.equal(href, explorer + payouts[0].tx_id); // P14 P32
    const there = await (await fetch(href)).json();
    assert.deepEqual([there.hash, there.amount], [payouts[0].tx_id, String(payouts[0].amount)]); // and the chain says the same
    assert.deepEqual([await link.getAttribute("target"), await link.getAttribute("rel")], ["_blank", "noreferrer"]);
    await page.emulateMedia({ media: "print" });
    await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    await page.waitForFunction((count) => document.querySelectorAll(".statement-line").length === count, payouts.length);
    assert.deepEqual([await page.locator(".rail").isVisible(), await page.getByTestId("reconcile").isVisible(), await page.getByText("Provider ").first().isVisible()], [false, false, true]);
    await page.emulateMedia({ media: null });
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test("one's own books: the export agrees with the ledger; a changed line, a missing one and a strange one are found; a bad file is refused by its lines", async () => {
    const { page, context } = await provider(browser);
    await page.goto(`${url}/earnings/statement`);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV", exact: true }).click()]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
    assert.equal(lines[0], "date,amount,transaction_id,job_id");
    const file = `${await download.path()}.csv`;
    const give = async (content) => {
      await writeFile(file, content.join("\n"));
      await page.getByLabel("Choose a file").setInputFiles(file);
    };
    await give(lines);
    await page.getByText("agrees with the ledger, line by line").waitFor();
    const [day] = lines[1].split("T");
    await give([lines[0], lines[1].replace(/,(\d+),/, (_, amount) => `,${Number(amount) + 5},`), ...lines.slice(2), `${day},7,${letters(60, 3)},`]);
    await page.getByText("2 differences").waitFor();
    assert.deepEqual(await page.locator("#findings tbody th").allTextContents(), ["Differs", "Extra"]);
    await page.getByText("another amount").waitFor();
    await give([lines[0]]);
    await page.getByText(lines.length === 2 ? "1 difference between" : `${lines.length - 1} differences`).waitFor();
    assert.deepEqual(new Set(await page.locator("#findings tbody th").allTextContents()), new Set(["Missing"]));
    await give(["date,amount,transaction_id", "yesterday,1,x"]);
    await page.getByText('line 2: date is a day (2026-11-25) or a time in UTC, not "yesterday"').waitFor();
    assert.equal(await page.locator("#findings").count(), 0);
    await context.close();
  });

  test("R9.2 R9.4 P30 P31: every job that runs is listed with what it has earned, and that moves by itself", async () => {
    const { page, context } = await provider(browser);
    const real = await api(page, "/v1/earnings");
    let asked = 0;
    await page.route("**/v1/earnings", (route) => {
      asked++;
      return answered(route, { ...real, active: Array.from({ length: 100 }, (_, n) => ({ job_id: uuid(n), earned: n * 1000 + asked, since: new Date(Date.now() - n * 60_000).toISOString(), reported_at: n % 3 === 0 ? null : new Date().toISOString(), rate: 3_600_000, cap: 10 ** 9, used_ms: n })) });
    });
    await page.clock.install();
    await page.goto(`${url}/earnings`);
    await page.getByTestId("active").nth(99).waitFor();
    // At one moment: it goes on moving.
    const { first, accruing } = await page.evaluate(() => ({
      first: [...document.querySelectorAll('[data-testid="active"]')].map((row) => [row.querySelector("a").getAttribute("href"), Number(row.querySelector("data").value)]),
      accruing: Number(document.querySelector('[data-testid="accruing"] data').value),
    }));
    assert.equal(first.length, 100);
    first.forEach(([href, earned], n) => assert.deepEqual([href, Math.floor(earned / 1000)], [`/jobs/${uuid(n)}`, n]));
    assert.equal(accruing, first.reduce((sum, [, earned]) => sum + earned, 0));
    const row = page.getByTestId("active").nth(5);
    const since = await row.locator("td").first().textContent();
    await page.clock.runFor(5000);
    await page.waitForFunction((before) => Number(document.querySelector('[data-testid="active"] data').value) > before, first[0][1]);
    assert.notEqual(await row.locator("td").first().textContent(), since); // its time counts, too
    await context.close();
  });

  test("R10 P34 P35: every payment says date, amount, type and status, and links to the chain; kind, days, page and the open one are in the address", async () => {
    const { page, context, complaints } = await visitor(browser, { storageState: newcomer() });
    await page.goto(`${url}/money`);
    await page.locator("#transactions").waitFor();
    const { explorer_url: explorer } = (await api(page, "/v1/terms")).chain;
    const compare = async (items) => {
      await page.waitForFunction(([count, first]) => document.querySelectorAll("#transactions a.explorer").length === count && document.querySelector("#transactions a.explorer").title.startsWith(first), [items.length, items[0].tx_id]);
      const rows = await page.locator("#transactions tbody tr").evaluateAll((all) => all.map((row) => ({ kind: row.querySelector("th").textContent.toLowerCase(), status: row.querySelector(".pill").textContent, amount: row.querySelector("data").value, at: row.querySelector("time").dateTime, link: row.querySelector("a.explorer")?.href ?? null, job: row.querySelector('a[href^="/jobs/"]')?.getAttribute("href") ?? null })));
      assert.deepEqual(rows, items.map((t) => ({ kind: t.kind, status: { confirmed: "Confirmed", lost: "Sent anew", observed: "Confirming", signed: "On its way" }[t.status], amount: String(t.direction === "out" ? -t.amount : t.amount), at: t.at, link: explorer + t.tx_id, job: `/jobs/${t.job_id}` })));
    };
    const real = (await api(page, "/v1/transactions")).items;
    assert.ok(real.length >= 2);
    await compare(real);
    await page.getByLabel("What").selectOption("refund");
    await page.waitForURL(/kind=refund/);
    await compare(real.filter((each) => each.kind === "refund"));
    await page.getByRole("link", { name: "Refund" }).first().click();
    await page.waitForURL(/open=\d+/);
    await page.reload(); // the open one is in the address
    const dialog = page.getByRole("dialog");
    await dialog.getByText("refund.confirmed").waitFor();
    assert.equal(await shownAmount(dialog.getByTestId("payment")), BigInt(real.find((each) => each.kind === "refund").amount));
    await page.keyboard.press("Escape");
    await page.waitForURL((now) => !now.search.includes("open"));
    await page.goto(`${url}/money?from=2020-01-01&until=2020-01-31`);
    await page.getByText("No payment is like that").waitFor();
    await page.getByRole("button", { name: "7 days" }).click();
    await page.waitForURL(/from=20\d\d-/);
    await compare(real);
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
    assert.equal((await readFile(await download.path(), "utf8")).trim().split("\r\n").length, real.length + 1);
    // 130 made-up ones, of every kind and status, page by page.
    const many = Array.from({ length: 130 }, (_, n) => ({ ...real[0], sequence: 2000 - n, at: new Date(Date.now() - n * 3_600_000).toISOString(), kind: ["lock", "payout", "refund", "fee", "return", "deposit"][n % 6], status: ["confirmed", "signed", "observed", "lost"][n % 4], direction: n % 2 === 0 ? "in" : "out", amount: 1 + n ** 4, tx_id: letters(60, n), job_id: uuid(n) }));
    await page.route("**/v1/transactions?*", (route) => {
      const before = Number(new URL(route.request().url()).searchParams.get("before") ?? Infinity);
      const rest = many.filter((each) => each.sequence < before);
      return answered(route, { items: rest.slice(0, 50), next: rest.length > 50 ? rest[49].sequence : null });
    });
    await page.goto(`${url}/money`);
    await compare(many.slice(0, 50));
    await page.getByRole("link", { name: "Older" }).click();
    await compare(many.slice(50, 100));
    await page.getByRole("link", { name: "Older" }).click();
    await compare(many.slice(100));
    assert.equal(await page.getByRole("link", { name: "Older" }).count(), 0);
    assert.match(page.url(), /before=\d+/);
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test("R10.4 R10.5 P36: a pending payment says how long it takes, and turns confirmed by itself", async () => {
    const { page, context } = await visitor(browser, { storageState: newcomer() });
    let pending = true;
    await page.route("**/v1/transactions?*", async (route) => {
      const answer = await route.fetch();
      const json = await answer.json();
      if (pending) json.items = json.items.map((each) => (each.kind === "refund" ? { ...each, status: "signed", tick: 10 ** 8 } : each));
      await answered(route, json);
    });
    await page.goto(`${url}/money`);
    const row = page.getByRole("row", { name: /^Refund/ });
    await row.getByText("On its way").waitFor();
    await row.getByText(/^about \d+ h/).waitFor();
    pending = false;
    await row.getByText("Confirmed").waitFor();
    await context.close();
  });

  test("tokens: shown once, good until revoked, their use is told, and nothing is revoked unasked", async () => {
    const { page, context } = await provider(browser);
    await page.goto(`${url}/settings`);
    await page.getByRole("button", { name: "New token" }).click();
    await page.getByLabel("What for").fill("nightly");
    await page.getByRole("button", { name: "Make the token" }).click();
    const token = await page.getByTestId("token").textContent();
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.ok(await page.getByRole("button", { name: "Done" }).isDisabled());
    await page.keyboard.press("Escape"); // not by accident
    await page.getByLabel("I have put it where it belongs").check();
    await page.getByRole("button", { name: "Done" }).click();
    assert.equal(await page.getByText(token).count(), 0);
    const who = () => fetch(`${url}/v1/auth/whoami`, { headers: { Authorization: `Bearer ${token}` } });
    assert.deepEqual((await (await who()).json()).scopes, ["consumer"]);
    const row = page.getByRole("row", { name: /^nightly/ });
    await page.getByRole("button", { name: "Refresh tokens" }).click();
    await row.getByText(/now|s ago/).first().waitFor();
    await row.getByRole("button", { name: "Revoke nightly" }).click();
    await page.getByRole("button", { name: "Keep it" }).click();
    assert.equal((await who()).status, 200);
    await row.getByRole("button", { name: "Revoke nightly" }).click();
    await page.getByRole("button", { name: "Revoke it" }).click();
    await page.getByRole("button", { name: /is over|are over/ }).click(); // there once it is done; behind the dialog no row is found either
    assert.equal((await who()).status, 401);
    await page.getByRole("row", { name: /^nightly/ }).getByText("Revoked").waitFor();
    await context.close();
  });

  test("R9.7: machines say how they are and where they stand; one that has trouble leaves the others standing; the command to enrol one is good", async () => {
    const { page, context } = await provider(browser);
    await page.goto(`${url}/machines`);
    const rig = page.getByTestId("machine").filter({ hasText: "maria-rig" });
    await rig.getByText(/^(Free|Working)$/).first().waitFor();
    await rig.getByText("the only one").first().waitFor();
    const [real] = (await api(page, "/v1/workers")).items;
    await rig.getByText(`${real.permille / 10 === 100 ? "100" : (real.permille / 10).toFixed(1).slice(0, 2)}`, { exact: false }).first().waitFor();
    await page.getByText("Offer another machine").click();
    await page.getByLabel("Its name").fill("second rig");
    await page.getByRole("button", { name: "Put a code into it" }).click();
    await page.getByTestId("code-left").getByText("good for one machine").waitFor();
    const command = await page.getByTestId("enrol-command").textContent();
    const code = /tally-worker enrol --server '(.*)' --name 'second rig' --state 'tally-second-rig' --code ([0-9A-Z-]{24})\n/.exec(command);
    assert.equal(code?.[1], url);
    const join = () => fetch(`${url}/v1/workers/join`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code: code[2] }) });
    assert.equal((await (await join()).json()).account_id, (await api(page, "/v1/auth/whoami")).account_id);
    assert.equal((await (await join()).json()).code, "code_used");
    await page.route("**/v1/workers?*", (route) => answered(route, { items: [real, { ...real, host_id: uuid(9), name: "broken", online: false, queued: 1, changed_at: "not a time", last_report_at: "nor this" }], next: null }));
    await page.reload();
    await rig.waitFor();
    await context.close();
  });

  test("R17: a thousand offers are scrolled, searched and sorted, with only those in sight on the page", async () => {
    const { page, context } = await visitor(browser);
    const [real] = (await (await fetch(`${url}/v1/offers`)).json()).items;
    const offers = Array.from({ length: 1200 }, (_, n) => ({ ...real, id: uuid(n), model: n % 100 === 7 ? `Rare model ${n}` : `Common model ${n}`, rate: 1_000_000 + ((n * 7919) % 1200), online: true, busy: false }));
    await page.route("**/v1/offers?*", (route) => {
      const after = new URL(route.request().url()).searchParams.get("after");
      const from = after === null ? 0 : offers.findIndex((offer) => offer.id === after) + 1;
      return answered(route, { items: offers.slice(from, from + 500), next: from + 500 < offers.length ? offers[from + 499].id : null });
    });
    await page.goto(`${url}/market?sort=price`);
    await page.getByText("1200 on offer").waitFor();
    const cheapest = [...offers].sort((a, b) => a.rate - b.rate);
    const rows = page.locator("#offers tbody tr:not(.gap)");
    const named = (offer) => page.locator("#offers th", { hasText: new RegExp(`^${offer.model} `) });
    await named(cheapest[0]).waitFor();
    assert.ok((await rows.count()) < 100, `${await rows.count()} rows at once`);
    await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
    await named(cheapest.at(-1)).waitFor();
    assert.ok((await rows.count()) < 100);
    await page.getByLabel("Search by model").fill("rare");
    await page.getByText("12 of 1200").waitFor();
    await page.waitForURL(/q=rare/);
    assert.equal(await rows.count(), 12);
    await context.close();
  });

  test("R16.4 R16.5: the log is looked through to its beginning, each event once; as of an event nothing later is there; an event is proved in the browser, and a forged one is not", async () => {
    const { page, context, complaints } = await visitor(browser, { storageState: newcomer() });
    await page.goto(`${url}/events`);
    await page.getByLabel("Reports of running jobs, too").check();
    await page.locator("#events").waitFor();
    const older = page.getByRole("button", { name: "Older" });
    for (;;) {
      await page.waitForFunction(() => document.body.innerText.includes("That is the beginning.") || [...document.querySelectorAll("button")].some((button) => button.textContent === "Older" && !button.disabled));
      if ((await older.count()) === 0) break;
      await older.click();
    }
    const numbers = () => page.locator(".event-number").evaluateAll((all) => all.map((each) => Number(each.textContent.replace(/[^0-9]/g, ""))));
    const mine = (await api(page, "/v1/events?limit=500")).items.map((event) => Number(event.id)).reverse();
    assert.deepEqual(await numbers(), mine);
    const settled = (await api(page, "/v1/events?limit=500")).items.find((event) => event.type === "escrow.settled");
    await page.goto(`${url}/events?at=${settled.id}`);
    await page.getByText("as it stood at event").waitFor();
    await page.locator(".event-number").first().waitFor();
    assert.equal((await numbers())[0], Number(settled.id));
    await page.getByText("escrow.settled").first().click();
    await page.getByRole("button", { name: "Prove that it is in the log" }).click();
    await page.getByText("It is in the log. This was computed in your browser.").waitFor();
    await page.getByText("Only escrow.settled").click();
    await page.waitForURL(/type=escrow\.settled/);
    await page.waitForFunction(() => [...document.querySelectorAll(".event-type")].every((each) => each.textContent === "escrow.settled"));
    await page.route("**/v1/log/proof/inclusion?*", async (route) => {
      const answer = await route.fetch();
      const json = await answer.json();
      await answered(route, { ...json, hashes: json.hashes.map((hash, index) => (index === 0 ? hash.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) : hash)) });
    });
    if ((await page.locator("details[open]").count()) === 0) await page.locator(".event-type").first().click();
    await page.getByRole("button", { name: "Prove that it is in the log" }).click();
    await page.getByText("That is no proof.").waitFor();
    assert.deepEqual(complaints, []);
    await context.close();
  });

  test("status: well when the server is, and the terms it goes by", async () => {
    const { page, context } = await visitor(browser);
    await page.goto(`${url}/status`);
    await page.getByTestId("whole").getByText("All is well").waitFor();
    const ready = await (await fetch(`${url}/readyz`)).json();
    assert.equal(ready.ready, true);
    await page.getByText("Terms in force").waitFor();
    await page.route("**/readyz", (route) => answered(route, { ...ready, ready: false, settlement: { ...ready.settlement, chain_answers: false } }));
    await page.getByTestId("whole").getByText("Payments wait").waitFor();
    await context.close();
  });
}
