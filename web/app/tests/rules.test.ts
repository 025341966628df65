// SPDX-License-Identifier: Apache-2.0
// The page's own rules: paying once, steps of the wizard, order of offers, settings, files, output.
import { beforeEach, describe, expect, test } from "vitest";
import type { Escrow, Job, Rank, Terms } from "../src/api/schema.ts";
import { execFileSync } from "node:child_process";
import { curlOf, shellWord } from "../src/lib/curl.ts";
import { spansOf } from "../src/lib/ansi.ts";
import { draftOf, draftsKept, furthest, keepDraft, mayEnter, newDraft, STEPS, withChoice } from "../src/lib/drafts.ts";
import { changesOf, formOf } from "../src/lib/figures.ts";
import { entryChoices, refusal } from "../src/lib/files.ts";
import { chooseTick, keepLock, lockStep, paymentOf, sentLock } from "../src/lib/lock.ts";
import { nearest } from "../src/lib/nearest.ts";
import { classesInWords, joined, selectable, titleOf, worstFirst } from "../src/lib/ranking.ts";
import { joinArguments, settingsErrors, settingsOf, splitArguments } from "../src/lib/settings.ts";
import { meant, nearness } from "../src/lib/palette.ts";
import { parametersOf } from "../src/lib/parameters.ts";
import { sealTo } from "../src/lib/sealing.ts";
import { lineOf, readable } from "../src/lib/sources.ts";
import { crossing, fullness, heat, trend } from "../src/lib/thresholds.ts";
import type { Sample } from "../src/live/run.ts";
import { forAll, type Random } from "./generate.ts";

const kept = new Map<string, string>();
beforeEach(() => {
  kept.clear();
  const storage = new Proxy({}, { ownKeys: () => [...kept.keys()], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_, name) => ({ getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => void kept.set(key, text), removeItem: (key: string) => void kept.delete(key) })[String(name)] });
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
});

describe("paying a lock", () => {
  const escrow = (change: Partial<Escrow> = {}): Escrow => ({
    id: "e", identity: "ESCROW", amount: 500n, last_tick: 1000, input_type: 21587, input: "00", status: "requested", confirmations: 0, required: 3, expected_ms: null,
    lock_transaction: null, consumer_identity: "ME", provider_identity: "P", shortfall: false, ...change });
  const chain = (tick: number, processed = tick - 1): Terms["chain"] => ({ tick, processed, tick_ms: 1000, answers: true, explorer_url: null, faucet: false });
  const sent = { hex: "aa", id: "t", tick: 100 };

  test("while a lock may still run, no other one is signed", () => {
    forAll((random) => ({ at: random.below(1000), more: random.below(16) - 4, behind: random.below(5) }), ({ at, more, behind }) => {
      const tick = at + more;
      const step = lockStep(escrow(), { ...sent, tick: at }, chain(tick, tick - behind));
      if (tick - behind < at + 3) expect(step).toBe("sent");
      else expect(["lost", "late"]).toContain(step);
    });
  });
  test("what was seen is never paid again, and after the last tick nothing is", () => {
    for (const status of ["observed", "locked", "settled", "closed"] as const) expect(lockStep(escrow({ status }), null, chain(5))).toBe("seen");
    expect(lockStep(escrow(), null, chain(5))).toBe("unsigned");
    expect(lockStep(escrow(), null, chain(999))).toBe("late");
    expect(lockStep(escrow(), sent, chain(500))).toBe("lost");
  });
  test("the tick is far enough ahead to get there and never behind the last one", () => {
    const terms = (tick: number) => ({ terms: { tick_offset: 5 }, chain: chain(tick) }) as Terms;
    expect(chooseTick(terms(10), escrow(), 0)).toBe(17);
    expect(chooseTick(terms(10), escrow(), 3000)).toBe(23); // on a slow line it is told later
    expect(chooseTick(terms(998), escrow(), 0)).toBe(1000);
  });
  test("only what was quoted is signed, and only by the job's own wallet", () => {
    const job = { cap: 500n, escrow: escrow() } as Job;
    expect(paymentOf(job, 500n, "ME", 7)).toEqual({ destination: "ESCROW", amount: 500n, tick: 7, inputType: 21587, input: "00" });
    expect(() => paymentOf(job, 499n, "ME", 7)).toThrow("another amount than it quoted");
    expect(() => paymentOf({ ...job, cap: 501n }, null, "ME", 7)).toThrow("another amount than it quoted");
    expect(() => paymentOf(job, 500n, "YOU", 7)).toThrow("another identity");
  });
  test("what was sent is remembered after a reload", () => {
    expect(sentLock("j")).toBeNull();
    keepLock("j", sent);
    expect(sentLock("j")).toEqual(sent);
  });
});

describe("the wizard", () => {
  test("P10: a step is shut until the one before it is done", () => {
    const draft = newDraft("u", "a.py");
    expect([furthest(null), furthest(draft), furthest({ ...draft, offer: "o" })]).toEqual(["upload", "offers", "pay"]);
    expect(STEPS.filter((step) => mayEnter(draft, step))).toEqual(["upload", "offers"]);
    expect(STEPS.filter((step) => mayEnter(null, step))).toEqual(["upload"]);
  });
  test("P11: whatever was chosen is there after going back, and after a reload", () => {
    forAll((random) => ({ offer: String(random.below(9)), args: Array.from({ length: random.below(4) }, () => String(random.below(99))) }), ({ offer, args }) => {
      const draft = withChoice(withChoice(newDraft("u", "a.py"), { offer }), { settings: { arguments: args } });
      keepDraft(draft);
      expect(draftOf("u")).toEqual({ ...draft, at: draftOf("u")?.at });
    });
  });
  test("another choice is another quote and another job; the same choice is the same", () => {
    const draft = { ...withChoice(newDraft("u", "a.py"), { offer: "1" }), job: "j" };
    expect(withChoice(draft, { offer: "1" })).toMatchObject({ quoteKey: draft.quoteKey, jobKey: draft.jobKey, job: "j" });
    const other = withChoice(draft, { offer: "2" });
    expect(other.quoteKey).not.toBe(draft.quoteKey);
    expect(other.jobKey).not.toBe(draft.jobKey);
    expect(other.job).toBeUndefined();
  });
  test("a draft that somebody else wrote into the storage is none", () => {
    kept.set("tally.draft.u", '{"upload":1}');
    kept.set("tally.draft.v", "{{{");
    expect([draftOf("u"), draftOf("v"), draftsKept()]).toEqual([null, null, []]);
  });
});

const FITS = ["recommended", "compatible", "borderline", "insufficient"] as const;
const randomRank = (random: Random, id: number): Rank => ({
  rank: id, offer_id: String(id), fit: random.pick(FITS), score: 100 - id, p50_ms: random.below(10_000), p90_ms: 0, cost: random.pick([null, random.amount(10n ** 9n)]), cap: null, why: "",
  reasons: Array.from({ length: random.below(12) }, (_, check) => ({ check: String(check), fit: random.pick(FITS), text: "" })), offer: {} as Rank["offer"] });

describe("offers", () => {
  test("R3.4: what does not fit, or costs more than a lock can hold, cannot be chosen", () => {
    forAll((random) => randomRank(random, 1), (rank) => expect(selectable(rank)).toBe(rank.fit !== "insufficient" && rank.cost !== null));
  });
  test("R3.3: what stands against an offer is said first, and no reason is lost", () => {
    forAll((random) => randomRank(random, 1), ({ reasons }) => {
      const sorted = worstFirst(reasons);
      expect(sorted.every((reason, at) => at === 0 || FITS.indexOf(sorted[at - 1]?.fit ?? "recommended") >= FITS.indexOf(reason.fit))).toBe(true);
      expect(sorted.map(({ check }) => check).sort()).toEqual(reasons.map(({ check }) => check).sort());
    });
  });
  test("R3.8: each of the best three says what it is best at", () => {
    expect(titleOf({ picked_as: "best_value", best_at: ["best_value", "fastest", "cheapest"] })).toBe("Best value, fastest and cheapest");
    expect(titleOf({ picked_as: "fastest", best_at: ["fastest"] })).toBe("Fastest");
    expect(titleOf({ picked_as: "cheapest", best_at: [] })).toBe("Next cheapest");
  });
  test("pages of a market that moves show each offer once, as seen first", () => {
    forAll((random) => Array.from({ length: random.below(4) }, () => ({ ranking: Array.from({ length: random.below(20) }, () => randomRank(random, random.below(25))) })), (pages) => {
      const all = pages.flatMap((page) => page.ranking);
      const ids = [...new Set(all.map((rank) => rank.offer_id))];
      expect(joined(pages)).toEqual(ids.map((id) => all.find((rank) => rank.offer_id === id)));
    });
  });
  test("classes are counted in words", () => {
    expect(classesInWords({ recommended: 3, compatible: 0, borderline: 1, insufficient: 2 })).toBe("3 fit well, 1 is tight, 2 do not fit");
  });
});

describe("settings", () => {
  test("arguments come back as they were, quotes and blanks too", () => {
    forAll((random) => Array.from({ length: random.below(6) }, () => Array.from({ length: random.below(6) }, () => random.pick(["a", " ", "-", "'", "7"])).join("")), (list) => {
      expect(splitArguments(joinArguments(list))).toEqual(list);
    });
    expect(splitArguments(`--name "two words" 'and "three"' --x=1`)).toEqual(["--name", "two words", 'and "three"', "--x=1"]);
    expect(splitArguments('"open')).toBeNull();
  });
  test("what the server would refuse is said here, in words", () => {
    expect(settingsErrors("--epochs 5", [["A_1", "x"], ["", ""]])).toEqual({});
    expect(settingsErrors('"', []).arguments).toContain("not closed");
    for (const [name, words] of [["1A", "letters"], ["A-B", "letters"], ["TALLY_X", "TALLY_"]] as const) expect(settingsErrors("", [[name, "x"]]).environment, name).toContain(words);
    expect(settingsErrors("", [["A", "1"], ["A", "2"]]).environment).toContain("twice");
    expect(settingsErrors("x".repeat(9000), []).arguments).toContain("8192");
    expect(settingsOf("", [])).toEqual({});
    expect([settingsOf("", [], { network: true }), settingsOf("", [], { network: false })]).toEqual([{ network: true }, {}]); // R11: off unless asked
    expect(settingsErrors("", [["A", "1"]], { sealed: { A: "00" } }).environment).toContain("twice");
    expect(settingsErrors("", [], { sealed: { A: "0".repeat(9000) } }).arguments).toContain("8192");
  });
  test("secrets are sealed for one machine: another one gets none of them, other settings keep them", () => {
    const draft = withChoice(withChoice(newDraft("u", "a.py"), { offer: "1" }), { settings: { arguments: ["x"], sealed: { A: "00" } }, sealedTo: "key" });
    expect(withChoice(draft, { offer: "1" })).toMatchObject({ settings: { sealed: { A: "00" } }, sealedTo: "key" });
    const other = withChoice(draft, { offer: "2" });
    expect([other.settings, other.sealedTo]).toEqual([{ arguments: ["x"] }, undefined]);
  });
  test("other settings are another price, a secret is not until a job has it", () => {
    const draft = withChoice(newDraft("u", "a.py"), { offer: "1" });
    expect(withChoice(draft, { settings: { arguments: ["x"] } }).quoteKey).not.toBe(draft.quoteKey); // it may take longer
    expect(withChoice(draft, { settings: { sealed: { A: "00" } }, sealedTo: "key" }).quoteKey).toBe(draft.quoteKey);
    expect(withChoice(draft, { settings: { arguments: ["x"] } }).jobKey).not.toBe(draft.jobKey);
    expect(withChoice({ ...draft, job: "j" }, { settings: { arguments: ["x"] } }).quoteKey).not.toBe(draft.quoteKey);
  });
  test("a secret is a box that only the key's owner opens, another one each time", async () => {
    const lib = (await import("libsodium-wrappers-sumo")).default;
    await lib.ready;
    const { publicKey, privateKey } = lib.crypto_box_keypair();
    const [first, second] = [await sealTo(lib.to_hex(publicKey), "swordfish"), await sealTo(lib.to_hex(publicKey), "swordfish")];
    expect(first).not.toBe(second);
    expect(lib.to_string(lib.crypto_box_seal_open(lib.from_hex(first), publicKey, privateKey))).toBe("swordfish");
  });
  test("P45: what of the arguments says how much work it is", () => {
    expect(parametersOf(["--epochs", "5", "--batch_size=8", "--model", "resnet50", "--lr", "0.1", "--tokens", "many", "--images", "-3"])).toEqual({ epochs: 5, batch_size: 8, model: "resnet50" });
    expect(parametersOf(["--epochs"])).toEqual({});
    expect(parametersOf(["--model", "--epochs", "0"])).toEqual({});
  });
});

describe("the same from a terminal", () => {
  test("a shell reads back what was written, whatever is in it", () => {
    forAll((random) => Array.from({ length: random.below(12) }, () => random.pick(["a", "'", '"', "$HOME", "`", "\\", "\n", " ", "ü"])).join(""), (text) => {
      expect(execFileSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" })).toBe(text);
    });
  });
  test("a command has the key and the body, and never a token", () => {
    expect(curlOf("http://x", { path: "/v1/jobs", method: "POST", body: { a: "it's" }, key: "k" }))
      .toBe(`curl -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: k' -H 'Content-Type: application/json' -d '{"a":"it'\\''s"}' 'http://x/v1/jobs'`);
    expect(curlOf("http://x", { path: "/v1/uploads?name=a.py", method: "POST", file: "a.py" })).toContain("--data-binary '@a.py'");
  });
});

describe("files", () => {
  test("P1 P5 P57: each file is taken, or says why not and what would do", () => {
    for (const name of ["a.py", "Train.IPYNB", "Dockerfile", "gpu.dockerfile", "data.tar.gz", "x.csv"]) expect(refusal({ name, size: 10 }, 1000), name).toBeNull();
    for (const name of ["a.exe", "a", "py", "movie.mp4", ".bashrc"]) expect(refusal({ name, size: 10 }, 1000), name).toContain("Supported: Python");
    expect(refusal({ name: "a.py", size: 0 }, 1000)).toBe("This file is empty.");
    expect(refusal({ name: "a.py", size: 500_000_001 }, 500_000_000)).toContain("at most 500 MB");
    expect(refusal({ name: "a.py", size: 10 ** 12 }, null)).toBeNull(); // the server knows its limit
  });
  test("P6: of several, each is judged by itself", () => {
    forAll((random) => Array.from({ length: random.below(12) }, () => ({ name: random.pick(["a.py", "b.exe", "c.csv"]), size: random.below(3) })), (files) => {
      for (const file of files) expect(refusal(file, 10) === null).toBe(file.size > 0 && file.name !== "b.exe");
    });
  });
});

describe("what was found, and what is said against it", () => {
  const found = { job_type: "mnist", device: "gpu", gpus: 1, vram_mib: 10_000, tflops_milli: 18_000, ram_mib: 16_384, storage_mib: 40_960, p50_ms: 61_001, p90_ms: 123_457, packages: ["torch", "diffusers"], model: "stabilityai/sd-turbo", image: null };
  test("only what was changed is sent, whatever the numbers are", () => {
    forAll((random) => ({ ...found, vram_mib: random.below(100_000), ram_mib: random.below(1_000_000), p50_ms: 1 + random.below(10 ** 6), p90_ms: 10 ** 6 + random.below(10 ** 8) }), (figures) => {
      expect(changesOf(figures, formOf(figures))).toEqual({ changes: {}, error: null });
      expect(changesOf(figures, { ...formOf(figures), disk: "7.5" }).changes).toEqual({ storage_mib: 7680 });
    });
    forAll((random) => ({ ...found, packages: ["torch", "diffusers", "sklearn"].filter(() => random.below(2) === 0) }), (figures) => {
      for (const name of figures.packages) expect(changesOf(figures, { ...formOf(figures), packages: figures.packages.filter((each) => each !== name) }).changes).toEqual({ packages: figures.packages.filter((each) => each !== name) });
      expect(changesOf(figures, { ...formOf(figures), model: " sd-turbo " }).changes).toEqual({ model: "sd-turbo" });
    });
    expect(changesOf({ ...found, device: "cpu", gpus: 0 }, { ...formOf(found), device: "gpu" }).changes).toEqual({ device: "gpu", gpus: 1 });
  });
  test("what cannot be is said, and nothing is sent", () => {
    for (const [change, words] of [[{ ram: "much" }, "Memory is a number"], [{ ram: "" }, "Memory"], [{ disk: "-1" }, "Disk"], [{ p50: "0" }, "above 0"], [{ p50: "9" }, "not shorter"], [{ model: "a/b/c" }, "no model's name"]] as const) {
      expect(changesOf(found, { ...formOf(found), ...change })).toMatchObject({ changes: {}, error: expect.stringContaining(words) as string });
    }
  });
  test("R1.8: which file starts the job is read from the server's question", () => {
    expect(entryChoices("which file starts the job? It could be sweep.py, src/evaluate.py; name one as the entry")).toEqual(["sweep.py", "src/evaluate.py"]);
    expect(entryChoices("which file starts the job? It could be a.py or one of 12 more; name one as the entry")).toEqual(["a.py"]);
    expect(entryChoices("the format is not known")).toEqual([]);
  });
  test("R2: a finding is at its line if its words are there, else where they are; in a notebook cells are counted", () => {
    expect(lineOf("a\nimport torch\n", 2, "import torch")).toBe(2);
    expect(lineOf("a\nb\nimport torch\n", 1, "import torch")).toBe(3);
    expect(lineOf("a\n", 1, "")).toBe(1);
    expect([lineOf("a\n", 9, ""), lineOf("a\n", 1, "b")]).toEqual([0, 0]);
    const notebook = JSON.stringify({ cells: [{ cell_type: "markdown", source: ["x"] }, { cell_type: "code", source: ["import os\n", "import torch"] }] });
    expect(lineOf(readable("n.ipynb", notebook), 1, "import torch")).toBe(3);
    expect(readable("n.ipynb", "{broken")).toBe("{broken");
  });
});

describe("output", () => {
  test("colours become spans, everything else of a terminal is left out, and no letter is lost", () => {
    expect(spansOf("plain")).toEqual([{ text: "plain", style: "" }]);
    expect(spansOf("\u001b[1;31mred\u001b[0m \u001b[2Kok")).toEqual([{ text: "red", style: "ansi-1 ansi-bold" }, { text: " ", style: "" }, { text: "ok", style: "" }]);
    expect(spansOf("50 %\r100 %")).toEqual([{ text: "100 %", style: "" }]);
    forAll((random) => Array.from({ length: random.below(20) }, () => random.pick(["a", "b", "\u001b[32m", "\u001b[0m", "<b>", "\u001b[", "\u001b]0;t\u0007"])).join(""), (line) => {
      expect(spansOf(line).map((span) => span.text).join("")).not.toContain("\u001b[32m");
    });
  });
  test("P28: hovering finds the sample that is nearest in time", () => {
    forAll((random) => ({ times: Array.from({ length: 1 + random.below(50) }, () => random.below(1000)).sort((a, b) => a - b), at: random.below(1200) - 100 }), ({ times, at }) => {
      const best = Math.min(...times.map((time) => Math.abs(time - at)));
      expect(Math.abs((times[nearest(times, at)] ?? 0) - at)).toBe(best);
    });
  });
});

describe("Ctrl-K", () => {
  test("what begins with it comes first, every letter counts, and nothing else is there", () => {
    expect(meant(["New job", "Jobs", "Enjoyable", "Money"], (text) => text, "jo", 9)).toEqual(["Jobs", "New job", "Enjoyable"]);
    expect(meant(["a", "b", "c"], (text) => text, "", 2)).toEqual(["a", "b"]);
    forAll((random) => ({ text: Array.from({ length: random.below(10) }, () => random.pick(["a", "b", "c", " "])).join(""), query: Array.from({ length: random.below(4) }, () => random.pick(["a", "b", "c"])).join("") }), ({ text, query }) => {
      expect(nearness(text, query) !== null).toBe(new RegExp([...query].join(".*")).test(text));
    });
  });
});

describe("thresholds", () => {
  test("R8.3 P27: every temperature has its colour: green below 70, yellow to 80, red above", () => {
    forAll((random) => random.below(120), (celsius) => expect(heat(celsius).tone).toBe(celsius < 70 ? "done" : celsius <= 80 ? "waiting" : "failed"));
    expect([69, 70, 80, 81].map((celsius) => heat(celsius).tone)).toEqual(["done", "waiting", "waiting", "failed"]);
    expect([fullness(96, 100).tone, fullness(90, 100).tone, fullness(85, 100).tone, fullness(1, 0).tone]).toEqual(["failed", "waiting", "done", "done"]);
  });
  test("R8.5 P27: how long it was above is never more than the run, and its highest is the highest", () => {
    forAll((random) => Array.from({ length: random.below(50) }, (_, index) => ({ at: index * 2000, temperature: random.pick([null, 60 + random.below(40)]) }) as Sample), (samples) => {
      const found = crossing(samples, (sample) => sample.temperature, (value) => value > 80);
      const over = samples.map((sample) => sample.temperature ?? 0).filter((value) => value > 80);
      expect(found?.highest ?? null).toBe(over.length === 0 ? null : Math.max(...over));
      if (found !== null) expect(found.ms).toBeLessThanOrEqual(Math.max(0, over.length - 1) * 2000);
    });
    const samples = [81, 90, 85, 70, 82].map((temperature, index) => ({ at: index * 2000, temperature }) as Sample);
    expect(crossing(samples, (sample) => sample.temperature, (value) => value > 80)).toEqual({ ms: 4000, highest: 90, at: 2000 });
  });
  test("R8.4: a trend is told when there are two stretches to compare", () => {
    const times = Array.from({ length: 11 }, (_, index) => index * 2000);
    expect(trend(times, times.map((_, index) => 100 + index * 10))).toBe("rising");
    expect(trend(times, times.map((_, index) => 300 - index * 10))).toBe("falling");
    expect(trend(times, times.map(() => 200))).toBe("steady");
    expect(trend([0, 2000], [100, 200])).toBeNull();
    expect(trend([], [])).toBeNull();
  });
});
