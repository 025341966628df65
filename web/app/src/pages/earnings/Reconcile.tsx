// SPDX-License-Identifier: Apache-2.0
// One's own books against the ledger's payouts of the same days. The file is read here and sent nowhere.
import { useState } from "react";
import { toast } from "sonner";
import type { Period } from "../../lib/days.ts";
import { csvOf } from "../../lib/csv.ts";
import { saveAs } from "../../lib/save.ts";
import { compare, readOwn, sumOf, type Compared, type Finding, type OwnLine, type Statement } from "../../lib/statement.ts";
import { useStore } from "../../lib/store.ts";
import { shellWord } from "../../lib/curl.ts";
import { Amount } from "../../parts/Amount.tsx";
import { copy, Id } from "../../parts/Id.tsx";
import { Icon, type IconName } from "../../parts/Icon.tsx";
import { Pill, type Tone } from "../../parts/StatusPill.tsx";
import { dayAfter } from "../../lib/days.ts";
import { session } from "../../wallet/session.ts";

const SHOWN_MAX = 200;
const FILE_MAX = 32_000_000;
const LOOK: Readonly<Record<Finding, { tone: Tone; icon: IconName; word: string; what: string }>> = {
  matched: { tone: "done", icon: "check", word: "Matched", what: "in both, and the same" },
  missing: { tone: "waiting", icon: "warn", word: "Missing", what: "in the ledger, not in your file" },
  extra: { tone: "failed", icon: "cross", word: "Extra", what: "in your file, not in the ledger" },
  differs: { tone: "failed", icon: "half", word: "Differs", what: "in both, and not the same" },
};
const REASONS: Readonly<Record<string, string>> = { amount: "another amount", job: "another job", date: "more than a day apart", twice: "a second line with this transaction" };

function Row({ found: { finding, reasons, ours, own } }: { found: Compared }) {
  const look = LOOK[finding];
  return (
    <tr>
      <th scope="row"><Pill tone={look.tone} icon={look.icon}>{look.word}</Pill></th>
      <td>{reasons.map((reason) => REASONS[reason]).join(", ") || <span className="dim">{look.what}</span>}</td>
      <td className="right" data-label="Ledger">{ours === null ? <span className="dim">–</span> : <Amount value={ours.amount} />}</td>
      <td className="right" data-label="Your file">{own === null ? <span className="dim">–</span> : <Amount value={own.amount} />}</td>
      <td data-label="Transaction"><Id value={ours?.transaction ?? own?.transaction ?? ""} what="Transaction" /></td>
      <td className="dim mono" data-label="Line">{own?.line ?? ""}</td>
    </tr>
  );
}

function Findings({ found, name }: { found: readonly Compared[]; name: string }) {
  const [all, setAll] = useState(false);
  const count = (finding: Finding) => found.filter((each) => each.finding === finding).length;
  const wrong = found.filter((each) => each.finding !== "matched");
  const shown = all ? found : wrong;
  return (
    <>
      <div className="reconciled" role="status" data-testid="reconciled">
        {wrong.length === 0 ? <p className="agreement"><Icon name="check" /><b>{name} agrees with the ledger, line by line.</b></p> : <p className="agreement tone-failed"><Icon name="warn" /><b>{wrong.length} {wrong.length === 1 ? "difference" : "differences"} between {name} and the ledger.</b></p>}
        <ul className="counts">{(Object.keys(LOOK) as Finding[]).map((finding) => <li key={finding} title={LOOK[finding].what}><b className="mono">{count(finding)}</b> {LOOK[finding].word.toLowerCase()}</li>)}</ul>
        <p className="dim small-text">Ledger <Amount value={sumOf(found.flatMap((each) => each.ours ?? []))} />, your file <Amount value={sumOf(found.flatMap((each) => each.own ?? []))} /></p>
      </div>
      {shown.length > 0 && (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="Findings">
          <table className="cards" id="findings">
            <thead><tr><th scope="col">Finding</th><th scope="col">Why</th><th scope="col" className="right">Ledger</th><th scope="col" className="right">Your file</th><th scope="col">Transaction</th><th scope="col">Line</th></tr></thead>
            <tbody>{shown.slice(0, SHOWN_MAX).map((each) => <Row key={`${each.finding} ${each.ours?.sequence} ${each.own?.line}`} found={each} />)}</tbody>
          </table>
        </div>
      )}
      {shown.length > SHOWN_MAX && <p className="dim">{shown.length - SHOWN_MAX} more are in the CSV.</p>}
      <p className="actions">
        {wrong.length < found.length && <button type="button" onClick={() => setAll(!all)}>{all ? "Differences only" : "Show what matched, too"}</button>}
        <button type="button" onClick={() => saveAs("findings.csv", "text/csv", csvOf([["finding", "reasons", "transaction_id", "job_id", "ledger_amount", "file_amount", "line"],
          ...found.map(({ finding, reasons, ours, own }) => [finding, reasons.join(" "), ours?.transaction ?? own?.transaction ?? "", ours?.job ?? own?.job ?? "", ours?.amount ?? "", own?.amount ?? "", own?.line ?? ""])]))}><Icon name="download" />Findings as CSV</button>
      </p>
    </>
  );
}

export function Reconcile({ statement, period }: { statement: Statement; period: Period }) {
  const who = useStore(session);
  const [read, setRead] = useState<{ name: string; lines: OwnLine[]; errors: string[] } | null>(null);
  const [over, setOver] = useState(false);
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    const { lines, errors } = file.size > FILE_MAX ? { lines: [], errors: [`this file has ${file.size} bytes; at most ${FILE_MAX} are read here, more by tally reconcile`] } : readOwn(await file.text());
    setRead({ name: file.name, lines, errors });
    if (errors.length > 0) toast.error(`${file.name} cannot be taken as a statement`);
    else toast.success(`${file.name}: ${lines.length} ${lines.length === 1 ? "line" : "lines"} read`);
  };
  const command = `tally reconcile --provider ${who?.identity ?? who?.accountId ?? "ME"} --from ${period.from} --to ${dayAfter(period.until)} --server ${shellWord(location.origin)} --statement FILE.csv`;
  return (
    <section className="card no-print" data-testid="reconcile">
      <h2>Your own books</h2>
      <p className="dim prose">A CSV with the columns <code>date</code>, <code>amount</code>, <code>transaction_id</code> and, if you have it, <code>job_id</code>, as the export above has them. It is compared here and leaves this browser for nowhere. Payments are told apart by their transaction, never by amount or day.</p>
      <div className={`drop-line ${over ? "over" : ""}`} onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }} onDragLeave={() => setOver(false)} onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer.files[0]);
      }}>
        <label className="button">Choose a file<input type="file" accept=".csv,text/csv" className="sr-only" onChange={(event) => {
          void take(event.target.files?.[0]);
          event.target.value = "";
        }} /></label>
        <span className="dim">{read === null ? "or drop it here" : read.name}</span>
        {read !== null && <button type="button" className="link" onClick={() => setRead(null)}>Take it away</button>}
      </div>
      {read !== null && read.errors.length > 0 && (
        <div className="error-panel" role="alert">
          <Icon name="warn" />
          <div>
            <p className="error-title">{read.name} was not compared: {read.errors.length === 1 ? "one thing is" : `${read.errors.length} things are`} wrong in it</p>
            {read.errors.slice(0, 10).map((error) => <p key={error}>{error}</p>)}
            {read.errors.length > 10 && <p>and {read.errors.length - 10} more</p>}
          </div>
        </div>
      )}
      {read !== null && read.errors.length === 0 && <Findings found={compare(statement, read.lines, period)} name={read.name} />}
      <p className="dim small-text">Against the chain as well: <button type="button" className="link" onClick={() => void copy(command, "Command")}>copy the command</button> for <code>tally reconcile</code>, which reads every record and asks the chain itself.</p>
    </section>
  );
}
