// SPDX-License-Identifier: Apache-2.0
// A temperature on its arc: the zones beneath, the needle at the value, and the value in words beside it.
import { heat, HOT_C, WARM_C } from "../lib/thresholds.ts";
import { Icon } from "./Icon.tsx";

const MAX_C = 110;
const RADIUS = 40;

function point(celsius: number, radius: number): string {
  const angle = Math.PI * (1 - Math.min(Math.max(celsius, 0), MAX_C) / MAX_C);
  return `${(50 + radius * Math.cos(angle)).toFixed(2)} ${(48 - radius * Math.sin(angle)).toFixed(2)}`;
}
const arc = (from: number, to: number) => `M${point(from, RADIUS)} A${RADIUS} ${RADIUS} 0 0 1 ${point(to, RADIUS)}`;

export function Gauge({ celsius, at }: { celsius: number; at: string }) {
  const { tone, word } = heat(celsius);
  const words = `${celsius} °C, ${word}`;
  return (
    <div className={`gauge tone-${tone}`} title={`${words}, ${at}`}>
      <svg viewBox="0 0 100 54" width="120" height="65" role="meter" aria-label="Temperature" aria-valuemin={0} aria-valuemax={MAX_C} aria-valuenow={celsius} aria-valuetext={words}>
        <path className="zone-done" d={arc(0, WARM_C - 1)} /><path className="zone-waiting" d={arc(WARM_C, HOT_C)} /><path className="zone-failed" d={arc(HOT_C + 1, MAX_C)} />
        <path className="needle" d={`M50 48 L${point(celsius, RADIUS - 7)}`} /><circle cx="50" cy="48" r="3" />
      </svg>
      <p><span>Temperature</span><b className="mono">{celsius} °C</b><span className="level"><Icon name={tone === "done" ? "check" : "warn"} />{word}</span></p>
    </div>
  );
}
