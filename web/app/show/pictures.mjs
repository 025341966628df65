// SPDX-License-Identifier: Apache-2.0
// A picture of every page, at three widths and in both themes, with something on it. Started by tools/show/run, in a world with a market.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { api, drop, launch, launchJob, providerToken, url, visitor } from "../tests/browser/chromium.mjs";

const out = process.env.TALLY_PICTURES;
const readme = process.env.TALLY_README_PICTURES; // a few of them, if a folder is named
const WIDTHS = [360, 768, 1280];
const THEMES = ["light", "dark"];
const README_BYTES_MAX = 150_000;
const readHere = (path) => readFile(new URL(path, import.meta.url), "utf8");

const taken = []; // names, in order
const shown = new Set(); // routes of src/router.tsx that were pictured
await mkdir(out, { recursive: true });

/** The route of an address: what is an id in it is a parameter there. */
const routes = [...(await readHere("../src/router.tsx")).matchAll(/path: "(\/[^"]*)"/g)].map((match) => match[1]);
const routeOf = (path) => routes.find((route) => new RegExp(`^${route.replace(/\$\w+/g, "[^/]+")}$`).test(path));

/** Nothing is half seen: data are there, motion is over. */
async function settledView(page) {
  await page.waitForFunction(() => document.querySelector("h1") !== null && document.querySelector(".skeleton") === null, undefined, { timeout: 15_000 });
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity));
}

async function picture(page, name, { whole = true, settle = true } = {}) {
  const numbered = `${String(taken.length + 1).padStart(2, "0")}-${name}`;
  await page.mouse.move(0, 0);
  for (const width of WIDTHS) {
    const least = width < 500 ? 780 : 900;
    await page.setViewportSize({ width, height: least });
    if (settle) await settledView(page);
    // A window as high as the page: what is fixed to its bottom is at the bottom of the picture.
    if (whole) await page.setViewportSize({ width, height: Math.max(least, await page.evaluate(() => document.documentElement.scrollHeight)) });
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme }); // as the system has it: everything follows
      if (settle) await settledView(page);
      await page.screenshot({ path: join(out, `${numbered}-${width}-${theme}.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
  taken.push(numbered);
  shown.add(routeOf(new URL(page.url()).pathname));
  console.log(numbered);
}

/** For the README: small, sharp, one theme. */
async function forReadme(page, name, height = 800) {
  if (readme === undefined) return;
  await page.setViewportSize({ width: 1280, height });
  await page.mouse.move(0, 0);
  await page.locator("[data-sonner-toast]").first().waitFor({ state: "detached" });
  await settledView(page);
  const session = await page.context().newCDPSession(page);
  for (let quality = 90; ; quality -= 10) {
    const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality });
    const bytes = Buffer.from(data, "base64");
    if (bytes.length > README_BYTES_MAX && quality > 30) continue;
    await writeFile(join(readme, `${name}.webp`), bytes);
    break;
  }
  await session.detach();
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function pictureOf(page, path, name) {
  await page.goto(url + path);
  await picture(page, name);
}

const browser = await launch();
const see = () => visitor(browser, { viewport: { width: 1280, height: 900 } });

async function stranger() {
  const { page, context } = await see();
  await pictureOf(page, "/", "welcome");
  await pictureOf(page, "/new", "new-stranger");
  await pictureOf(page, "/wallet", "wallet-stranger");
  await page.getByRole("button", { name: /Create a wallet/ }).click();
  await page.getByRole("button", { name: "Make a seed" }).click();
  await page.getByTestId("seed").waitFor();
  await page.getByLabel("I have written it down").check();
  await picture(page, "wallet-new-seed");
  await pictureOf(page, "/jobs", "jobs-stranger");
  await context.close();
}

/** The machine with a worker behind it; the others of this market have none. */
async function chooseReal(page) {
  const { items } = await (await fetch(`${url}/v1/offers?limit=100`)).json();
  const { model } = items.find((offer) => offer.device === "cpu");
  await page.getByRole("row").filter({ hasText: model }).getByRole("button", { name: "Choose", exact: true }).click();
  await page.waitForURL(/\/settings$/);
}

/** One job that is paid and one that fails; and every page on the way. */
async function consumer() {
  const { page } = await see();
  await page.goto(`${url}/new`);
  await page.getByRole("button", { name: /missing-column\.py/ }).click();
  await page.waitForURL(/\/offers$/);
  await chooseReal(page);
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
  await launchJob(page);
  await page.getByText("The job failed").waitFor({ timeout: 120_000 });
  await page.getByText(/came back/).waitFor({ timeout: 120_000 });
  await picture(page, "job-failed");

  await page.goto(`${url}/new`);
  await page.getByTestId("drop").waitFor();
  await picture(page, "new");
  await drop(page, [{ name: "film.mp4", text: "x" }, { name: "empty.py", text: "" }]);
  await page.getByText("This file is empty").waitFor();
  await picture(page, "new-refused");
  await page.reload();
  await drop(page, [{ name: "digits-mlp.py", text: await readHere("../../../examples/digits-mlp.py") }]);
  await page.getByTestId("upload").getByText("Upload complete").waitFor();
  await picture(page, "new-analysed");
  await page.getByText(/^Why\?/).click();
  await picture(page, "new-why");
  await page.getByRole("link", { name: "Choose a machine" }).click();
  await page.waitForURL(/\/offers$/);
  await page.getByRole("button", { name: "Choose", exact: true }).first().waitFor();
  await picture(page, "offers");
  await forReadme(page, "offers", 860);
  await page.getByRole("button", { name: /Change it/ }).click();
  await page.getByRole("dialog").waitFor();
  await picture(page, "offers-change", { whole: false });
  await page.keyboard.press("Escape");
  await chooseReal(page);
  await page.getByLabel("Arguments").fill("--epochs 40");
  await page.getByText("epochs 40 of your arguments").waitFor();
  await picture(page, "settings");
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
  await page.getByRole("button", { name: /^Launch/ }).waitFor();
  await picture(page, "pay");
  await page.getByRole("button", { name: /^Launch/ }).click();
  await page.getByTestId("confirmations").waitFor();
  await picture(page, "pay-locking", { settle: false });
  await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 120_000 });
  await page.getByText(/^epoch +6 /).first().waitFor({ timeout: 300_000 });
  await picture(page, "job-running", { settle: false });
  await page.getByText(/^epoch +18 /).first().waitFor({ timeout: 300_000 });
  await forReadme(page, "running");
  await page.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("dialog").waitFor();
  await picture(page, "job-cancel", { whole: false, settle: false });
  await page.keyboard.press("Escape");
  await page.getByText("The job is done").waitFor({ timeout: 600_000 });
  await page.getByText(/came back/).waitFor({ timeout: 120_000 });
  await picture(page, "job-done");
  await page.getByRole("button", { name: "Erase my data…" }).click();
  await page.getByRole("dialog").waitFor();
  await picture(page, "job-erase", { whole: false });
  await page.keyboard.press("Escape");
  await pictureOf(page, "/", "overview");
  await page.keyboard.press("Control+k");
  await page.getByLabel("Page, job or id").waitFor();
  await picture(page, "palette", { whole: false });
  await page.keyboard.press("Escape");
  return page;
}

/** Whatever has no parameter in its address, and was not pictured yet. */
async function others(page, who) {
  for (const route of routes) {
    if (!route.includes("$") && !shown.has(route)) await pictureOf(page, route, `${route.slice(1).replaceAll("/", "-")}-${who}`);
  }
}

async function consumerMore(page) {
  shown.delete("/wallet"); // only seen as a stranger
  shown.delete("/jobs");
  await others(page, "consumer");
  await page.goto(`${url}/market`);
  await page.locator("details.software > summary").first().click();
  await picture(page, "market-stock");
  await page.goto(`${url}/money`);
  await page.locator(".row-link").first().click();
  await page.getByRole("dialog").waitFor();
  await picture(page, "money-details", { whole: false });
  await page.goto(`${url}/events`);
  await page.locator("summary").filter({ hasText: "escrow.settled" }).first().click();
  await page.getByRole("button", { name: "Prove that it is in the log" }).click();
  await page.getByTestId("proof").waitFor();
  await picture(page, "events-proved");
  await page.goto(`${url}/jobs?status=failed`);
  await page.getByRole("link", { name: "missing-column.py" }).click();
  await page.getByRole("button", { name: "Erase my data…" }).click();
  await page.getByRole("button", { name: "Erase my data", exact: true }).click();
  await page.getByText(/^Erased on/).nth(1).waitFor();
  await picture(page, "job-erased");
  await page.goto(`${url}/settings`);
  await page.getByRole("button", { name: "Erase missing-column.py" }).click();
  await picture(page, "upload-erase", { whole: false });
  await page.getByRole("button", { name: "Erase it" }).click();
  await page.getByText("missing-column.py is erased", { exact: false }).first().waitFor();
  await picture(page, "settings-erased");
  await page.goto(`${url}/nowhere`);
  await page.getByText("There is no such page").waitFor();
  await picture(page, "nowhere", { settle: false });
}

/** One that takes most of what it is sent, and not all. */
async function webhook(page) {
  let number = 0;
  const receiver = createServer((request, response) => request.resume().on("end", () => response.writeHead(++number % 4 === 3 ? 503 : 204, { "Content-Length": 0 }).end())).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  try {
    await page.goto(`${url}/settings`);
    await page.getByRole("button", { name: "New webhook" }).click();
    await page.getByRole("button", { name: "Some kinds" }).click();
    await page.getByLabel("What for").fill("accounting");
    await page.getByLabel("Address").fill(`http://127.0.0.1:${receiver.address().port}/tally`);
    await picture(page, "webhook-new");
    await page.getByLabel("Begin").selectOption("past");
    await page.getByRole("button", { name: "Make the webhook" }).click();
    await page.getByTestId("secret").waitFor();
    await picture(page, "webhook-secret", { whole: false });
    await page.getByLabel("I have put it where it belongs").check();
    await page.getByRole("button", { name: "Done" }).click();
    await picture(page, "settings-webhooks");
    await page.getByRole("link", { name: "accounting" }).click();
    for (let test = 0; test < 4; test++) await Promise.all([page.waitForResponse(/\/test$/), page.getByRole("button", { name: "Send a test" }).click()]);
    await page.locator("#attempts tbody tr").nth(4).waitFor();
    await picture(page, "webhook");
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog").waitFor();
    await picture(page, "webhook-delete", { whole: false });
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.waitForURL(`${url}/settings`);
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
}

async function provider() {
  const { page } = await see();
  await page.goto(`${url}/#token=${providerToken}`);
  await page.locator(".connection").getByText("Live").waitFor();
  await picture(page, "overview-provider");
  await pictureOf(page, "/jobs?role=provider", "jobs-provider");
  await pictureOf(page, "/machines", "machines-provider");
  await pictureOf(page, "/earnings", "earnings-provider");
  await forReadme(page, "earnings");
  await page.goto(`${url}/earnings/statement`);
  await page.getByRole("button", { name: "Open all" }).click();
  await picture(page, "statement-provider");
  await page.emulateMedia({ media: "print" });
  await page.screenshot({ path: join(out, `${taken.at(-1)}-print.png`), fullPage: true });
  await page.emulateMedia({ media: "screen" });
  await pictureOf(page, "/money", "money-provider");
}

try {
  await stranger();
  const consumerPage = await consumer();
  const list = await api(consumerPage, "/v1/jobs?limit=10");
  assert.ok(list.items.length >= 2);
  await consumerMore(consumerPage);
  await webhook(consumerPage);
  await provider();
  assert.deepEqual(routes.filter((route) => !shown.has(route)), [], "every route of src/router.tsx is in a picture");
  const cells = (name, theme) => WIDTHS.map((width) => `<a href="${name}-${width}-${theme}.png"><img loading="lazy" width="${width / 4}" src="${name}-${width}-${theme}.png" alt=""></a>`).join(" ");
  await writeFile(join(out, "index.html"), `<!doctype html><meta charset="utf-8"><title>Tallystick, every page</title>\n${taken.map((name) => `<h2>${name}</h2><p>${THEMES.map((theme) => cells(name, theme)).join(" ")}</p>`).join("\n")}\n`);
} finally {
  await browser.close();
}
