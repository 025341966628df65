// SPDX-License-Identifier: Apache-2.0
// People with jobs: what they click, what they see, and whether the money on the screen is the money of the API and of the chain.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { api, chooseFirst, drop, jobOf, launch, launchJob, sampleToPayment, shownAmount, url, visitor, world } from "./chromium.mjs";

const browser = await launch();
after(() => browser.close());
const newcomer = await visitor(browser);
const { page } = newcomer;

async function settled(id) {
  for (let turn = 0; turn < 200; turn++) {
    const job = await api(page, `/v1/jobs/${id}`);
    if (job.settled) return job;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("not settled after 40 s");
}

/** R6.4 P19 P22: used and returned on the screen are the server's, and the chain's. */
async function checkMoney(id, before) {
  const job = await settled(id);
  await page.getByText(/came back/).waitFor();
  await page.waitForFunction((used) => document.querySelector('[data-testid="used"] data')?.getAttribute("value") === String(used), job.gross);
  const [used, back] = [await shownAmount(page.getByTestId("used")), await shownAmount(page.getByTestId("back"))];
  assert.deepEqual([used, back], [BigInt(job.gross), BigInt(job.refund)]);
  assert.equal(used + back, BigInt(job.cap));
  const { identity } = await api(page, "/v1/auth/whoami");
  assert.equal(BigInt(await world("balance", { identity })), before - used);
  return job;
}
const myBalance = async () => BigInt(await world("balance", { identity: (await api(page, "/v1/auth/whoami")).identity }));

test("R1.5 R4 R6.7 R7.8 P10 P11 P21: a newcomer without a wallet runs the sample, reloading at every step, and is paid back what was not used", async () => {
  await page.goto(`${url}/new`);
  await page.getByRole("button", { name: /hello\.py/ }).click();
  await page.waitForURL(/\/offers$/);
  await page.getByTestId("analysis").getByText("Custom program", { exact: true }).waitFor(); // R1.5
  await page.reload();
  await page.getByRole("button", { name: "Choose", exact: true }).first().click();
  await page.waitForURL(/\/settings$/);
  await page.getByLabel("Arguments").fill('--name "two words"');
  await page.reload();
  assert.equal(await page.getByLabel("Arguments").inputValue(), '--name "two words"');
  await page.getByRole("link", { name: "Machine", exact: true }).click();
  await page.getByRole("button", { name: "Chosen" }).first().waitFor();
  await page.goBack();
  assert.equal(await page.getByLabel("Arguments").inputValue(), '--name "two words"');
  await page.getByLabel("Arguments").fill('"open');
  assert.ok(await page.getByRole("button", { name: /payment/ }).isDisabled());
  await page.getByLabel("Arguments").fill("");
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
  const cap = await shownAmount(page.getByTestId("cap"));
  await page.reload();
  assert.equal(await shownAmount(page.getByTestId("cap")), cap); // the same quote
  const before = await myBalance();
  const counts = new Set();
  const watching = setInterval(() => page.getByTestId("confirmations").textContent({ timeout: 100 }).then((text) => counts.add(text), () => undefined), 40);
  const id = await launchJob(page);
  clearInterval(watching);
  assert.ok(counts.has("3/3") && counts.size >= 2, `saw ${[...counts]}`);
  await page.getByText("The job is done").waitFor({ timeout: 60_000 });
  const job = await checkMoney(id, before);
  assert.equal(BigInt(job.cap), cap);
  await page.getByText("hello", { exact: true }).waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "hello.txt" }).click()]);
  const results = await api(page, `/v1/jobs/${id}/results`);
  assert.equal((await readFile(await download.path())).length, results.items.find((file) => file.name === "hello.txt").size);
  assert.match(await page.title(), /^hello\.py/);
  await page.getByRole("radio", { name: /^4 stars/ }).check();
  await page.getByLabel("Comment, if you like").fill("Quick, and quiet.");
  await page.getByRole("button", { name: "Send the rating" }).click();
  await page.getByTestId("stars").waitFor();
  assert.equal((await api(page, `/v1/jobs/${id}`)).stars, 4);
  await page.reload(); // the same page long after the end
  await page.getByText("The job is done").waitFor();
  await page.getByTestId("stars").getByText("4 stars").waitFor();
  await page.getByText("Quick, and quiet.").waitFor();
  assert.equal(await shownAmount(page.getByTestId("used")), BigInt(job.gross));
  const { items: stops } = await api(page, `/v1/jobs/${id}/timeline`);
  await page.locator("#rewind").fill("1"); // back to its second event that is shown
  await page.getByText(/^As it stood after/).waitFor();
  const at = Number(new URL(page.url()).searchParams.get("at"));
  assert.ok(stops.some((stop) => stop.sequence === at));
  const then = await api(page, `/v1/jobs/${id}?as_of=${at}`);
  assert.equal(then.status, "awaiting_lock");
  await page.locator(".pill").filter({ hasText: /^(To be paid|Confirming)/ }).first().waitFor();
  assert.equal(await shownAmount(page.getByTestId("used")), 0n);
  await page.reload(); // the address says where one is
  await page.getByText(/^As it stood after/).waitFor();
  await page.getByRole("button", { name: "Back to now" }).click();
  await page.getByText("The job is done").waitFor();
  await page.goto(`${url}/money`);
  await page.getByRole("row", { name: /^Lock/ }).waitFor();
  assert.equal(await shownAmount(page.getByRole("row", { name: /^Refund/ })), BigInt(job.refund));
  await page.goto(`${url}/jobs/${id}`);
  await page.getByRole("button", { name: "Erase my data…" }).click();
  await page.getByRole("button", { name: "Erase my data", exact: true }).click();
  await page.getByText(/files? (is|are) gone, .* freed/).waitFor();
  assert.equal(await page.getByText(/^Erased on/).count(), 2); // in place of the output and of the results
  assert.deepEqual([await page.getByText("Quick, and quiet.").count(), await page.getByRole("button", { name: "hello.txt" }).count()], [0, 0]);
  assert.equal(await shownAmount(page.getByTestId("used")), BigInt(job.gross)); // what is public stays
  const { erased_at: erasedAt, file_name: name } = await api(page, `/v1/jobs/${id}`);
  assert.deepEqual([typeof erasedAt, name ?? ""], ["string", ""]);
  assert.equal(await page.locator("h1").textContent(), `${id.slice(0, 6)}…${id.slice(-5)}`);
});

test("R6.5 R7.4 P20: a program that fails costs nothing, and its error is there to read", async () => {
  await page.goto(`${url}/new`);
  await drop(page, [{ name: "fails.py", text: 'import sys\nprint("begun", "far " * 40, flush=True)\nsys.exit("an error of its own")\n' }]);
  await page.getByRole("link", { name: "Choose a machine" }).click();
  await page.waitForURL(/\/offers$/);
  await chooseFirst(page);
  const before = await myBalance();
  const id = await launchJob(page);
  await page.getByText("The job failed").waitFor({ timeout: 60_000 });
  const job = await checkMoney(id, before);
  assert.deepEqual([job.status, job.gross], ["failed", 0]);
  await page.getByText("Failed, refunded").waitFor();
  await page.locator(".line.stderr").first().waitFor();
  await page.getByText("its files are withheld").waitFor();
  await page.getByLabel("Search the output").fill("error");
  await page.getByLabel("Search the output").press("Enter");
  await page.locator(".line.marked mark").first().waitFor();
  await page.setViewportSize({ width: 360, height: 780 });
  await page.waitForFunction(() => document.querySelector(".lines").scrollWidth > document.querySelector(".lines").clientWidth); // a line is wider than a phone
  await page.getByLabel("Wrap").check();
  await page.waitForFunction(() => [...document.querySelectorAll(".line")].some((line) => line.getBoundingClientRect().height > 30));
  assert.equal(await page.locator(".lines").evaluate((box) => box.scrollWidth - box.clientWidth), 0);
  await page.waitForFunction(() => {
    const boxes = [...document.querySelectorAll(".line")].map((line) => line.getBoundingClientRect()).sort((a, b) => a.top - b.top);
    return boxes.every((box, index) => index === 0 || Math.abs(box.top - boxes[index - 1].bottom) < 1);
  }); // each below the one before
  await page.getByLabel("Wrap").uncheck();
  await page.waitForFunction(() => [...document.querySelectorAll(".line")].every((line) => line.getBoundingClientRect().height === 20));
  await page.setViewportSize({ width: 1440, height: 900 });
});

const LINES = `import time
for n in range(1, 101):
    print("line %d" % n, flush=True)
    print("::tally progress=%.2f operation=\\"step %d\\"" % (n / 100, n), flush=True)
    time.sleep(0.05)
`;

test("R1.1 R1.2 R1.7 P6 R15: several files are dropped; the good ones are kept, each bad one says why", async () => {
  await page.goto(`${url}/new`);
  await drop(page, [{ name: "lines.py", text: LINES }, { name: "film.mp4", text: "x" }, { name: "empty.py", text: "" }, { name: "broken.png", text: "no picture" }]);
  const card = (name) => page.getByTestId("upload").filter({ hasText: name });
  await card("2 files together").getByText("Upload complete").waitFor();
  await card("2 files together").getByText("lines.py").first().waitFor();
  await card("film.mp4").getByText("Supported: Python").waitFor();
  await card("empty.py").getByText("This file is empty").waitFor();
  await card("2 files together").getByRole("alert").filter({ hasText: "broken.png: named like a PNG image" }).waitFor(); // the server's own words
  assert.equal(await page.getByRole("link", { name: "Choose a machine" }).count(), 1);
});

test("R1.8 R2.5 R3.2: files that are one job: asked which starts it, a finding opens its source, what is said against the analysis counts", async () => {
  const other = await page.context().newPage();
  other.setDefaultTimeout(30_000);
  await other.goto(`${url}/new`);
  const main = (n) => `import helper\n${"# a long way down\n".repeat(90)}import torch\n\nmodel = torch.nn.Linear(${n}, 2).cuda()\nif __name__ == "__main__":\n    helper.run(${n})\n`;
  await drop(other, [{ name: "sweep.py", text: main(1) }, { name: "evaluate.py", text: main(2) }, { name: "helper.py", text: "def run(n):\n    print(n)\n" }]);
  await other.getByRole("group", { name: "Which file starts the job?" }).getByRole("button", { name: "evaluate.py" }).click();
  await other.getByRole("link", { name: "Choose a machine" }).click();
  await other.waitForURL(/\/offers$/);
  await other.getByText("None of 1 machine fits now").waitFor();
  await other.getByTestId("why-not").getByText("needs a GPU, has none").waitFor();
  await other.getByTestId("on-machine").getByRole("listitem").filter({ hasText: "PyTorch" }).getByRole("button", { name: "evaluate.py:92" }).waitFor(); // a need is beside what says so
  await other.getByText(/^Why\?/).click();
  await other.locator(".evidence").getByRole("button", { name: "evaluate.py:92" }).first().click();
  const here = other.locator(".source li.here code");
  assert.equal((await here.textContent()).trim(), "import torch");
  assert.ok(await here.evaluate((line) => {
    const [box, at] = [line.closest(".source").getBoundingClientRect(), line.getBoundingClientRect()];
    return at.top >= box.top && at.bottom <= box.bottom;
  }), "the line is in sight");
  await other.keyboard.press("Escape");
  await other.getByRole("button", { name: /Change it/ }).click();
  await other.getByLabel("Runs on").selectOption("cpu");
  await other.getByLabel("Memory, GB", { exact: true }).fill("1");
  await other.getByLabel("Disk, GB").fill("1");
  await other.getByLabel("PyTorch").uncheck(); // R2: a wrong need has a way out
  await other.getByLabel(/^Why, for the record/).fill("a small one");
  await other.getByRole("button", { name: "This counts" }).click();
  await other.getByText("a small one").waitFor();
  await other.getByRole("button", { name: "Choose", exact: true }).first().waitFor();
  const upload = /new\/([^/]+)\//.exec(other.url())[1];
  const said = await api(other, `/v1/analyses/${upload}`);
  assert.deepEqual([said.override.reason, said.effective.device, said.effective.ram_mib, said.analysis.entry], ["a small one", "cpu", 1024, "evaluate.py"]);
  assert.deepEqual([said.analysis.requirements.packages, said.effective.packages], [["torch"], []]);
  const needsModel = async (name) => {
    await other.getByRole("button", { name: /Change it/ }).click();
    await other.getByLabel(/^Model/).fill(name);
    await other.getByRole("button", { name: "This counts" }).click();
    await other.getByRole("dialog").waitFor({ state: "detached" });
  };
  await needsModel("acme/nobody-has-it"); // R3.4: no machine is sold for what is not on it
  await other.getByTestId("on-machine").getByText("acme/nobody-has-it").waitFor();
  await other.getByText("None of 1 machine fits now").waitFor();
  await other.getByTestId("why-not").getByText("the model that it needs is not there").waitFor();
  await needsModel("");
  await other.getByRole("button", { name: "Choose", exact: true }).first().waitFor();
  assert.equal((await api(other, `/v1/analyses/${upload}`)).effective.model, null);
  await other.close();
});

test("R16.5: the server is killed while a job runs; the page, read again in the middle, says so, comes back by itself, and no line is missing or twice", async () => {
  await page.getByRole("link", { name: "Choose a machine" }).click();
  await page.waitForURL(/\/offers$/);
  await chooseFirst(page);
  const before = await myBalance();
  const id = await launchJob(page);
  await page.getByText("line 10", { exact: true }).waitFor({ timeout: 60_000 });
  assert.match(await page.title(), /^[0-9]+ % · lines\.py/);
  await world("stop");
  await page.getByText("Reconnecting").waitFor();
  await world("start");
  await page.locator(".connection").getByText("Live").waitFor();
  await page.reload(); // in the middle of watching
  await page.getByText(/^line \d+$/).first().waitFor();
  await page.getByText("The job is done").waitFor({ timeout: 60_000 });
  await checkMoney(id, before);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByLabel("Download all output").click()]);
  const lines = (await readFile(await download.path(), "utf8")).split("\n").filter((line) => line.startsWith("line "));
  assert.deepEqual(lines, Array.from({ length: 100 }, (_, index) => `line ${index + 1}`));
});

test("R7.8 R17: without WebSockets, and without a network for a while, a job is followed on; cancelling asks first, says what it costs, and does that", async () => {
  await page.goto(`${url}/new`);
  await drop(page, [{ name: "long.py", text: "import os, time\nwhile True:\n    print('tick', os.environ.get('TOLD', '')[::-1], flush=True)\n    time.sleep(0.2)\n" }]);
  await page.getByRole("link", { name: "Choose a machine" }).click();
  await page.getByRole("button", { name: "Choose", exact: true }).first().click();
  await page.waitForURL(/\/settings$/);
  await page.getByTestId("estimate").waitFor(); // R12.6
  const estimated = page.waitForResponse((answer) => answer.url().endsWith("/v1/estimates") && answer.request().postData().includes('"epochs":7'));
  await page.getByLabel("Arguments").fill("--epochs 7"); // P45
  await estimated;
  await page.getByText("epochs 7 of your arguments").waitFor();
  const sent = [];
  page.on("request", (request) => sent.push(request.postData() ?? ""));
  await page.getByRole("button", { name: "Add a secret" }).click();
  await page.getByLabel("Name of the secret").fill("TOLD");
  await page.getByLabel("Value of the secret").fill("swordfish-42");
  await page.getByRole("button", { name: "Seal", exact: true }).click();
  await page.getByText("sealed for this machine").waitFor();
  await page.reload();
  await page.getByText("sealed for this machine").waitFor();
  await page.getByRole("button", { name: /payment/ }).click();
  await page.waitForURL(/\/pay$/);
  const before = await myBalance();
  const id = await launchJob(page);
  await page.getByText("tick ").first().waitFor({ timeout: 60_000 });
  await page.getByText("tick 24-hsifdrows").first().waitFor(); // the machine could read it (and hides it as it was); nobody in between
  assert.ok(sent.some((body) => body.includes('"sealed":{"TOLD":"')) && !sent.some((body) => body.includes("swordfish")));
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }).includes("swordfish")), false);
  const lines = (of = page) => of.evaluate(() => Math.max(...[...document.querySelectorAll(".line-number")].map((each) => Number(each.textContent))));
  const goesOn = (of, before) => of.waitForFunction((before) => [...document.querySelectorAll(".line-number")].some((each) => Number(each.textContent) > before), before);
  const behindProxy = await page.context().newPage(); // one that lets no WebSocket through; the log is not asked there, either
  behindProxy.setDefaultTimeout(30_000);
  await behindProxy.routeWebSocket(/\/v1\/feed/, (socket) => socket.close());
  await behindProxy.route(/\/v1\/events\?.*limit=500/, (route) => route.abort());
  await behindProxy.goto(`${url}/jobs/${id}`);
  await behindProxy.locator('.connection[title*="event stream"]').getByText("Live").waitFor();
  await behindProxy.getByText("tick ").first().waitFor();
  await goesOn(behindProxy, await lines(behindProxy));
  await behindProxy.close();
  await page.context().setOffline(true);
  await page.locator(".connection").getByText("Offline").waitFor();
  const shown = await lines();
  await page.context().setOffline(false);
  await page.locator(".connection").getByText("Live").waitFor();
  await goesOn(page, shown); // it went on meanwhile
  await page.getByRole("button", { name: "Cancel…" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel long.py?" });
  await dialog.getByText("the rest comes back by itself").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal((await api(page, `/v1/jobs/${id}`)).status, "running");
  await page.getByRole("button", { name: "Cancel…" }).click();
  await dialog.getByRole("button", { name: "Cancel the job" }).click();
  await page.getByText("The job was cancelled").waitFor();
  const job = await checkMoney(id, before);
  assert.equal(job.ending, "cancelled_running");
  assert.ok(job.gross > 0);
});

test("closing the tab between launch and lock loses nothing: the job's page asks for the signature, and signs once", async () => {
  await sampleToPayment(page, /hello\.py/);
  await page.route("**/v1/broadcast", (route) => route.abort()); // the lock does not get out
  await page.getByRole("button", { name: /^Launch/ }).click();
  await page.getByText("The chain could not be told yet").waitFor();
  const { items: [made] } = await api(page, "/v1/jobs?limit=1");
  assert.equal(made.status, "awaiting_lock");
  await page.goto(`${url}/jobs/${made.id}`); // another day, perhaps
  await page.getByText("can never run any more").waitFor({ timeout: 60_000 }); // its tick has passed without it
  await page.unroute("**/v1/broadcast");
  await page.getByRole("button", { name: /^Sign again and lock/ }).click();
  await page.getByText("The job is done").waitFor({ timeout: 60_000 });
  const job = await settled(made.id);
  assert.equal(job.legs.filter((leg) => leg.kind === "return").length, 0); // paid once
  assert.equal(jobOf(page), made.id);
});

test("nobody complained: not the policy, not the page", () => {
  const expected = /ERR_CONNECTION_REFUSED|ERR_FAILED|422|503|WebSocket connection|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE/; // the bad file, the killed server, the lock that was held back
  assert.deepEqual(newcomer.complaints.filter((complaint) => !expected.test(complaint)), []);
});
