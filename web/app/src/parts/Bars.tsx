// SPDX-License-Identifier: Apache-2.0
// Amounts over days as bars. Hovering, or the arrow keys, show one exactly; the same as a table for whoever would rather read.
import { useState } from "react";
import { permilleOf } from "../lib/money.ts";
import { Amount } from "./Amount.tsx";

export interface Bar {
  readonly day: string;
  readonly amount: bigint;
}

const SHORT = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const short = (day: string) => SHORT.format(new Date(`${day}T00:00:00Z`));

export function Bars({ title, bars, onDay }: { title: string; bars: readonly Bar[]; onDay?: (day: string) => void }) {
  const [at, setAt] = useState<number | null>(null);
  const [table, setTable] = useState(false);
  const most = bars.reduce((max, bar) => (bar.amount > max ? bar.amount : max), 0n);
  const here = bars[at ?? bars.length - 1];
  const step = (by: number) => setAt(Math.max(0, Math.min(bars.length - 1, (at ?? bars.length - 1) + by)));
  const key = (event: React.KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -bars.length, End: bars.length }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      step(by);
    } else if (event.key === "Enter" && here !== undefined) onDay?.(here.day);
  };
  return (
    <figure className="bars">
      <figcaption>
        <h2>{title}</h2>
        {here !== undefined && <span className="bars-here"><span className="dim">{short(here.day)}</span> <Amount value={here.amount} /></span>}
        <button type="button" className="link small-text" aria-pressed={table} onClick={() => setTable(!table)}>{table ? "As bars" : "As a table"}</button>
      </figcaption>
      {table ? (
        <div className="table-scroll tall" tabIndex={0} role="region" aria-label={title}>
          <table><thead><tr><th scope="col">Day (UTC)</th><th scope="col" className="right">Amount</th></tr></thead>
            <tbody>{[...bars].reverse().map((bar) => <tr key={bar.day}><th scope="row">{bar.day}</th><td className="right"><Amount value={bar.amount} /></td></tr>)}</tbody></table>
        </div>
      ) : (
        <>
          <div className="bars-plot">
            <div className="bars-scale dim small-text" aria-hidden="true"><Amount value={most} unit={false} /><span>0</span></div>
            <div className="bars-all" tabIndex={0} role="slider" aria-label={title} aria-valuemin={0} aria-valuemax={Math.max(0, bars.length - 1)} aria-valuenow={at ?? bars.length - 1}
              aria-valuetext={here === undefined ? "none" : `${here.day}: ${here.amount} QUBIC`} onKeyDown={key} onPointerLeave={() => setAt(null)} onBlur={() => setAt(null)}>
              {bars.map((bar, index) => (
                <span key={bar.day} className={`bar ${index === at ? "here" : ""}`} title={`${bar.day}: ${bar.amount} QUBIC`} onPointerEnter={() => setAt(index)} onClick={() => onDay?.(bar.day)}>
                  <span style={{ height: bar.amount === 0n ? "0" : `max(2px, ${permilleOf(bar.amount, most) / 10}%)` }} />
                </span>
              ))}
            </div>
          </div>
          <p className="bars-ends dim small-text" aria-hidden="true"><span>{bars[0] && short(bars[0].day)}</span><span>{bars.length > 2 && short(bars[Math.floor(bars.length / 2)]?.day ?? "")}</span><span>today</span></p>
        </>
      )}
    </figure>
  );
}
