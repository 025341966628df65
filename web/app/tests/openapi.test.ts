// SPDX-License-Identifier: Apache-2.0
// The contract as a validator sees it that is not ours: Redocly's, with its strictest rules.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Found { readonly ruleId: string; readonly message: string; readonly location: readonly { readonly pointer?: string }[] }
interface Validator {
  createConfig(rules: object): Promise<unknown>;
  lintFromString(what: { source: string; absoluteRef: string; config: unknown }): Promise<Found[]>;
}
const SLOW = 120_000;
const ours = createRequire(import.meta.url);
// It comes with what makes the page's types.
const validator = createRequire(ours.resolve("openapi-typescript"))("@redocly/openapi-core") as Validator;

async function wrongWith(document: object): Promise<string[]> {
  const config = await validator.createConfig({
    extends: ["recommended-strict"],
    rules: { "operation-4xx-response": "off", "no-unused-components": "off" }, // problems are `default`; messages of the feed are no answers
  });
  const found = await validator.lintFromString({ source: JSON.stringify(document), absoluteRef: "/openapi.json", config });
  return found.map((each) => `${each.ruleId} ${each.location[0]?.pointer ?? ""}: ${each.message}`);
}

function built(): Record<string, any> {
  const folder = mkdtempSync(join(tmpdir(), "tally-contract-"));
  try {
    execFileSync(process.env["PYTHON"] ?? "python3", [join(import.meta.dirname, "../../../api/contract/build.py"), folder]);
    return JSON.parse(readFileSync(join(folder, "openapi.json"), "utf8")) as Record<string, any>;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the contract is OpenAPI 3.1 to a validator of others", { timeout: SLOW }, async () => {
  const document = built();
  expect(document["openapi"]).toMatch(/^3\.1\./);
  expect(await wrongWith(document)).toEqual([]);
});

test("what is no OpenAPI is found", { timeout: SLOW }, async () => {
  const document = built();
  document["paths"]["/v1/jobs"].get.parameters[0].in = "somewhere";
  document["components"]["schemas"].Job.type = "thing";
  const wrong = await wrongWith(document);
  expect(wrong.some((each) => each.startsWith("struct #/paths/~1v1~1jobs/get/parameters/0/in"))).toBe(true);
  expect(wrong.some((each) => each.startsWith("struct #/components/schemas/Job/type"))).toBe(true);
});
