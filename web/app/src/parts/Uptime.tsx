// SPDX-License-Identifier: Apache-2.0
// How much of the time that could have been it was.
import { shortDuration } from "../lib/units.ts";

export const percent = (permille: number | null): string => (permille === null ? "–" : `${(permille / 10).toFixed(permille === 1000 || permille === 0 ? 0 : 1)} %`);

export function Uptime({ of, label }: { of: { online_ms: number; possible_ms: number; permille: number | null }; label: string }) {
  const words = of.permille === null ? "not online yet" : `${percent(of.permille)}: ${shortDuration(of.online_ms)} of ${shortDuration(of.possible_ms)}`;
  return (
    <div className="meter" title={words}>
      <p><span>{label}</span><b className="mono">{percent(of.permille)}</b></p>
      <div className="meter-bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={1000} aria-valuenow={of.permille ?? 0} aria-valuetext={words}><span style={{ width: `${(of.permille ?? 0) / 10}%`, background: "var(--done)" }} /></div>
    </div>
  );
}
