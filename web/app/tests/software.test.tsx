// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
// What machines have and jobs need to find there: said by name, asked for, corrected, and refused with the ways on.
import { fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, describe, expect, test } from "vitest";
import { draftOf, keepDraft, newDraft, withChoice } from "../src/lib/drafts.ts";
import { byTelling, few, findingOf, imageName, modelError, packageName, packagesOf, shortVersion } from "../src/lib/software.ts";
import { claimWords } from "../src/lib/words.ts";
import { Software } from "../src/parts/Software.tsx";
import { id, match, matches, offer, upload } from "./fixtures.ts";
import { forAll, Random } from "./generate.ts";
import { asked, pass, problem, serve, setUp, settle, showPage, showPart } from "./screen.tsx";

setUp();
beforeEach(() => localStorage.clear());

const UPLOAD = id(7);
const STOCK = { python: "3.11.2", torch: "2.1.0+cu121", numpy: "1.26.2", diffusers: "0.25.0", sklearn: "1.3.2", cv2: "4.8.1", PIL: "10.1.0", own_thing: "" };

describe("names", () => {
  test("what tells most comes first, nothing is lost, and of many a few are said and the rest is counted", () => {
    forAll((random) => Object.fromEntries(Array.from({ length: random.below(64) }, () => [random.pick([...Object.keys(STOCK), `p${random.below(99)}`, "toString"]), String(random.below(9))])), (packages) => {
      const list = packagesOf(packages);
      expect(Object.fromEntries(list.map(({ name, version }) => [name, version]))).toEqual(packages);
      expect(list.map(({ name }) => name)).toEqual(Object.keys(packages).sort(byTelling));
      const { shown, more } = few(list);
      expect([shown.length + more, more === 1]).toEqual([list.length, false]);
      expect(list.slice(0, shown.length)).toEqual(shown);
    });
    expect(packagesOf(STOCK).map(({ name }) => packageName(name))).toEqual(["Python", "PyTorch", "diffusers", "scikit-learn", "NumPy", "OpenCV", "Pillow", "own_thing"]);
    expect(packageName("constructor")).toBe("constructor");
    expect(["2.1.0+cu121", "3.11.2", "10", "", "dev"].map(shortVersion)).toEqual(["2.1", "3.11", "10", "", "dev"]);
  });
  test("an image has one name, however it is spelt; a model's name is as a hub or a folder has it", () => {
    for (const spelt of ["python:3.11-slim", "docker.io/python:3.11-slim", "docker.io/library/python:3.11-slim", "localhost/python:3.11-slim"]) expect(imageName(spelt)).toBe("python:3.11-slim");
    expect(["debian", "registry:5000/a/b", "registry:5000/a/b:2", "docker.io/org/x", "a@sha256:00", "localhost/-x", "docker.io/scratch", "docker.io/library/"].map(imageName)).toEqual(["debian:latest", "registry:5000/a/b:latest", "registry:5000/a/b:2", "org/x:latest", null, null, null, null]);
    for (const good of ["", "sd-turbo", "stabilityai/sd-turbo", "a".repeat(128), "_x/1.0"]) expect(modelError(good), good).toBeNull();
    for (const bad of ["a/b/c", "/a", "a/", ".a", "a/.b", "a b", "ä", "a".repeat(129)]) expect(modelError(bad), bad).toContain("no model's name");
  });
  test("R2: a need has the finding that says so, and none that says something like it", () => {
    const evidence = ["framework torch", "requirements: needs torchvision", "requirements: needs torch", "requirements: needs the model org/torch", "requirements: needs nbclient, which executes notebooks"].map((claim) => ({ claim }));
    const of = (kind: "package" | "model" | "image", name: string) => findingOf({ kind, name }, evidence)?.claim;
    expect([of("package", "torch"), of("model", "org/torch"), of("package", "nbclient"), of("image", "torch"), of("package", "tor")]).toEqual([evidence[2]?.claim, evidence[3]?.claim, evidence[4]?.claim, undefined, undefined]);
    expect(evidence.slice(2).map(({ claim }) => claimWords(claim))).toEqual(["requirements: needs PyTorch", "requirements: needs the model org/torch", "requirements: needs nbclient, which executes notebooks"]);
  });
});

describe("R3: what a machine has", () => {
  const opened = async () => {
    const details = document.querySelector("details.software") as HTMLDetailsElement;
    details.open = true;
    fireEvent(details, new Event("toggle"));
    await settle();
    return [...details.querySelectorAll("li")].map((each) => each.textContent);
  };
  test("in a line each, and all of it for who opens it; what was not told is not nothing", async () => {
    const { unmount } = showPart(<Software offer={{ packages: STOCK, models: ["stabilityai/sd-turbo"], images: ["a:1", "b:1", "c:1", "d:1", "e:1"] }} />);
    expect([...document.querySelectorAll(".software-line")].map((each) => each.textContent)).toEqual(["Python 3.11 · PyTorch 2.1 · diffusers 0.25 · 5 more", "Model: stabilityai/sd-turbo", "Images: a:1 · b:1 · c:1 · 2 more"]);
    expect(document.querySelectorAll("li")).toHaveLength(0);
    expect(await opened()).toEqual(["Python 3.11.2", "PyTorch 2.1.0+cu121", "diffusers 0.25.0", "scikit-learn 1.3.2", "NumPy 1.26.2", "OpenCV 4.8.1", "Pillow 10.1.0", "own_thing ", "stabilityai/sd-turbo", "a:1", "b:1", "c:1", "d:1", "e:1"]);
    unmount();
    showPart(<Software offer={{ packages: null, models: [], images: [] }} />);
    expect([document.body.textContent, document.querySelector("details")]).toEqual(["packages not told", null]);
  });
  test("the market is asked for a package by its name, and the address says so", async () => {
    const items = [offer({ id: id(1), model: "first", packages: STOCK }), offer({ id: id(2), model: "second", packages: { python: "3.10.1" } }), offer({ id: id(3), model: "third" })];
    serve({ "GET /v1/offers": () => ({ items, next: null }) });
    await showPage("/market");
    const models = () => [...document.querySelectorAll(".offer-model")].map((each) => each.textContent);
    expect(models()).toEqual(["first", "second", "third"]);
    expect(document.querySelectorAll(".software-line")[2]?.textContent).toBe("packages not told");
    const select = screen.getByLabelText("Has") as HTMLSelectElement;
    expect([...select.options].map((each) => each.textContent)).toEqual(["anything", "PyTorch", "diffusers", "scikit-learn", "NumPy", "OpenCV", "Pillow", "own_thing"]);
    fireEvent.change(select, { target: { value: "torch" } });
    await settle();
    expect(models()).toEqual(["first"]);
    fireEvent.change(select, { target: { value: "" } });
    await settle();
    expect(models()).toHaveLength(3);
  });
  test("a package that no machine has is said to be missing, and stays chosen", async () => {
    serve({ "GET /v1/offers": () => ({ items: [offer({ packages: STOCK })], next: null }) });
    await showPage("/market?has=vllm");
    expect(document.body.textContent).toContain("None that is like that says that it has vLLM.");
    expect((screen.getByLabelText("Has") as HTMLSelectElement).value).toBe("vllm");
  });
  test("R9: its owner sees what it said and when, and how models come to be offered", async () => {
    const madeAt = (time: string) => `${Date.parse(time).toString(16).padStart(12, "0").replace(/^(.{8})/, "$1-")}-7000-8000-000000000001`;
    const made = madeAt("2026-11-25T11:00:00Z");
    const machine = { host_id: id(3), name: "rig", enrolled_at: "2026-11-01T00:00:00Z", online: true, changed_at: "2026-11-25T00:00:00Z", last_report_at: null, job_id: null, queued: 0, done: 9, lost: 0, measured_at: null, online_ms: 1, possible_ms: 2, permille: 500 };
    let models: string[] = [];
    let more: ReturnType<typeof offer>[] = [];
    serve({ "GET /v1/workers": () => ({ items: [machine], next: null }), "GET /v1/offers": () => ({ items: [offer({ id: made, host_id: id(3), packages: STOCK, models }), ...more], next: null }) });
    const { unmount } = await showPage("/machines");
    const has = () => document.querySelector(".machine-has")?.textContent ?? "";
    expect(has()).toContain("What this machine has, as published 1 h ago");
    expect(has()).toContain("Python 3.11 · PyTorch 2.1");
    expect(has()).toContain("tally-worker run --models DIR");
    unmount();
    models = ["sd-turbo"];
    more = [offer({ id: madeAt("2026-11-24T12:00:00Z"), host_id: id(3), packages: STOCK, models })]; // of its other GPU, a day old
    const second = await showPage("/machines");
    expect(has()).not.toContain("--models");
    expect(document.querySelectorAll(".machine-offers > li")).toHaveLength(2);
    expect(document.querySelectorAll(".machine-has")).toHaveLength(1); // one machine is told once
    expect(has()).toContain("published 1 h ago"); // by the newer of the two
    second.unmount();
    more = [offer({ id: id(1), host_id: id(3), models })];
    await showPage("/machines");
    expect([...document.querySelectorAll(".machine-has")].map((each) => /packages not told/.test(each.textContent ?? ""))).toEqual([false, true]);
  });
});

const NEEDS = { packages: ["torch", "sklearn"], model: "stabilityai/sd-turbo", image: null };
const FINDINGS = [{ file: "train.py", line: 1, words: "import torch", claim: "requirements: needs torch" }, { file: "lib.py", line: 4, words: "from_pretrained(…)", claim: "requirements: needs the model stabilityai/sd-turbo" }];
function needing(needs: { packages: string[]; model: string | null; image: string | null }) {
  const known = upload(new Random(1));
  const analysis = known.analysis as { requirements: object; evidence: object[] };
  return { ...known, analysis: { ...analysis, requirements: { ...analysis.requirements, ...needs }, evidence: [...analysis.evidence, ...FINDINGS] } };
}
const onMachine = () => screen.queryByTestId("on-machine")?.textContent ?? null;

describe("R2: what must be on the machine", () => {
  test("each need stands beside the finding that says so; a program that needs nothing says nothing", async () => {
    let now: object = needing(NEEDS);
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => now, "GET /v1/matches": () => matches([match(new Random(1), 1)]) });
    const { unmount } = await showPage(`/new/${UPLOAD}/offers`);
    expect([...screen.getByTestId("on-machine").querySelectorAll("li")].map((each) => each.textContent)).toEqual(["PyTorchtrain.py:1", "scikit-learn", "the model stabilityai/sd-turbolib.py:4"]);
    unmount();
    now = needing({ packages: [], model: null, image: "python:3.11-slim" });
    const second = await showPage(`/new/${UPLOAD}/offers`);
    expect(onMachine()).toBe("Must be on the machinethe image python:3.11-slim");
    second.unmount();
    now = upload(new Random(1)); // of a server that does not say
    await showPage(`/new/${UPLOAD}/offers`);
    expect(onMachine()).toBeNull();
  });

  test("a wrong need is taken out: what is left is sent, and nothing else; what was found stays said", async () => {
    const before = needing(NEEDS);
    let now: object = before;
    const { requirements: r, estimate, job_type } = before.analysis as unknown as { requirements: Record<string, number>; estimate: Record<string, number>; job_type: string };
    serve({
      [`GET /v1/uploads/${UPLOAD}`]: () => now, "GET /v1/matches": () => matches([match(new Random(1), 1)]),
      [`POST /v1/analyses/${UPLOAD}/override`]: ({ body }) => {
        const override = { job_type, ...r, tflops_milli: 1, p50_ms: estimate["p50_seconds"], p90_ms: estimate["p90_seconds"], ...(body as object), model: null, image: null, at: "2026-11-25T12:00:00Z", sequence: 9 };
        now = { ...before, override };
        return { override };
      },
    });
    await showPage(`/new/${UPLOAD}/offers`);
    fireEvent.click(screen.getByRole("button", { name: /Change it/ }));
    await settle();
    const dialog = within(screen.getByRole("dialog"));
    const counts = () => dialog.getByRole("button", { name: "This counts" }) as HTMLButtonElement;
    expect(counts().disabled).toBe(true);
    fireEvent.click(dialog.getByLabelText("PyTorch"));
    fireEvent.click(dialog.getByLabelText("scikit-learn"));
    fireEvent.click(dialog.getByLabelText("scikit-learn")); // and back
    const model = dialog.getByLabelText(/^Model/) as HTMLInputElement;
    fireEvent.change(model, { target: { value: "a b" } });
    expect([dialog.getByRole("alert").textContent?.includes("no model's name"), counts().disabled]).toEqual([true, true]);
    fireEvent.change(model, { target: { value: "" } });
    fireEvent.click(counts());
    await pass(10);
    expect(asked.find(({ what }) => what.endsWith("/override"))?.body).toEqual({ packages: ["sklearn"], model: "" });
    expect(onMachine()).toBe("Must be on the machinescikit-learnFound as well, and not needed as you said: PyTorch, the model stabilityai/sd-turbo");
  });

  test("the last package that is taken out leaves none, not what was found", async () => {
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => needing({ packages: ["torch"], model: null, image: "python:3.11-slim" }), "GET /v1/matches": () => matches([match(new Random(1), 1)]), [`POST /v1/analyses/${UPLOAD}/override`]: () => problem(422, "invalid", "no") });
    await showPage(`/new/${UPLOAD}/offers`);
    fireEvent.click(screen.getByRole("button", { name: /Change it/ }));
    await settle();
    const dialog = within(screen.getByRole("dialog"));
    expect(dialog.queryByLabelText(/^Model/)).toBeNull(); // of a Dockerfile it is the image, which the settings name
    fireEvent.click(dialog.getByLabelText("PyTorch"));
    fireEvent.click(dialog.getByRole("button", { name: "This counts" }));
    await pass(10);
    expect(asked.find(({ what }) => what.endsWith("/override"))?.body).toEqual({ packages: [] });
  });
});

describe("R3.4: a machine that lacks it", () => {
  test("why not is the server's words, and counted with the others", async () => {
    const rank = { ...match(new Random(1), 1), fit: "insufficient" as const, reasons: [{ check: "packages", fit: "insufficient" as const, text: "needs torch, sklearn; has no torch" }, { check: "model_or_image", fit: "insufficient" as const, text: "the model that it needs is not on this machine" }] };
    const fits = { ...match(new Random(2), 2), fit: "recommended" as const };
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => needing(NEEDS), "GET /v1/matches": () => ({ ...matches([fits, rank]), not_suitable: [{ check: "packages", count: 1, text: "needs torch, sklearn; not all of it is there" }] }) });
    await showPage(`/new/${UPLOAD}/offers`);
    expect(screen.getByTestId("why-not").textContent).toBe("1needs torch, sklearn; not all of it is there");
    const row = [...document.querySelectorAll("table tbody tr")].find((each) => each.textContent?.includes("machine 1"));
    expect(row?.textContent).toContain("needs torch, sklearn; has no torch; the model that it needs is not on this machine");
    expect(row?.querySelector("button")?.disabled).toBe(true);
  });

  test("a refusal says what is lacking and the ways on: another machine, a network for a model, another image, or a corrected need", async () => {
    keepDraft(withChoice(newDraft(UPLOAD, "train.py"), { offer: id(1) }));
    let refused = ["offer_insufficient", "the offer does not fit: needs torch; has no torch"] as const as readonly [string, string];
    serve({ [`GET /v1/uploads/${UPLOAD}`]: () => needing(NEEDS), "POST /v1/matches": () => ({ id: id(4) }), "POST /v1/quotes": () => problem(409, ...refused) });
    const links = async () => {
      const { unmount } = await showPage(`/new/${UPLOAD}/pay`);
      const panel = screen.getByRole("alert");
      const said = { text: panel.textContent ?? "", links: [...panel.querySelectorAll("a")].map((each) => each.textContent) };
      unmount();
      return said;
    };
    const packages = await links();
    expect(packages.text).toContain("has no torch");
    expect(packages.text).toContain("Nothing was paid");
    expect(packages.links).toEqual(["Choose another machine", "correct what was found"]);
    refused = ["offer_insufficient", "the offer does not fit: the model that it needs is not on this machine"];
    expect((await links()).links).toEqual(["Choose another machine", "let the program reach the Internet", "correct what was found"]);
    refused = ["not_on_machine", "the model or container image that this job needs is not on this machine: take one whose offer lists it"];
    expect((await links()).links).toEqual(["Choose another machine", "let the program reach the Internet", "name another image", "correct what was found"]);
    refused = ["offer_insufficient", "the offer does not fit: the container image that it needs is not on this machine"];
    expect((await links()).links).toEqual(["Choose another machine", "name another image", "correct what was found"]);
    refused = ["host_offline", "the machine does not ask for jobs now"];
    expect((await links()).links).toEqual([]);
    expect(draftOf(UPLOAD)?.offer).toBe(id(1)); // nothing is thrown away by a refusal
  });
});
