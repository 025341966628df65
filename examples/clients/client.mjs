#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Tallystick from a program, written from the server's /docs: sign in, upload, match, quote, order, lock, follow, fetch, rate.
//
//     client.mjs --server http://127.0.0.1:8420 --seed-file SEED --to RESULTS mine.py
//
// Node.js 18 and nothing else. Signing is left to a wallet: here `tally qubic`, which is given the seed on its standard input (--wallet names another
// program that answers the same lines).
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";

class Wallet {
  constructor(program, seed) {
    this.program = program;
    this.seed = seed;
    this.identity = this.ask("identity", { seed }).identity;
  }

  ask(operation, line) {
    const done = spawnSync(this.program, ["qubic", operation], { input: JSON.stringify(line) + "\n", encoding: "utf8" });
    if (done.status !== 0) throw new Error(`the wallet does not work: ${done.stderr || done.error}`);
    const answer = JSON.parse(done.stdout);
    if (answer.error) throw new Error(`the wallet refuses: ${answer.error}`);
    return answer;
  }

  signText(text) {
    const digest = this.ask("k12", { input: Buffer.from(text).toString("hex"), length: 32 }).output;
    return this.ask("sign", { seed: this.seed, digest }).signature;
  }

  signLock(escrow, tick) {
    return this.ask("tx", {
      seed: this.seed, destination: escrow.identity, amount: String(escrow.amount), tick, inputType: escrow.input_type, input: escrow.input,
    }).hex;
  }
}

class Server {
  constructor(url) {
    this.url = url.replace(/\/$/, "");
    this.token = null;
  }

  // A write carries a key of its own, so that it may be sent again if the answer is lost.
  async send(method, path, body, type = "application/json") {
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = type;
    if (method !== "GET") headers["Idempotency-Key"] = randomUUID();
    for (let attempt = 1; ; attempt++) {
      let answer;
      try {
        answer = await fetch(this.url + path, { method, headers, body });
      } catch (error) {
        if (attempt === 3) throw error;
        await sleep(1000);
        continue;
      }
      if (answer.ok) return answer;
      const problem = await answer.json();
      throw new Error(`${problem.code}: ${problem.detail}`);
    }
  }

  async ask(method, path, body) {
    return (await this.send(method, path, body === undefined ? undefined : JSON.stringify(body))).json();
  }

  // Every item of a list, page after page.
  async *pages(path) {
    for (let after = 0; after !== null; ) {
      const page = await this.ask("GET", `${path}?after=${after}`);
      yield* page.items;
      after = page.next;
    }
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function signIn(server, wallet) {
  const challenge = await server.ask("POST", "/v1/auth/challenge", {});
  if (challenge.origin !== server.url) throw new Error(`this server says that it is ${challenge.origin}; sign in there`);
  const text =
    `Tallystick sign-in v1\norigin: ${server.url}\nlog: ${challenge.log_id}\nidentity: ${wallet.identity}\n` +
    `nonce: ${challenge.nonce}\nexpires: ${challenge.expires_at}\n`;
  const session = await server.ask("POST", "/v1/auth/session", {
    identity: wallet.identity, nonce: challenge.nonce, signature: wallet.signText(text), scopes: ["consumer"],
  });
  server.token = session.token;
}

async function order(server, wallet, path) {
  const name = encodeURIComponent(basename(path));
  const upload = await (await server.send("POST", `/v1/uploads?name=${name}`, readFileSync(path), "application/octet-stream")).json();
  console.log(`uploaded: ${upload.analysis.job_type}`);
  const best = (await server.ask("GET", `/v1/matches?upload_id=${upload.id}`)).best.map((pick) => pick.match);
  if (best.length === 0) throw new Error("no machine fits");
  const quote = await server.ask("POST", "/v1/quotes", { upload_id: upload.id, offer_id: best[0].offer_id });
  const job = await server.ask("POST", "/v1/jobs", { quote_id: quote.id });
  console.log(`at most ${quote.cap} QUBIC on ${best[0].offer.model}`);
  const { tick } = (await server.ask("GET", "/v1/terms")).chain;
  const transaction = wallet.signLock(job.escrow, Math.min(tick + 30, job.escrow.last_tick));
  await server.ask("POST", "/v1/broadcast", { transaction });
  return job.id;
}

// The job once every payment is confirmed; its lines are printed as they come.
async function follow(server, id) {
  let line = 0;
  let status = null;
  for (;;) {
    const job = await server.ask("GET", `/v1/jobs/${id}`);
    if (job.status !== status) {
      status = job.status;
      console.log(`job: ${status}`);
    }
    for (const batch of (await server.ask("GET", `/v1/jobs/${id}/output?after=${line}`)).items) {
      process.stdout.write(batch.text);
      line = batch.first_line + batch.lines - 1;
    }
    if (job.settled) return job;
    await sleep(200);
  }
}

async function fetchResults(server, id, folder) {
  for (const result of (await server.ask("GET", `/v1/jobs/${id}/results`)).items) {
    const path = join(folder, result.name);
    const name = result.name.split("/").map(encodeURIComponent).join("/");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(await (await server.send("GET", `/v1/jobs/${id}/results/${name}`)).arrayBuffer()));
    console.log(`fetched: ${result.name}`);
  }
}

async function main() {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    options: { server: text, "seed-file": text, to: text, wallet: { type: "string", default: "tally" } }, allowPositionals: true,
  });
  if (!values.server || !values["seed-file"] || !values.to || positionals.length !== 1) {
    throw new Error("usage: client.mjs --server URL --seed-file SEED --to RESULTS [--wallet PROGRAM] FILE");
  }
  const wallet = new Wallet(values.wallet, readFileSync(values["seed-file"], "utf8").trim());
  const server = new Server(values.server);
  await signIn(server, wallet);
  const job = await follow(server, await order(server, wallet, positionals[0]));
  console.log(`paid ${job.gross}, back ${job.refund}`);
  if (job.status !== "completed") throw new Error(`the job ended as ${job.ending}: ${job.detail ?? ""}`);
  await fetchResults(server, job.id, values.to);
  await server.ask("POST", `/v1/jobs/${job.id}/rating`, { stars: 5 });
  const types = [];
  for await (const event of server.pages(`/v1/jobs/${job.id}/events`)) types.push(event.type);
  console.log(`events: ${types.join(" ")}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
