// SPDX-License-Identifier: Apache-2.0
// From one day to another, both in it, in UTC as the ledger counts; the usual ones by a click.
import { dayOf, isDay, periodOf, PRESETS, type Period } from "../lib/days.ts";

export function PeriodPicker({ period, onChange }: { period: Partial<Period>; onChange: (next: Partial<Period>) => void }) {
  const today = dayOf(Date.now());
  const day = (name: "from" | "until") => (event: React.ChangeEvent<HTMLInputElement>) => {
    const value = event.target.value;
    const next = { ...period };
    if (isDay(value)) next[name] = value;
    else delete next[name];
    onChange(next);
  };
  return (
    <div className="period" role="group" aria-label="Days, in UTC">
      <div className="segments">
        {PRESETS.map(([preset, word]) => {
          const of = periodOf(preset, today);
          return <button key={preset} type="button" aria-pressed={of.from === period.from && of.until === period.until} onClick={() => onChange(of)}>{word}</button>;
        })}
      </div>
      <span className="period-days">
        <label className="inline-label">From<input type="date" value={period.from ?? ""} max={period.until ?? today} onChange={day("from")} /></label>
        <label className="inline-label">to<input type="date" value={period.until ?? ""} min={period.from} max={today} onChange={day("until")} /></label>
      </span>
    </div>
  );
}
