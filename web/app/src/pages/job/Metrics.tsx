// SPDX-License-Identifier: Apache-2.0
// What the machine measures while the job runs (R8): the last minute, or all of it. What it does not measure is not drawn.
import { useState } from "react";
import type { Run, Sample } from "../../live/run.ts";
import { business, crossing, fullness, HOT_C, trend, type Crossing, type Level } from "../../lib/thresholds.ts";
import { clockTime, mib, shortDuration } from "../../lib/units.ts";
import { Gauge } from "../../parts/Gauge.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { LineChart } from "../../parts/LineChart.tsx";
import { EmptyState } from "../../parts/States.tsx";

const LAST_MS = 60_000;
/** Samples count from the start; people read clocks. */
type When = (at: number) => string;
const whenOf = (startedAt: string | null): When => (at) => (startedAt === null ? `after ${shortDuration(at)}` : clockTime(new Date(Date.parse(startedAt) + at).toISOString()));

function LevelWord({ level }: { level: Level }) {
  return level.word === "normal" ? null : <span className={`level tone-${level.tone}`}><Icon name={level.tone === "done" ? "check" : "warn"} />{level.word}</span>;
}

function MemoryBar({ label, used, total, at }: { label: string; used: number; total: number; at: string }) {
  const level = fullness(used, total);
  return (
    <div className={`meter tone-${level.tone}`}>
      <p><span>{label}</span><LevelWord level={level} /><b className="mono">{mib(used)} of {mib(total)}</b></p>
      <div className="meter-bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={total} aria-valuenow={used} aria-valuetext={`${mib(used)} of ${mib(total)}, ${level.word}`} title={`${used} of ${total} MiB at ${at}`}>
        <span style={{ width: `${Math.min(1, used / total) * 100}%` }} />
      </div>
    </div>
  );
}

/** What was not normal in the whole run, for whoever looks later. */
function Crossings({ samples, when }: { samples: readonly Sample[]; when: When }) {
  const list: [string, Crossing | null, (value: number) => string][] = [
    [`Above ${HOT_C} °C`, crossing(samples, (sample) => sample.temperature, (value) => value > HOT_C), (value) => `${value} °C`],
    ["Video memory nearly full", crossing(samples, (sample) => (sample.vram === null || sample.vramTotal === null ? null : sample.vram / sample.vramTotal), (share) => fullness(share, 1).tone === "failed"), (share) => `${(share * 100).toFixed(0)} %`],
    ["Memory nearly full", crossing(samples, (sample) => (sample.ram === null || sample.ramTotal === null ? null : sample.ram / sample.ramTotal), (share) => fullness(share, 1).tone === "failed"), (share) => `${(share * 100).toFixed(0)} %`],
  ];
  const crossed = list.filter((each): each is [string, Crossing, (value: number) => string] => each[1] !== null);
  if (crossed.length === 0) return null;
  return (
    <ul className="crossings" aria-label="Thresholds that were crossed">
      {crossed.map(([words, { ms, highest, at }, show]) => (
        <li key={words}><Icon name="warn" /><span>{words}{ms > 0 && ` for ${shortDuration(ms)}`}: {show(highest)} at most, at <time className="mono">{when(at)}</time></span></li>
      ))}
    </ul>
  );
}

const TREND_WORDS = { rising: "rising ↗", falling: "falling ↘", steady: "steady →" } as const;

function latest<K extends keyof Sample>(samples: readonly Sample[], key: K): { value: NonNullable<Sample[K]>; at: number } | null {
  const sample = samples.findLast((each) => each[key] !== null);
  return sample === undefined ? null : { value: sample[key] as NonNullable<Sample[K]>, at: sample.at };
}

export function Metrics({ run, over, startedAt }: { run: Run; over: boolean; startedAt: string | null }) {
  const when = whenOf(startedAt);
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
  const direction = trend(times, power);
  const used = gpu ?? latest(samples, "cpu");
  return (
    <div className="metrics">
      <div className="segments" role="group" aria-label="Stretch of time">
        <button type="button" aria-pressed={!isWhole} onClick={() => setWhole(false)}>{over ? "Last minute" : "Last 60 s"}</button>
        <button type="button" aria-pressed={isWhole} onClick={() => setWhole(true)}>Whole run</button>
      </div>
      <LineChart label="Utilisation" times={times} max={1000} show={percent} when={when} note={!over && used !== null ? <LevelWord level={business(used.value)} /> : null} series={[
        ...(gpu === null ? [] : [{ name: "GPU", colour: "--running", dash: [], values: samples.map((sample) => sample.gpu) }]),
        { name: "Processor", colour: gpu === null ? "--running" : "--done", dash: gpu === null ? [] : [5, 3], values: samples.map((sample) => sample.cpu) },
      ]} />
      {vram !== null && vramTotal !== null && <MemoryBar label="Video memory" used={vram.value} total={vramTotal.value} at={when(vram.at)} />}
      {ram !== null && ramTotal !== null && <MemoryBar label="Memory" used={ram.value} total={ramTotal.value} at={when(ram.at)} />}
      {temperature !== null && <Gauge celsius={temperature.value} at={when(temperature.at)} />}
      {power.some((value) => value !== null) && (
        <LineChart label="Power" times={times} max={Math.max(1, ...power.map((value) => value ?? 0)) * 1.1} show={(value) => `${value.toFixed(0)} W`} when={when} note={direction === null ? null : <span className="dim">{TREND_WORDS[direction]}</span>}
          series={[{ name: "Power", colour: "--waiting", dash: [2, 2], values: power }]} />
      )}
      <Crossings samples={run.samples} when={when} />
    </div>
  );
}
