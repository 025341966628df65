// SPDX-License-Identifier: Apache-2.0
// A camera before a browser: it keeps the frames of one page at a time with their moments in the film, moves a pointer that can be seen, and
// writes down what is to be read under the picture. Its clock is the film's: it stands still while nothing worth seeing happens.
//
// Without a folder it is a rehearsal: every step is done, nothing is waited for that a viewer would only want to read, no frame is kept.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const VIEW = { width: 1280, height: 648 }; // under it is room for a caption
export const SCALE = 1.5; // to 1920 × 972
const FRAME_GAP_MS = 70;
const PACE = 1.35; // of the script's times: for somebody who sees the page for the first time
const CAPTION_MAX = 96; // characters that fit in the line
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** In every page: an arrow that is where the mouse is. Shapes by the DOM alone: a page's policy allows no style of ours. */
function pointer() {
  const show = () => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", "M2 1v18l5-4.5 3 7 3-1.3-3-6.9 6.6-.5z");
    for (const [name, value] of [["fill", "#fff"], ["stroke", "#111"], ["stroke-width", "1.4"], ["stroke-linejoin", "round"]]) path.setAttribute(name, value);
    svg.append(path);
    for (const [name, value] of Object.entries({ position: "fixed", left: "0", top: "0", width: "22px", height: "26px", zIndex: "2147483647", pointerEvents: "none", transformOrigin: "2px 1px" })) svg.style[name] = value;
    svg.setAttribute("aria-hidden", "true");
    let [x, y, down] = JSON.parse(sessionStorage.getItem("film.pointer") ?? "[640,324,false]");
    const place = () => (svg.style.transform = `translate(${x}px, ${y}px) scale(${down ? 0.8 : 1})`);
    const follow = (event) => {
      [x, y] = [event.clientX, event.clientY];
      if (event.type !== "pointermove") down = event.type === "pointerdown";
      sessionStorage.setItem("film.pointer", JSON.stringify([x, y, false]));
      place();
    };
    for (const type of ["pointermove", "pointerdown", "pointerup"]) addEventListener(type, follow, true);
    place();
    document.documentElement.append(svg);
  };
  if (document.documentElement === null) addEventListener("DOMContentLoaded", show);
  else show();
}

export class Camera {
  #folder;
  #frames = [];
  #captions = [];
  #offset = 0; // of the film's clock to the wall's, in ms
  #stopped = Date.now();
  #session = null;
  #page = null;
  #writing = Promise.resolve();
  #at = { x: VIEW.width / 2, y: VIEW.height / 2 };

  constructor(folder) {
    this.#folder = folder;
  }
  get rehearses() {
    return this.#folder === undefined;
  }
  /** Seconds of film until now. */
  get seconds() {
    return ((this.#stopped ?? Date.now()) - this.#offset - this.#start) / 1000;
  }
  #start = Date.now();

  /** Whoever is to be filmed gets a pointer. */
  async dress(context) {
    if (!this.rehearses) await context.addInitScript(pointer);
  }

  #keep(data) {
    const name = `${String(this.#frames.length).padStart(6, "0")}.jpg`;
    this.#frames.push({ name, at: this.seconds });
    this.#writing = Promise.all([this.#writing, writeFile(join(this.#folder, name), Buffer.from(data, "base64"))]);
  }

  /** From now on this page is seen. */
  async on(page) {
    this.#page = page;
    if (this.rehearses) return;
    await this.#off();
    await mkdir(this.#folder, { recursive: true });
    await page.bringToFront();
    const session = await page.context().newCDPSession(page);
    this.#session = session;
    session.on("Page.screencastFrame", async ({ data, sessionId }) => {
      if (this.#session === session && this.#stopped === null) this.#keep(data);
      await sleep(FRAME_GAP_MS); // one processor films and plays at once
      await session.send("Page.screencastFrameAck", { sessionId }).catch(() => undefined);
    });
    this.roll();
    await session.send("Page.startScreencast", { format: "jpeg", quality: 92, maxWidth: VIEW.width * SCALE, maxHeight: VIEW.height * SCALE });
  }
  async #off() {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    await session.send("Page.stopScreencast").catch(() => undefined);
    await session.detach().catch(() => undefined);
  }

  roll() {
    if (this.#stopped !== null) this.#offset += Date.now() - this.#stopped;
    this.#stopped = null;
  }
  /** The clock stands until it rolls, or until another page is seen. */
  cut() {
    this.#stopped ??= Date.now();
  }

  /** Time to read. */
  async rest(seconds) {
    if (!this.rehearses) await sleep(seconds * PACE * 1000);
  }
  /** Filmed for so long at most, until it is there; what is longer is cut. */
  async until(promise, seconds = 3) {
    let done = false;
    const watched = promise.finally(() => (done = true));
    if (!this.rehearses) {
      await Promise.race([watched, sleep(seconds * 1000)]);
      if (!done) this.cut();
    }
    const value = await watched;
    if (!this.rehearses && this.#stopped !== null) {
      this.roll();
      await this.#again();
    }
    return value;
  }
  /** After a cut: a page that does not move sends no frame by itself. */
  async #again() {
    const { data } = await this.#session.send("Page.captureScreenshot", { format: "jpeg", quality: 92 });
    this.#keep(data);
  }

  /** Read under the picture from now on: what this is, and what happens. */
  say(title, text, seconds = 0) {
    assert.ok(text.length <= CAPTION_MAX, `a caption of ${text.length} characters: ${text}`);
    this.#captions.push({ at: this.seconds, title, text });
    return this.rest(seconds);
  }

  async point(locator) {
    await locator.waitFor();
    await locator.scrollIntoViewIfNeeded();
    if (this.rehearses) return;
    await this.rest(0.3); // a scroll is seen
    const box = await locator.boundingBox();
    const to = { x: box.x + Math.min(box.width / 2, 220), y: box.y + box.height / 2 };
    const steps = Math.max(6, Math.min(20, Math.hypot(to.x - this.#at.x, to.y - this.#at.y) / 40));
    for (let step = 1; step <= steps; step++) {
      const part = 0.5 - Math.cos((Math.PI * step) / steps) / 2;
      await this.#page.mouse.move(this.#at.x + (to.x - this.#at.x) * part, this.#at.y + (to.y - this.#at.y) * part);
      await sleep(25);
    }
    this.#at = to;
  }
  async click(locator, seconds = 0.35) {
    await this.point(locator);
    await this.rest(seconds);
    await locator.click();
  }
  async type(locator, text) {
    await this.click(locator, 0.1);
    if (this.rehearses) return locator.fill(text);
    await locator.fill("");
    for (const letter of text) {
      await this.#page.keyboard.type(letter);
      await sleep(45);
    }
  }
  /** The wheel, gently. */
  async scroll(pixels) {
    if (this.rehearses) return;
    for (let step = 0; step < 12; step++) {
      await this.#page.mouse.wheel(0, pixels / 12);
      await sleep(40);
    }
  }

  /** The film as data: frames, captions, length. */
  async end() {
    if (this.rehearses) return;
    this.cut();
    await this.#off();
    await this.#writing;
    await writeFile(join(this.#folder, "film.json"), JSON.stringify({ frames: this.#frames, captions: this.#captions, seconds: this.seconds }));
  }
}

const PAPER = `<!doctype html><html lang="en"><meta charset="utf-8"><title>…</title><style>
  html, body { height: 100%; margin: 0; background: #14201f; color: #e9efed; }
  pre { margin: 0; padding: 28px 36px; font: 16px/1.5 "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
  b { color: #6fc7c4; font-weight: 600; } i { color: #e3b778; font-style: normal; }
  .title { display: grid; place-content: center; justify-items: center; gap: 20px; height: 100%; text-align: center; font-family: "DejaVu Sans", sans-serif; opacity: 0; transition: opacity 900ms ease-out; }
  .title.on { opacity: 1; } .title h1 { font-size: 54px; margin: 0; } .title p { font-size: 22px; line-height: 1.6; margin: 0; color: #b9c9c6; max-width: 900px; }
  svg .half { fill: #1f7f7c; } svg .cut { stroke: #14201f; stroke-width: 1.6; fill: none; }
</style><body></body></html>`;
const STICK = '<svg viewBox="0 0 32 32" width="130" height="130"><path class="half" d="M3 6h26v9H3zM3 17h26v9H3z"/><path class="cut" d="M8 10v5M13 10v5M18 10v5M24 7v8M8 17v5M13 17v5M18 17v5M24 17v8"/></svg>';
const escaped = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/** A page of paper: titles, and a terminal whose commands are really run. */
export class Paper {
  #camera;
  #page;
  #run;
  #lines = [];
  constructor(camera, page, run) {
    [this.#camera, this.#page, this.#run] = [camera, page, run];
  }
  async title(words, sentence, seconds) {
    await this.#page.setContent(PAPER);
    await this.#camera.on(this.#page);
    await this.#page.evaluate(([stick, h1, p]) => {
      document.body.innerHTML = `<div class="title">${stick}<h1>${h1}</h1><p>${p}</p></div>`;
      requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(".title").classList.add("on")));
    }, [STICK, escaped(words), escaped(sentence)]);
    await this.#camera.rest(seconds);
  }
  async terminal() {
    await this.#page.setContent(PAPER);
    this.#lines = [];
    await this.#draw("");
    await this.#camera.on(this.#page);
  }
  #draw(typed) {
    return this.#page.evaluate((html) => {
      document.body.innerHTML = `<pre>${html}</pre>`;
      scrollTo(0, document.body.scrollHeight);
    }, this.#lines.join("\n") + typed);
  }
  /** Typed, run, and what it said: its status must be 0. */
  async command(words, { show = 14, seconds = 1.5 } = {}) {
    const line = words.join(" ");
    for (let length = 1; !this.#camera.rehearses && length <= line.length; length += 2) {
      await this.#draw(`<b>$</b> ${escaped(line.slice(0, length))}<i>▏</i>`);
      await sleep(35);
    }
    await this.#camera.rest(0.4);
    const { status, output } = await this.#camera.until(this.#run(words), 4);
    assert.equal(status, 0, `${line}: ${output}`);
    this.#lines.push(`<b>$</b> ${escaped(line)}`, ...output.trimEnd().split("\n").slice(0, show).map(escaped), "");
    await this.#draw("<b>$</b> <i>▏</i>");
    await this.#camera.rest(seconds);
    return output;
  }
}
