// SPDX-License-Identifier: Apache-2.0
// What the page takes, for tools/bench/run web: numbers, no verdicts; goals stand beside them.
import { launch, url, visitor, world } from "./chromium.mjs";

const { TALLY_TOKEN: token, TALLY_BUSY: busy, TALLY_LONG: long } = process.env;
const LINES = Number(process.env.TALLY_LINES);
const SECONDS = Number(process.env.TALLY_SECONDS);
const browser = await launch();
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const most = (list) => Math.max(0, ...list);

/** Kept in the page: long tasks, and when the largest thing was painted. */
const WATCH = () => {
  window.tasks = [];
  window.painted = 0;
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => (window.painted = list.getEntries().at(-1).startTime)).observe({ type: "largest-contentful-paint", buffered: true });
};
/** Seconds of a processor that the page's main thread took: says something on a busy machine too. */
async function clock(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  return async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
}
async function watcher() {
  const one = await visitor(browser);
  await one.context.addInitScript(WATCH);
  return one;
}

// 9 Mbit/s down, 165 ms: what browsers call fast 4G; a quarter of this processor.
const paints = [];
for (let turn = 0; turn < 5; turn++) {
  const { page, context } = await watcher();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 165, downloadThroughput: (9e6 * 0.9) / 8, uploadThroughput: 1.5e6 / 8 });
  await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.goto(url, { waitUntil: "networkidle" });
  await page.waitForFunction(() => window.painted > 0, null, { timeout: 60_000 });
  await page.waitForTimeout(500); // a larger one may follow
  paints.push(await page.evaluate(() => window.painted));
  await context.close();
}
console.log(`web: largest paint of the first load, fast 4G and a quarter of the processor: median ${median(paints).toFixed(0)} ms (${paints.map((each) => each.toFixed(0)).join(", ")}; goal 1500)`);

{
  const { page, context } = await watcher();
  await page.goto(`${url}/jobs/${busy}#token=${token}`);
  await page.locator(".connection").getByText("Live").waitFor();
  await world("reports", { on: true });
  await page.locator(".line").first().waitFor();
  const spent = await clock(page);
  await page.evaluate(() => (window.tasks = []));
  const before = await spent();
  await page.waitForTimeout(SECONDS * 1000);
  const share = (100 * ((await spent()) - before)) / SECONDS;
  const tasks = await page.evaluate(() => window.tasks);
  const rate = await world("reports", { on: false });
  console.log(`web: ${rate.toFixed(0)} events/s on a job's page for ${SECONDS} s: longest task ${most(tasks).toFixed(0)} ms, ${tasks.filter((each) => each > 100).length} over 100 ms (goal 0), ${share.toFixed(0)} % of a core in its main thread`);
  await context.close();
}

{
  const { page, context } = await watcher();
  const start = Date.now();
  await page.goto(`${url}/jobs/${long}#token=${token}`);
  await page.getByText(`${LINES} loss`, { exact: false }).first().waitFor({ timeout: 60_000 });
  const shown = Date.now() - start;
  await page.evaluate(() => (window.tasks = []));
  const spent = await clock(page);
  const before = await spent();
  const frames = await page.evaluate(async () => {
    const box = document.querySelector(".lines");
    box.dispatchEvent(new WheelEvent("wheel", { deltaY: -1, bubbles: true }));
    const list = [];
    let last = await new Promise(requestAnimationFrame);
    for (let step = 0; step < 300; step++) {
      box.scrollTop = box.scrollHeight * Math.abs(Math.sin(step / 40)); // to the beginning and back, all over it
      const now = await new Promise(requestAnimationFrame);
      list.push(now - last);
      last = now;
    }
    return list;
  });
  const each = (1000 * ((await spent()) - before)) / frames.length;
  const scrolling = await page.evaluate(() => window.tasks);
  frames.sort((a, b) => a - b);
  console.log(`web: ${LINES} lines: the last one after ${shown} ms; scrolled through, a frame takes ${median(frames).toFixed(1)} ms (p95 ${frames[Math.floor(frames.length * 0.95)].toFixed(1)}), longest task ${most(scrolling).toFixed(0)} ms, ${each.toFixed(1)} ms of a core a frame`);
  await page.evaluate(() => (window.tasks = []));
  const asked = Date.now();
  await page.getByLabel("Search the output").fill(`${Math.floor(LINES / 2) + 7} loss`);
  await page.getByText(/^[0-9]+ found$/).waitFor({ timeout: 300_000 });
  const found = Date.now() - asked;
  const searching = await page.evaluate(() => window.tasks);
  console.log(`web: searched, with all of it read: ${(found / 1000).toFixed(1)} s, longest task ${most(searching).toFixed(0)} ms`);
  await context.close();
}
await browser.close();
