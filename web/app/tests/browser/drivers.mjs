// SPDX-License-Identifier: Apache-2.0
// Firefox and WebKit by what they understand themselves, without a library: WebDriver BiDi over a WebSocket, and WebDriver over HTTP. Both take
// the same W3C actions, so a click is a click. `complaints`: what the page said to the console as an error, or threw; in WebKit, whose driver
// has no BiDi and passes nothing on, from when it was loaded.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 90_000;
const MINI_BROWSER = `/usr/lib/${{ x64: "x86_64", arm64: "aarch64" }[process.arch]}-linux-gnu/webkit2gtk-4.1/MiniBrowser`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A program with a home of its own, and the first line it says that fits. */
async function start(program, flags, { says, on = "stderr", home, more = {} }) {
  const child = spawn(program, flags, { env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, ...more }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const found = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`${program} ended with ${status}: ${said}`)));
    for (const stream of ["stdout", "stderr"]) {
      child[stream].setEncoding("utf8").on("data", (text) => {
        said += text;
        const match = stream === on ? says?.exec(said) : null;
        if (match) resolve(match[1]);
      });
    }
    if (says === undefined) resolve(null);
  });
  return { child, answer: await found };
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill();
  const late = setTimeout(() => child.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(late);
}

/** In a page whose browser tells nobody what is said to its console: it is kept from here on. */
function listening() {
  globalThis.complaints = [];
  const keep = (what) => globalThis.complaints.push(String(what));
  const { error } = console;
  console.error = (...all) => (keep(all.join(" ")), error.apply(console, all));
  addEventListener("error", (event) => keep(event.message));
  addEventListener("unhandledrejection", (event) => keep(event.reason));
  document.addEventListener("securitypolicyviolation", (event) => keep(`the policy refuses ${event.blockedURI} (${event.violatedDirective})`));
}

/** What a script needs of a browser, on top of: go (to an address), evaluate (an expression), act (W3C actions), close. */
class Driver {
  complaints = [];
  #leave = [];
  constructor(name) {
    this.name = name;
  }
  async listen() {} // what was said since, into complaints; nothing to do where it comes by itself
  leave(action) {
    this.#leave.push(action);
  }
  async close() {
    for (const action of this.#leave.reverse()) await action();
    this.#leave = [];
  }
  async home() {
    const folder = await mkdtemp(join(tmpdir(), "tally-browser-"));
    this.leave(() => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
    return folder;
  }
  ask(read, ...values) {
    return this.evaluate(`JSON.stringify((${read})(...${JSON.stringify(values)}) ?? null)`).then(JSON.parse);
  }
  /** The first answer that is neither null nor false. */
  async until(what, read, ...values) {
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(60)) {
      const value = await this.ask(read, ...values);
      if (value !== null && value !== false) return value;
      if (Date.now() > end) throw new Error(`${this.name} waited for ${what}; it shows: ${await this.ask(() => document.body.innerText.slice(0, 1500))}`);
    }
  }
  sees(text) {
    return this.until(`"${text}"`, (words) => document.body.innerText.includes(words), text);
  }
  /** The first that can be clicked and whose words fit, once it stands still. */
  async click(selector, words) {
    const { x, y } = await this.until(`${selector} ${words}`, (css, pattern) => {
      const found = [...document.querySelectorAll(css)].find((element) => new RegExp(pattern).test(element.innerText.trim()) && !element.disabled);
      if (found === undefined) return null;
      found.scrollIntoView({ block: "center", behavior: "instant" });
      const box = found.getBoundingClientRect();
      const place = JSON.stringify([box.x, box.y, box.width, box.height]);
      const still = globalThis.lastPlace === place;
      globalThis.lastPlace = place;
      return still ? { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) } : null;
    }, selector, words.source);
    await this.act([{ type: "pointer", id: "mouse", parameters: { pointerType: "mouse" }, actions: [{ type: "pointerMove", x, y, duration: 0 }, { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }] }]);
  }
}

export async function firefox() {
  const driver = new Driver("Firefox");
  try {
    const home = await driver.home();
    const { child, answer } = await start("/usr/bin/firefox-esr", ["--headless", "--no-remote", "--profile", home, "--remote-debugging-port=0"], { says: /WebDriver BiDi listening on (ws:\S+)/, home });
    driver.leave(() => stop(child));
    const socket = new WebSocket(`${answer}/session`);
    await once(socket, "open");
    const waiting = new Map();
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "event") {
        if (message.method === "log.entryAdded" && message.params.level === "error") driver.complaints.push(message.params.text);
        return;
      }
      const { resolve, reject } = waiting.get(message.id);
      if (message.type === "error") reject(new Error(`${message.error}: ${message.message}`));
      else resolve(message.result);
    });
    const call = (method, params = {}) => new Promise((resolve, reject) => {
      waiting.set(waiting.size + 1, { resolve, reject });
      socket.send(JSON.stringify({ id: waiting.size, method, params }));
    });
    await call("session.new", { capabilities: {} });
    await call("session.subscribe", { events: ["log.entryAdded"] });
    const context = (await call("browsingContext.getTree")).contexts[0].context;
    driver.go = (url) => call("browsingContext.navigate", { context, url, wait: "complete" });
    driver.evaluate = async (expression) => {
      const { type, result, exceptionDetails } = await call("script.evaluate", { expression, target: { context }, awaitPromise: true });
      assert.equal(type, "success", exceptionDetails?.text);
      return result.value;
    };
    driver.act = (actions) => call("input.performActions", { context, actions });
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}

export async function webkit() {
  const driver = new Driver("WebKit");
  try {
    const home = await driver.home();
    const { child: screen, answer: display } = await start("/usr/bin/Xvfb", ["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"], { says: /^(\d+)\n/, on: "stdout", home });
    driver.leave(() => stop(screen));
    const port = await freePort(); // it cannot choose one itself
    const { child } = await start("/usr/bin/WebKitWebDriver", [`--port=${port}`], {
      home, more: { DISPLAY: `:${display}`, GDK_BACKEND: "x11", WEBKIT_DISABLE_COMPOSITING_MODE: "1", NO_AT_BRIDGE: "1", GIO_USE_VFS: "local" },
    });
    driver.leave(() => stop(child));
    const call = async (method, path, body) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      const { value } = await answer.json();
      assert.ok(answer.ok, `${path}: ${value?.error} ${value?.message}`);
      return value;
    };
    for (const end = Date.now() + PATIENCE_MS; ; await sleep(50)) {
      const status = await call("GET", "/status").catch(() => null);
      if (status?.ready) break;
      assert.ok(Date.now() < end, "WebKitWebDriver does not answer");
    }
    const options = { binary: MINI_BROWSER, args: ["--automation"] };
    const { sessionId } = await call("POST", "/session", { capabilities: { alwaysMatch: { "webkitgtk:browserOptions": options } } });
    const session = `/session/${sessionId}`;
    driver.leave(() => call("DELETE", session).catch(() => undefined));
    driver.go = async (url) => {
      await driver.listen();
      await call("POST", `${session}/url`, { url });
      await driver.ask(listening);
    };
    driver.listen = async () => driver.complaints.push(...(await driver.ask(() => globalThis.complaints?.splice(0) ?? [])));
    driver.evaluate = (expression) => call("POST", `${session}/execute/sync`, { script: `return ${expression}`, args: [] });
    driver.act = (actions) => call("POST", `${session}/actions`, { actions });
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}
