// SPDX-License-Identifier: Apache-2.0
// Money and machines: statements and own books, payments, the market's order, calibration, tokens, and the way back through the log.
import { describe, expect, test } from "vitest";
import type { EarningsSum, Machine, Payment } from "../src/api/account.ts";
import type { Offer } from "../src/api/schema.ts";
import { FEW, shareOf, together, verdictOf } from "../src/lib/calibration.ts";
import { csvOf, parseCsv } from "../src/lib/csv.ts";
import { DAY_MS, dayAfter, dayOf, isDay, periodOf, PRESETS, startOf } from "../src/lib/days.ts";
import { flowOf, rating } from "../src/lib/earnings.ts";
import { lookBack } from "../src/lib/looking.ts";
import { codeLeft, enrolCommand, healthOf } from "../src/lib/machines.ts";
import { ordinal, shownOffers, SORTS, standing } from "../src/lib/market.ts";
import { expectedMs, explorerLink, isPending } from "../src/lib/payments.ts";
import { roleOf } from "../src/lib/role.ts";
import { compare, csvOfStatement, disagreements, readOwn, statementOf, sumOf, type OwnLine } from "../src/lib/statement.ts";
import { statusOf } from "../src/lib/status.ts";
import { isWorth, tokenName } from "../src/lib/tokens.ts";
import { forAll, type Random } from "./generate.ts";

const NOW = Date.parse("2026-11-25T12:00:00Z");
const letters = (random: Random, count: number) => Array.from({ length: count }, () => String.fromCharCode(97 + random.below(26))).join("");
const uuid = (random: Random) => "xxxxxxxx-xxxx-7xxx-8xxx-xxxxxxxxxxxx".replaceAll("x", () => random.below(16).toString(16));

function randomPayments(random: Random, days = 60): Payment[] {
  return Array.from({ length: random.below(60) }, (_, index) => {
    const signed = NOW - random.below(days * DAY_MS);
    const kind = random.pick(["payout", "payout", "payout", "refund", "lock", "fee"] as const);
    return {
      sequence: 1000 - index, at: new Date(signed).toISOString(), changed_at: new Date(signed + random.below(DAY_MS)).toISOString(), kind, amount: random.amount(10n ** 12n),
      direction: random.pick(["in", "in", "in", "out", "none"] as const), status: random.pick(["confirmed", "confirmed", "confirmed", "signed", "lost"]), tx_id: letters(random, 60), tick: 5,
      job_id: uuid(random), escrow_id: uuid(random), identity: null, source: null, destination: null, attempt: 1,
    };
  });
}
const period = { from: "2026-10-27", until: "2026-11-25" };
const counts = (payment: Payment) => payment.kind === "payout" && payment.status === "confirmed" && payment.direction === "in";

describe("statements", () => {
  test("P29: every total is the sum of the payouts that became final in its days, each counted on one day and in no other", () => {
    forAll(randomPayments, (payments) => {
      const statement = statementOf(payments, period);
      const inside = payments.filter((payment) => counts(payment) && dayOf(payment.changed_at ?? "") >= period.from && dayOf(payment.changed_at ?? "") <= period.until);
      expect(statement.total).toBe(sumOf(inside));
      expect(sumOf(statement.days.map((day) => ({ amount: day.total })))).toBe(statement.total);
      expect(statement.days.flatMap((day) => day.lines)).toEqual(statement.lines);
      for (const day of statement.days) {
        expect(day.total).toBe(sumOf(inside.filter((payment) => dayOf(payment.changed_at ?? "") === day.day)));
        expect(day.lines.every((line) => line.day === day.day)).toBe(true);
      }
      expect(new Set(statement.lines.map((line) => line.sequence)).size).toBe(inside.length);
      // Of the whole time, days together give every day's share, whichever way they are cut.
      const cut = dayAfter(period.from, 11);
      expect(statementOf(payments, { from: period.from, until: cut }).total + statementOf(payments, { from: dayAfter(cut), until: period.until }).total).toBe(statement.total);
    });
  });
  test("P29: the ledger's sums of days agree with it, and one unit more on any day does not", () => {
    forAll((random) => ({ payments: randomPayments(random), off: random.below(30) }), ({ payments, off }) => {
      const statement = statementOf(payments, period);
      const ledger = Array.from({ length: 30 }, (_, index) => {
        const day = dayAfter(period.from, index);
        return { day, amount: payments.filter((payment) => counts(payment) && dayOf(payment.changed_at ?? "") === day).reduce((sum, payment) => sum + payment.amount, 0n) };
      });
      expect(disagreements(statement, ledger, period)).toEqual([]);
      const wrong = ledger.map((each, index) => (index === off ? { ...each, amount: each.amount + 1n } : each));
      expect(disagreements(statement, wrong, period)).toEqual([wrong[off]?.day]);
    });
  });
  test("what is exported is read back and agrees with the ledger, line by line", () => {
    forAll(randomPayments, (payments) => {
      const statement = statementOf(payments, period);
      const { lines, errors } = readOwn(csvOfStatement(statement.lines));
      expect(errors).toEqual([]);
      expect(compare(statement, lines, period).map((each) => each.finding)).toEqual(statement.lines.map(() => "matched"));
    });
  });
  test("own books: each change is found as what it is, and nothing else is", () => {
    forAll((random) => ({ payments: randomPayments(random), random }), ({ payments, random }) => {
      const statement = statementOf(payments, period);
      const expected = { matched: 0, missing: 0, extra: 0, differs: 0 };
      const own: OwnLine[] = [];
      const add = (line: (typeof statement.lines)[number], change: Partial<OwnLine> = {}) =>
        own.push({ line: own.length + 2, date: random.pick([line.at, line.day, dayAfter(line.day, 1)]), amount: line.amount, transaction: line.transaction, job: random.pick(["", line.job ?? ""]), ...change });
      for (const line of statement.lines) {
        switch (random.below(6)) {
          case 0: expected.missing++; break;
          case 1: expected.differs++; add(line, { amount: line.amount + 1n }); break;
          case 2: expected.differs++; add(line, { date: dayAfter(line.day, random.pick([-3, 3])) }); break;
          case 3: expected.differs++; add(line, { job: uuid(random) }); break;
          case 4: expected.matched++; expected.extra++; add(line); add(line); break;
          default: expected.matched++; add(line);
        }
      }
      if (random.below(2) === 0) {
        expected.extra++;
        own.push({ line: own.length + 2, date: "2026-11-01", amount: 1n, transaction: letters(random, 60), job: "" });
        own.push({ line: own.length + 3, date: "2026-01-01", amount: 1n, transaction: letters(random, 60), job: "" }); // of other days: not looked at
      }
      const found = compare(statement, own, period);
      const count = (finding: string) => found.filter((each) => each.finding === finding).length;
      expect({ matched: count("matched"), missing: count("missing"), extra: count("extra"), differs: count("differs") }).toEqual(expected);
      expect(sumOf(found.flatMap((each) => each.ours ?? []))).toBe(statement.total); // every line of ours is in one finding
      expect(found.filter((each) => each.finding === "differs").every((each) => each.reasons.length > 0)).toBe(true);
    });
  });
  test("a file that cannot be taken is not used, and every line says what is wrong and what would be right", () => {
    const good = "z".repeat(60);
    expect(readOwn("day,amount\n").errors[0]).toBe("the first line names the columns date, amount, transaction_id and, if there is one, job_id; missing: date, transaction_id; not known: day");
    const { lines, errors } = readOwn(`date,amount,transaction_id\n2026-11-31,1,${good}\n2026-11-01,1.5,${good}\n2026-11-01,1,XYZ\n2026-11-01,1,${good}\n2026-11-01,1\n`);
    expect(lines).toEqual([]);
    expect(errors).toEqual(['line 2: date is a day (2026-11-25) or a time in UTC, not "2026-11-31"', 'line 3: amount is whole QUBIC, not "1.5"', 'line 4: transaction_id is 60 small letters, not "XYZ"',
      'line 6: has 2 values, the first line 3; transaction_id is 60 small letters, not ""']);
    expect(readOwn('date,amount,transaction_id\n"2026').errors).toEqual(["line 2: a quote is not closed"]);
    expect(readOwn("").errors).toHaveLength(1);
    expect(readOwn(`\ufeffTransaction_ID,date,amount\r\n${good},2026-11-01,5\r\n`).lines).toEqual([{ line: 2, date: "2026-11-01", amount: 5n, transaction: good, job: "" }]);
  });
  test("CSV: what is written is read back, cell by cell, and none begins as a formula", () => {
    forAll((random) => Array.from({ length: 1 + random.below(5) }, () => Array.from({ length: 2 + random.below(3) }, () => Array.from({ length: random.below(6) }, () => random.pick(["a", '"', ",", "\n", "\r\n", " ", "=", "ü"])).join(""))), (rows) => {
      const text = csvOf(rows);
      const read = parseCsv(text);
      expect(read.error).toBeNull();
      expect(read.rows.map((row) => row.cells)).toEqual(rows.map((row) => row.map((cell) => (/^[=\r]/.test(cell) ? `'${cell}` : cell))));
      let line = 1;
      rows.forEach((row, index) => {
        expect(read.rows[index]?.line).toBe(line);
        line += 1 + row.join("").split("\n").length - 1;
      });
    });
    expect(csvOf([["=1+1", -5n, "a,b"]])).toBe(`'=1+1,-5,"a,b"\r\n`);
  });
});

describe("days", () => {
  test("a day after a day, over months and years; what is no day is none", () => {
    forAll((random) => ({ day: dayOf(random.below(4 * 10 ** 9) * 1000), more: random.below(2000) - 1000 }), ({ day, more }) => {
      expect(isDay(day)).toBe(true);
      expect(startOf(dayAfter(day, more)) - startOf(day)).toBe(more * DAY_MS);
    });
    expect(["2026-02-30", "2026-2-3", "", 5, null, "2026-11-25T00:00:00Z"].map(isDay)).toEqual([false, false, false, false, false, false]);
  });
  test("the usual periods end with today or the month before, and begin before they end", () => {
    forAll((random) => dayOf(random.below(4 * 10 ** 9) * 1000), (today) => {
      for (const [preset] of PRESETS) {
        const of = periodOf(preset, today);
        expect(of.from <= of.until && of.until <= today).toBe(true);
      }
    });
    expect(periodOf("last-month", "2026-03-31")).toEqual({ from: "2026-02-01", until: "2026-02-28" });
    expect(periodOf("30-days", "2026-11-25")).toEqual(period);
  });
});

describe("earnings", () => {
  test("P30: what accrues is the sum of what each running job has earned; what is not known is not shown as nothing", () => {
    forAll((random) => Array.from({ length: random.below(100) }, () => ({ earned: random.amount(10n ** 12n), cap: random.amount(10n ** 12n) })), (jobs) => {
      const sum = { active: jobs, pending: 7n, total: 9n } as unknown as EarningsSum;
      expect(flowOf(sum, jobs as never)).toEqual({ accruing: jobs.reduce((all, job) => all + job.earned, 0n), escrowed: jobs.reduce((all, job) => all + job.cap, 0n), settling: 7n, paid: 9n });
      expect(flowOf(sum, undefined).escrowed).toBeNull();
    });
  });
  test("R9.7: a rating is between 1 and 5 with one decimal, and none without anybody's", () => {
    forAll((random) => Array.from({ length: random.below(20) }, () => 1 + random.below(5)), (stars) => {
      const shown = rating(stars.reduce((sum, each) => sum + each, 0), stars.length);
      if (stars.length === 0) expect(shown).toBeNull();
      else expect(Math.abs(Number(shown) - stars.reduce((sum, each) => sum + each, 0) / stars.length) <= 0.0501).toBe(true);
    });
    expect([rating(14, 3), rating(5, 1)]).toEqual(["4.7", "5.0"]);
  });
  test("as whom: what was chosen, if the sign-in allows both", () => {
    expect([roleOf(null, ["consumer", "provider"]), roleOf("provider", ["consumer", "provider"]), roleOf("provider", ["consumer"]), roleOf(null, ["provider"]), roleOf(null, [])]).toEqual(["consumer", "provider", "consumer", "provider", "consumer"]);
  });
});

describe("payments", () => {
  test("P32 P35: every transaction has its link wherever there is an explorer, and nothing else becomes one", () => {
    forAll((random) => letters(random, 60), (id) => {
      expect(explorerLink("https://explorer.example/tx/", id)).toBe(`https://explorer.example/tx/${id}`);
      for (const [explorer, transaction] of [[null, id], ["https://explorer.example/tx/", null], ["javascript:alert(1)//", id], ["https://e/", `${id}x`], ["https://e/", id.toUpperCase()], ["https://e/", `"><script>${id}`]] as const) expect(explorerLink(explorer, transaction)).toBeNull();
    });
  });
  test("R10.4 P36: a pending one says how long it takes, less the further the chain is; one that is over says nothing", () => {
    forAll((random) => ({ status: random.pick(["observed", "signed", "confirmed", "lost"]), tick: 100 + random.below(50), processed: 80 + random.below(100), tick_ms: 1 + random.below(5000), confirmations: 1 + random.below(5) }), ({ status, tick, processed, tick_ms, confirmations }) => {
      const chain = { processed, tick_ms, answers: true };
      const left = expectedMs({ status, tick }, chain, confirmations);
      expect(left === null).toBe(!isPending({ status }));
      if (left === null) return;
      expect(left).toBeGreaterThanOrEqual(tick_ms);
      expect(left).toBe(Math.max(1, tick + (status === "observed" ? confirmations : 3) - processed) * tick_ms);
      expect(expectedMs({ status, tick }, { ...chain, processed: processed + 1 }, confirmations) as number).toBeLessThanOrEqual(left);
      for (const unknown of [undefined, { ...chain, answers: false }, { ...chain, tick_ms: 0 }]) expect(expectedMs({ status, tick }, unknown, confirmations)).toBeNull();
    });
  });
});

describe("the market", () => {
  const randomOffers = (random: Random): Offer[] => Array.from({ length: 1 + random.below(40) }, (_, index) => {
    const gpu = random.below(2) === 0;
    return { id: String(index), provider_id: "p", host_id: "h", device: gpu ? "gpu" : "cpu", model: random.pick(["NVIDIA GeForce RTX 4090", "NVIDIA H100", "AMD EPYC"]), gpus: gpu ? 1 + random.below(4) : 0, vram_mib: random.below(80_000),
      tflops_milli: random.pick([0, random.below(10 ** 6)]), ram_mib: 1, storage_mib: 1, cpu_cores: 1, speed_permille: 1 + random.below(2000), rate: 1n + random.amount(10n ** 9n), network_allowed: random.below(2) === 0, online: random.below(3) > 0, busy: random.below(2) === 0,
      packages: random.pick([null, { python: "3.11.2" }, { python: "3.11.2", torch: "2.1.0" }]), models: [], images: [] };
  });
  test("a filter shows all that it means and nothing else; those that are there come first; each order is one", () => {
    forAll((random) => ({ offers: randomOffers(random), sort: random.pick(SORTS), device: random.pick([undefined, "gpu", "cpu"] as const), free: random.pick([undefined, true] as const), has: random.pick([undefined, "torch"]), q: random.pick(["", "4090", "nvidia h", "nothing"]) }), ({ offers, sort, device, free, has, q }) => {
      const shown = shownOffers(offers, { sort, q, ...(device && { device }), ...(free && { free }), ...(has && { has }) });
      const meant = offers.filter((offer) => (device === undefined || offer.device === device) && (free === undefined || (offer.online && !offer.busy)) && (has === undefined || offer.packages?.[has] !== undefined) && q.split(" ").every((word) => offer.model.toLowerCase().includes(word)));
      expect(new Set(shown)).toEqual(new Set(meant));
      expect(shown.length).toBe(meant.length);
      expect(shown.map((offer) => Number(!offer.online))).toEqual(shown.map((offer) => Number(!offer.online)).sort());
      if (sort === "price") for (const online of [true, false]) expect(shown.filter((offer) => offer.online === online).every((offer, index, all) => index === 0 || (all[index - 1]?.rate ?? 0n) <= offer.rate)).toBe(true);
    });
  });
  test("a place is one more than those that are better; the cheapest is first, and equals share it", () => {
    forAll(randomOffers, (offers) => {
      for (const offer of offers) {
        const alike = offers.filter((other) => other.id === offer.id || (other.online && other.device === offer.device));
        const { place, of } = standing(offer, offers, "price");
        expect([place, of]).toEqual([1 + alike.filter((other) => other.rate < offer.rate).length, alike.length]);
      }
    });
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 103, 111].map(ordinal)).toEqual(["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"]);
  });
});

describe("machines", () => {
  const machine = (change: Partial<Machine>): Machine => ({ host_id: "h", name: "rig", enrolled_at: "2026-11-01T00:00:00Z", online: true, changed_at: "2026-11-25T00:00:00Z", last_report_at: null, job_id: null, queued: 0, done: 9, lost: 0,
    measured_at: "2026-11-20T00:00:00Z", online_ms: 1, possible_ms: 2, permille: 500, ...change });
  test("each says how it is, and what its owner should do when there is something", () => {
    const told = (change: Partial<Machine>) => {
      const { word, advice } = healthOf(machine(change), NOW);
      return [word, advice];
    };
    expect(told({})).toEqual(["Free", ""]);
    expect(told({ job_id: "j" })).toEqual(["Working", ""]);
    expect(told({ online: false, changed_at: null })[0]).toBe("Never started");
    expect(told({ online: false })).toEqual(["Offline", ""]);
    expect(told({ online: false, queued: 2 })[1]).toContain("2 jobs wait");
    expect(told({ measured_at: null })[1]).toContain("selftest");
    expect(told({ measured_at: "2026-08-20T00:00:00Z" })[1]).toContain("ninety days");
    expect(told({ done: 9, lost: 1 })[1]).toContain("let down 1 of 10");
    expect(told({ done: 10, lost: 1 })[1]).toBe("");
  });
  test("the command to enrol one is one command a line, whatever its name is", () => {
    const command = enrolCommand({ server: "https://ledger.example", name: "maria's; rm -rf /", rate: "5", code: null });
    expect(command.split("\n")).toEqual(["tally-worker enrol --server 'https://ledger.example' --name 'maria'\\''s; rm -rf /' --state 'tally-maria-s-rm--rf-'", "tally-worker selftest --state 'tally-maria-s-rm--rf-'",
      "tally-worker run --state 'tally-maria-s-rm--rf-' --rate 5"]);
    expect(enrolCommand({ server: "s", name: "n", rate: "5", code: "K7QM-2VXA-9RTD-H4NZ-0B3C" })).toContain(" --code K7QM-2VXA-9RTD-H4NZ-0B3C\n");
  });
  test("R11: a code says for how long it is good, until it is not", () => {
    const until = new Date(NOW + 90_000).toISOString();
    expect(codeLeft(until, NOW)).toBe("1 minute 30 seconds");
    expect([codeLeft(until, NOW + 89_999) === null, codeLeft(until, NOW + 90_000)]).toEqual([false, null]);
  });
});

describe("calibration", () => {
  test("a share lies in its interval, which is narrower the more jobs there are", () => {
    forAll((random) => {
      const of = 1 + random.below(500);
      return { of, count: random.below(of + 1) };
    }, ({ of, count }) => {
      const share = shareOf(count, of);
      const more = shareOf(count * 10, of * 10);
      if (share === null || more === null) throw new Error("there is one");
      expect(share.low <= share.permille && share.permille <= share.high && share.low >= 0 && share.high <= 1000).toBe(true);
      expect(more.high - more.low).toBeLessThanOrEqual(share.high - share.low);
      if (of < FEW) expect(verdictOf(share, of, 500)).toBe("too few");
    });
    expect([verdictOf(shareOf(50, 100), 100, 500), verdictOf(shareOf(20, 100), 100, 500), verdictOf(shareOf(90, 100), 100, 500), verdictOf(shareOf(3, 4), 4, 500), verdictOf(null, 0, 900)]).toEqual(["kept", "too short", "too long", "too few", "too few"]);
    expect(together([{ job_type: "a", ran_on: "cpu", finished: 3, within_p50: 1, within_p90: 2 }, { job_type: "b", ran_on: "cpu", finished: 4, within_p50: 2, within_p90: 4 }])).toEqual({ finished: 7, within_p50: 3, within_p90: 6 });
  });
});

describe("status and tokens", () => {
  test("whoever is not well is said, and why; all well only when everything is", () => {
    const well = { ready: true, ledger: { writable: true, head: 5, reason: "" }, settlement: { on: true, chain_answers: true, tick: 1, processed: 1, reason: "", legs_stuck: 0, oldest_stuck_since: null, keys_missing: [], observing: false, waits_for: "" }, anchoring: { on: false, records: 0, reason: "" } };
    expect(statusOf(well).whole).toEqual({ well: true, word: "All is well", why: "" });
    for (const [change, word] of [[{ ledger: { ...well.ledger, writable: false, reason: "disk full" } }, "Nothing can be ordered now"], [{ settlement: { ...well.settlement, chain_answers: false } }, "Payments wait"],
      [{ settlement: { ...well.settlement, observing: true } }, "Payments wait"], [{ settlement: { ...well.settlement, on: false } }, "Payments wait"], [{ settlement: { ...well.settlement, legs_stuck: 2 } }, "Something needs the operator"],
      [{ settlement: { ...well.settlement, keys_missing: [3] } }, "Something needs the operator"]] as const) {
      const state = statusOf({ ...well, ready: false, ...change } as never);
      expect(state.whole).toMatchObject({ well: false, word });
      expect([state.ledger, state.chain, state.payments].some((each) => !each.well && each.why !== "")).toBe(true);
    }
    expect(statusOf({ ...well, ledger: { ...well.ledger, writable: false, reason: "disk full" } }).ledger.why).toBe("disk full");
  });
  test("a token is worth something until it is revoked or over", () => {
    expect([isWorth({ revoked_at: null, expires_at: null }, NOW), isWorth({ revoked_at: null, expires_at: "2026-11-25T12:00:01Z" }, NOW), isWorth({ revoked_at: null, expires_at: "2026-11-25T12:00:00Z" }, NOW), isWorth({ revoked_at: "x", expires_at: null }, NOW)]).toEqual([true, true, false, false]);
    expect([tokenName({ label: "page", host_id: null }), tokenName({ label: "rig", host_id: "h" }), tokenName({ label: "", host_id: null }), tokenName({ label: "nightly", host_id: null })]).toEqual(["a browser", "machine rig", "a token without a name", "nightly"]);
  });
});

describe("back through the log", () => {
  // A server as ours is: ascending, pages that may end early, events that are not one's own left out.
  const server = (ids: readonly number[], random: Random) => (after: number) => {
    const rest = ids.filter((id) => id > after);
    const size = 1 + random.below(200);
    const items = rest.slice(0, size).map((id) => ({ id: String(id) }));
    return Promise.resolve({ items, next: rest.length > size ? Number(items.at(-1)?.id) : null });
  };
  test("page by page every event is shown once, newest first, none left out, however few are one's own", async () => {
    const cases: { ids: number[]; random: Random; want: number; odd: boolean; head: number }[] = [];
    forAll((random) => {
      const head = 1 + random.below(1500);
      const share = random.pick([1, 2, 50, 400]);
      return { ids: Array.from({ length: head }, (_, index) => index + 1).filter(() => random.below(share) === 0), random, want: 1 + random.below(80), odd: random.below(2) === 0, head };
    }, (value) => void cases.push(value));
    for (const { ids, random, want, odd, head } of cases) {
      const accept = (event: { id: string }) => !odd || Number(event.id) % 2 === 1;
      const seen: number[] = [];
      for (let before = head + 1, pages = 0; before > 1; pages++) {
        expect(pages).toBeLessThan(5000);
        const page = await lookBack(server(ids, random), before, want, accept);
        expect(page.items.length).toBeLessThanOrEqual(want);
        expect(page.before).toBeLessThan(before);
        seen.push(...page.items.map((event) => Number(event.id)));
        before = page.before;
      }
      expect(seen).toEqual(ids.filter((id) => accept({ id: String(id) })).reverse());
    }
  });
});
