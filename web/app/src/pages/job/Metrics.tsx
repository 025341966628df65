// SPDX-License-Identifier: Apache-2.0
// What the machine measures while the job runs (R8): the last minute, or all of it. What it does not measure is not drawn.
import { useState } from "react";
import type { Run, Sample } from "../../live/run.ts";
import { LineChart } from "../../parts/LineChart.tsx";
import { EmptyState } from "../../parts/States.tsx";
import { mib } from "../../lib/units.ts";

const LAST_MS = 60_000;
const HOT = 80;
const WARM = 70;

function MemoryBar({ label, used, total }: { label: string; used: number; total: number }) {
  const share = Math.min(1, used / total);
  const full = share > 0.9;
  return (
    <div className={`meter ${full ? "alarm" : ""}`}>
      <p><span>{label}</span><b className="mono">{mib(used)} of {mib(total)}{full && ", nearly full"}</b></p>
      <div className="meter-bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={total} aria-valuenow={used} title={`${used} of ${total} MiB`}><span style={{ width: `${share * 100}%` }} /></div>
    </div>
  );
}

function Temperature({ celsius }: { celsius: number }) {
  const [tone, word] = celsius > HOT ? ["failed", "hot"] : celsius >= WARM ? ["waiting", "warm"] : ["done", "normal"];
  return (
    <div className={`meter tone-${tone}`}>
      <p><span>Temperature</span><b className="mono">{celsius} °C, {word}</b></p>
      <div className="meter-bar" role="meter" aria-label="Temperature" aria-valuemin={0} aria-valuemax={110} aria-valuenow={celsius} aria-valuetext={`${celsius} degrees, ${word}`}><span style={{ width: `${Math.min(100, (celsius / 110) * 100)}%` }} /></div>
    </div>
  );
}

function latest<K extends keyof Sample>(samples: readonly Sample[], key: K): NonNullable<Sample[K]> | null {
  return (samples.findLast((sample) => sample[key] !== null)?.[key] as NonNullable<Sample[K]> | undefined) ?? null;
}

export function Metrics({ run, over }: { run: Run; over: boolean }) {
  const [whole, setWhole] = useState<boolean | null>(null);
  const isWhole = whole ?? over;
  const last = run.samples.at(-1);
  if (last === undefined) {
    return <EmptyState title={over ? "Nothing was measured" : "Nothing measured yet"}>{over ? "The job was over before the first sample." : "The machine samples every two seconds while the job runs."}</EmptyState>;
  }
  const samples = isWhole ? run.samples : run.samples.filter((sample) => sample.at >= last.at - LAST_MS);
  const times = samples.map((sample) => sample.at);
  const percent = (value: number) => `${(value / 10).toFixed(value < 100 ? 1 : 0)} %`;
  const gpu = latest(samples, "gpu");
  const power = samples.map((sample) => (sample.power === null ? null : sample.power / 1000));
  const [ram, ramTotal, vram, vramTotal, temperature] = [latest(samples, "ram"), latest(samples, "ramTotal"), latest(samples, "vram"), latest(samples, "vramTotal"), latest(samples, "temperature")];
  return (
    <div className="metrics">
      <div className="segments" role="group" aria-label="Stretch of time">
        <button type="button" aria-pressed={!isWhole} onClick={() => setWhole(false)}>{over ? "Last minute" : "Last 60 s"}</button>
        <button type="button" aria-pressed={isWhole} onClick={() => setWhole(true)}>Whole run</button>
      </div>
      <LineChart label="Utilisation" times={times} max={1000} show={percent} series={[
        ...(gpu === null ? [] : [{ name: "GPU", colour: "--running", dash: [], values: samples.map((sample) => sample.gpu) }]),
        { name: "Processor", colour: gpu === null ? "--running" : "--done", dash: gpu === null ? [] : [5, 3], values: samples.map((sample) => sample.cpu) },
      ]} />
      {vram !== null && vramTotal !== null && <MemoryBar label="Video memory" used={vram} total={vramTotal} />}
      {ram !== null && ramTotal !== null && <MemoryBar label="Memory" used={ram} total={ramTotal} />}
      {temperature !== null && <Temperature celsius={temperature} />}
      {power.some((value) => value !== null) && (
        <LineChart label="Power" times={times} max={Math.max(1, ...power.map((value) => value ?? 0)) * 1.1} show={(value) => `${value.toFixed(0)} W`} series={[{ name: "Power", colour: "--waiting", dash: [2, 2], values: power }]} />
      )}
    </div>
  );
}
