// SPDX-License-Identifier: Apache-2.0
// Webhooks from the settings to a receiver that is real. Played by pages.mjs in its world.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { api, url, visitor } from "./chromium.mjs";

async function receiver() {
  const got = [];
  let status = 204;
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => {
      got.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(status, { "Content-Length": 0 }).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { got, url: `http://127.0.0.1:${server.address().port}/tally`, answers: (next) => (status = next), close: () => (server.closeAllConnections(), server.close()) };
}

const signed = ({ headers, body }, secret) => {
  const text = Buffer.concat([Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`), body]);
  return headers["webhook-signature"].split(" ").includes(`v1,${createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64")).update(text).digest("base64")}`);
};

/** `newcomer`: the storage of somebody who ran a job in this world. */
export function webhookTests(browser, newcomer, looked) {
  test("R17: a webhook is made, its secret shown once; a test, an event once more and a failure are told; a new secret counts beside the old one; nothing is deleted unasked", async (t) => {
    const here = await receiver();
    t.after(() => here.close());
    const { page, context, complaints } = await visitor(browser, { storageState: newcomer() });
    const keepSecret = async () => {
      const secret = await page.getByTestId("secret").textContent();
      assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
      await page.getByLabel("I have put it where it belongs").check();
      await page.getByRole("button", { name: "Done" }).click();
      await page.getByTestId("secret").waitFor({ state: "detached" });
      return secret;
    };
    const attempt = (words) => page.locator("#attempts tbody tr").first().filter({ hasText: words });
    await page.goto(`${url}/settings`);
    await page.getByRole("button", { name: "New webhook" }).click();
    await looked(page, "the dialog of a new webhook");
    await page.getByLabel("Address").fill("http://example.org/tally");
    await page.getByLabel("What for").fill("books");
    await page.getByText("Deliveries go to https:// and a public host, or this machine").waitFor();
    assert.ok(await page.getByRole("button", { name: "Make the webhook" }).isDisabled());
    await page.getByLabel("Address").fill(here.url);
    await page.getByRole("button", { name: "Make the webhook" }).click();
    const first = await keepSecret();
    await page.getByRole("link", { name: "books" }).click();
    await page.waitForURL(/\/settings\/webhooks\/[0-9a-f-]{36}$/);
    await attempt("Delivery").getByText("204").waitFor(); // that it was made is the first event it is for
    await page.getByRole("button", { name: "Send a test" }).click();
    await attempt("Test").getByText("204").waitFor();
    assert.deepEqual(here.got.map(({ body }) => JSON.parse(body).type), ["webhook.created", "webhook.test"]);
    assert.ok(here.got.every((message) => signed(message, first)));
    const { items } = await api(page, "/v1/events?limit=500");
    const settled = items.find((event) => event.type === "escrow.settled");
    await page.getByLabel("Number of the event").fill(settled.id);
    await page.getByRole("button", { name: "Send it once more" }).click();
    await attempt("Sent once more").getByText("204").waitFor();
    assert.deepEqual(JSON.parse(here.got.at(-1).body), settled);
    here.answers(503);
    await page.getByRole("button", { name: `Resend event ${settled.id}` }).first().click();
    await attempt("503").getByText("The receiver failed.").waitFor();
    here.answers(204);
    await page.getByRole("button", { name: "New secret…" }).click();
    await page.getByRole("button", { name: "Make a new one" }).click();
    const second = await keepSecret();
    assert.notEqual(second, first);
    await page.getByText("its 2., rotated").waitFor();
    await page.getByRole("button", { name: "Send a test" }).click();
    await attempt("Test").waitFor();
    assert.ok(signed(here.got.at(-1), first) && signed(here.got.at(-1), second)); // for a day
    for (const [width, theme] of [[1440, "light"], [1440, "dark"], [820, "light"], [390, "light"]]) {
      await page.setViewportSize({ width, height: 900 });
      await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
      await looked(page, `a webhook, ${width} px, ${theme}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Keep it" }).click();
    assert.equal((await api(page, "/v1/webhooks")).items.length, 1);
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("button", { name: "Delete it" }).click();
    await page.waitForURL(`${url}/settings`);
    await page.getByText("No webhook yet").waitFor();
    assert.equal((await api(page, "/v1/webhooks")).items.length, 0);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}
