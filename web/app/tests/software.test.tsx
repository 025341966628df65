// SPDX-License-Identifier: Apache-2.0
// @vitest-environment happy-dom
// What machines have for jobs, said by name.
import { fireEvent, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import { byTelling, few, packageName, packagesOf, shortVersion } from "../src/lib/software.ts";
import { Software } from "../src/parts/Software.tsx";
import { id, offer } from "./fixtures.ts";
import { forAll } from "./generate.ts";
import { serve, setUp, settle, showPage, showPart } from "./screen.tsx";

setUp();

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
    const at = Date.parse("2026-11-25T11:00:00Z");
    const made = `${at.toString(16).padStart(12, "0").replace(/^(.{8})/, "$1-")}-7000-8000-000000000001`;
    const machine = { host_id: id(3), name: "rig", enrolled_at: "2026-11-01T00:00:00Z", online: true, changed_at: "2026-11-25T00:00:00Z", last_report_at: null, job_id: null, queued: 0, done: 9, lost: 0, measured_at: null, online_ms: 1, possible_ms: 2, permille: 500 };
    let models: string[] = [];
    serve({ "GET /v1/workers": () => ({ items: [machine], next: null }), "GET /v1/offers": () => ({ items: [offer({ id: made, host_id: id(3), packages: STOCK, models })], next: null }) });
    const { unmount } = await showPage("/machines");
    const has = () => document.querySelector(".machine-has")?.textContent ?? "";
    expect(has()).toContain("What this machine has, as published 1 h ago");
    expect(has()).toContain("Python 3.11 · PyTorch 2.1");
    expect(has()).toContain("tally-worker run --models DIR");
    unmount();
    models = ["sd-turbo"];
    await showPage("/machines");
    expect(has()).not.toContain("--models");
  });
});
