// SPDX-License-Identifier: Apache-2.0
// The compiler is the test here: each @ts-expect-error below is an error of the build when the contract is no longer looked at.
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { address, type Answer, type Body, type Path, type Query, type Takes } from "../src/api/contract.ts";
import { feedMessage } from "../src/api/schema.ts";
import type { Schema } from "../src/api/contract.ts";

const held = <S extends z.ZodMiniType>(of: S & Takes<S, Answer<"get", "/v1/jobs/{id}">>): S => of;

test("a schema that would refuse what the contract says may come does not compile; one that takes less of it does", () => {
  held(z.object({ id: z.string() }));
  held(z.object({ host_id: z.nullable(z.string()), operation: z.optional(z.string()) }));
  // @ts-expect-error there is no such field
  held(z.object({ colour: z.string() }));
  // @ts-expect-error it may be null
  held(z.object({ host_id: z.string() }));
  // @ts-expect-error it may be missing
  held(z.object({ operation: z.string() }));
  // @ts-expect-error there are more words
  held(z.object({ status: z.enum(["running", "completed"]) }));
  // @ts-expect-error deep inside
  held(z.object({ legs: z.array(z.object({ deposit: z.string() })) }));
});

test("an address, a query and a body of other names do not compile", () => {
  const path: Path<"get"> = "/v1/jobs/{id}/output";
  // @ts-expect-error no such route
  const gone: Path<"get"> = "/v1/jobs/{id}/outputs";
  // @ts-expect-error no such parameter
  const query: Query<"get", "/v1/jobs"> = { state: "running" };
  // @ts-expect-error one field too many
  const body: Body<"/v1/quotes"> = { upload_id: "u", offer_id: "o", price: 3 };
  expect([path, gone, query, body]).toHaveLength(4);
  const event: Takes<typeof feedMessage, { event: Schema["Event"] } | { live: number }> = feedMessage;
  expect(event.safeParse({ live: 3 }).success).toBe(true);
});

test("places and queries are escaped, what is not asked for is left out", () => {
  expect(address("/v1/jobs/{id}/events", { id: "a/b c" }, { after: 0, limit: undefined })).toBe("/v1/jobs/a%2Fb%20c/events?after=0");
  expect(address("/v1/uploads", {}, { name: "ä & b.py", entry: undefined })).toBe("/v1/uploads?name=%C3%A4+%26+b.py");
  expect(address("/v1/offers")).toBe("/v1/offers");
});
