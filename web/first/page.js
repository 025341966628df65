// SPDX-License-Identifier: Apache-2.0
// The first page: jobs, live events, earnings, what is on offer. It reads the public API and follows the feed from a cursor;
// every change it shows came as an event. Text from outside is only ever set as text, never as markup.
//
//   token ─▶ whoami, lists ─▶ feed (after=cursor) ─ event ─▶ row in the table, lists read again (at most twice a second)
//                                 └ closed ─▶ again from the cursor, with growing pauses

const EVENTS_SHOWN = 200;
const EVENTS_REPLAYED = 100; // of the past, at the first subscription
const REFRESH_MS = 500;
const STATUS = {
  awaiting_lock: ["waiting", "◌", "Awaiting lock"],
  queued: ["waiting", "◔", "Funded, waiting for the machine"],
  assigned: ["running", "◑", "Assigned"],
  running: ["running", "●", "Running"],
  completed: ["done", "✓", "Completed"],
  failed: ["failed", "✗", "Failed"],
  cancelled: ["cancelled", "–", "Cancelled"],
};

const at = (id) => document.getElementById(id);
let token = "";
let cursor = 0;
let socket = null;
let pause = 500;
let refreshing = 0;

// ── showing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function make(tag, cls, ...children) {
  const element = document.createElement(tag);
  if (cls) element.className = cls;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// 12480000 → "12 480 000" with thin spaces
const group = (amount) => String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");

function qubic(amount) {
  const element = make("span", "amount", group(amount), make("small", "", " QUBIC"));
  element.title = `${amount} QUBIC`;
  return element;
}

function clock(time) {
  const element = make("time", "", new Date(time).toLocaleTimeString([], { hour12: false }));
  element.dateTime = time;
  element.title = time;
  return element;
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").textContent = text;
}

function show(id, children, empty) {
  at(id).replaceChildren(...(children.length > 0 ? children : [make("p", "empty dim", empty)]));
}

function notches(job) {
  const escrow = job.escrow ?? {};
  const bad = job.status === "failed" || job.status === "cancelled";
  const steps = [
    ["created", job.created_at],
    [`locked ${escrow.confirmations ?? 0}/${escrow.required ?? 3}`, job.queued_at, "money"],
    ["assigned", job.assigned_at],
    ["started", job.started_at],
    [bad ? job.status : "completed", job.ended_at, bad ? "bad" : ""],
    ["settled", job.settled && job.ended_at, "money"],
  ];
  const list = make("ol", "notches");
  for (const [name, when, kind] of steps) {
    const item = make("li", `${kind ?? ""} ${when ? "past" : ""}`, name);
    item.title = when ? `${name}: ${when}` : `${name}: not yet`;
    list.append(item);
  }
  return list;
}

function money(job) {
  if (!job.ended_at) return make("p", "row dim", "at most ", qubic(job.cap));
  const bar = make("div", "split");
  const used = make("span", "used");
  used.style.width = `${job.cap > 0 ? (100 * job.gross) / job.cap : 0}%`;
  bar.append(used);
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", `used ${job.gross} of ${job.cap} QUBIC`);
  return make("div", "", bar, make("p", "row", make("span", "", "used ", qubic(job.gross)),
    make("span", "", "paid ", qubic(job.payout)), make("span", "push", "returned ", qubic(job.refund))));
}

// Why it ended: the last line of the detail says most, the rest is behind it.
function why(job) {
  const lines = (job.detail ?? "").trim().split("\n");
  const last = `${(job.reason ?? "").replaceAll("_", " ")}  ${lines.at(-1)}`;
  if (lines.length < 2) return make("p", "dim mono", last);
  return make("details", "dim", make("summary", "mono", last), make("pre", "", lines.join("\n")));
}

function card(job) {
  const [cls, icon, word] = STATUS[job.status] ?? ["", "?", job.status];
  const name = job.file_name ?? job.id;
  const card = make("article", "", make("div", "row",
    make("span", "name", name), make("span", `pill ${cls}`, `${icon} ${word}`),
    make("span", "push dim mono", seconds(job.used_ms))), notches(job));
  card.dataset.job = job.id;
  if (job.status === "running") {
    const bar = make("progress");
    bar.max = 1000;
    bar.value = job.permille;
    bar.setAttribute("aria-label", `progress of ${name}`);
    card.append(bar, make("p", "dim", `${(job.permille / 10).toFixed(0)} %  ${job.operation ?? ""}`));
  }
  card.append(money(job));
  if (job.ended_at && job.status !== "completed") card.append(why(job));
  return card;
}

function offerCard(offer) {
  return make("article", "", make("div", "row", make("span", "name", offer.model),
    make("span", `pill push ${offer.online ? "done" : "cancelled"}`, offer.online ? (offer.busy ? "◑ busy" : "● online") : "– offline")),
    make("p", "row dim", `${offer.device === "cpu" ? "processor only" : `${offer.gpus} GPU, ${offer.vram_mib} MiB`}, ${offer.cpu_cores} cores, ${offer.ram_mib} MiB`),
    make("p", "row", qubic(offer.rate), make("span", "dim", "per hour")));
}

function facts(pairs) {
  at("earnings").replaceChildren(...pairs.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
}

function eventRow(event) {
  const data = Object.entries(event.data ?? {}).filter(([, value]) => value !== null && value !== "");
  const text = data.map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
  const row = make("tr", "", make("td", "", event.id), make("td", "", clock(event.time)), make("td", "", event.type),
    make("td", "", text.length > 240 ? `${text.slice(0, 240)}…` : text));
  row.title = event.subject ?? "";
  return row;
}

// ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────

async function ask(path) {
  const answer = await fetch(path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
  const body = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? answer.statusText), { status: answer.status });
  return body;
}

async function refresh() {
  const asks = [ask("/v1/offers?limit=100").then((list) => show("offers", list.items.map(offerCard), "No machine is on offer. Start one with tally-worker."))];
  const asked = token; // what comes after signing out is nobody's
  const mine = (show) => (answer) => { if (token === asked) show(answer); };
  if (token) {
    asks.push(Promise.all([ask("/v1/jobs?limit=20"), ask("/v1/jobs?limit=20&role=provider")]).then(mine((lists) => {
      const jobs = new Map(lists.flatMap((list) => list.items).map((job) => [job.id, job]));
      const newest = [...jobs.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1)).slice(0, 20);
      show("jobs", newest.map(card), "No jobs yet. Submit one: tally submit FILE.py");
    })).catch(ignoreScope), ask("/v1/earnings").then(mine((sum) => facts([
      ["total", qubic(sum.total)], ["today", qubic(sum.today)], ["this week", qubic(sum.week)], ["this month", qubic(sum.month)],
      ["on the way", qubic(sum.pending)], ["earning now", qubic(sum.active.reduce((all, job) => all + job.earned, 0))],
      ["jobs completed", group(sum.jobs_completed)], ["worked", seconds(sum.worked_ms)], ["per hour worked", qubic(sum.average_rate)],
    ]))).catch(ignoreScope));
  }
  await Promise.all(asks);
}

// A token without this scope sees the rest.
function ignoreScope(error) {
  if (error.status !== 403) throw error;
}

function refreshSoon() {
  if (refreshing) return;
  refreshing = setTimeout(async () => {
    refreshing = 0;
    const asked = token;
    try {
      await refresh();
      if (asked === token && token) trouble("");
    } catch (error) {
      if (error.status === 401) return leave(error.message);
      trouble(`The server did not answer: ${error.message}. What is shown may be old.`);
    }
  }, REFRESH_MS);
}

// ── following ────────────────────────────────────────────────────────────────────────────────────────────────────────

function heard(message) {
  if (message.event) {
    const sequence = Number(message.event.id);
    if (sequence <= cursor) return;
    cursor = sequence;
    at("events").prepend(eventRow(message.event));
    while (at("events").children.length > EVENTS_SHOWN) at("events").lastElementChild.remove();
    refreshSoon();
  } else if (message.live !== undefined) {
    connection("live", `● live`);
    cursor = Math.max(cursor, message.live);
    pause = 500;
  }
  at("head").textContent = `#${group(cursor)}`;
}

function connection(cls, text) {
  at("connection").className = cls === "live" ? "done" : "waiting";
  at("connection").textContent = text;
}

function follow() {
  const following = token;
  socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/feed?token=${encodeURIComponent(token)}`, "tally.v1");
  socket.onopen = () => socket.send(JSON.stringify({ subscribe: { topics: ["all"], after: cursor } }));
  socket.onmessage = (message) => { if (following === token) heard(JSON.parse(message.data)); };
  const opened = socket;
  socket.onclose = () => {
    if (following !== token || socket !== opened) return;
    connection("away", `◌ reconnecting`);
    setTimeout(() => { if (following === token) follow(); }, pause);
    pause = Math.min(pause * 2, 8000);
    refreshSoon(); // says so if the token is no good any more
  };
}

// ── signing in and out ───────────────────────────────────────────────────────────────────────────────────────────────

const PRIVATE = ["jobs-section", "earnings-section", "events-section", "leave"];

async function enter(given) {
  leave();
  token = given;
  sessionStorage.setItem("token", token);
  const who = await ask("/v1/auth/whoami");
  const { head } = await ask("/v1/events?limit=1");
  if (token !== given) return; // signed out meanwhile
  const name = who.identity ?? who.scopes.join(", ");
  at("who").replaceChildren(make("span", "mono", name.length > 20 ? `${name.slice(0, 6)}…${name.slice(-6)}` : name));
  at("who").title = name;
  cursor = Math.max(0, head - EVENTS_REPLAYED);
  for (const id of PRIVATE) at(id).hidden = false;
  at("sign-in").hidden = true;
  refreshSoon();
  follow();
}

// Only a token that is no good is forgotten: a server that does not answer now is asked again.
function notEntered(error) {
  if (error.status === 401) return leave(error.message);
  const given = token;
  trouble(`The server did not answer: ${error.message}. Trying again.`);
  setTimeout(() => { if (given && token === given) enter(given).catch(notEntered); }, 2000);
}

function leave(why) {
  token = "";
  sessionStorage.removeItem("token");
  socket?.close();
  for (const id of PRIVATE) at(id).hidden = true;
  for (const id of ["events", "jobs", "earnings", "who"]) at(id).replaceChildren();
  at("head").textContent = "";
  at("sign-in").hidden = false;
  connection("away", "not signed in");
  trouble(why ?? "");
  refreshSoon();
}

// A link may bring a token behind '#': that part is never sent to a server. It does not stay in the address.
function brought() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) history.replaceState(null, "", location.pathname);
  return given;
}

async function start() {
  at("origin").textContent = location.origin;
  at("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const given = at("token").value.trim();
    at("token").value = "";
    enter(given).catch(notEntered);
  });
  at("leave").addEventListener("click", () => leave());
  window.addEventListener("hashchange", () => {
    const given = brought();
    if (given) enter(given).catch(notEntered);
  });
  setInterval(refreshSoon, 5000); // earnings move while a job runs
  const given = brought() ?? sessionStorage.getItem("token");
  if (!given) return leave();
  await enter(given).catch(notEntered);
}

start();
