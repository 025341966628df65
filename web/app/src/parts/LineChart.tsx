// SPDX-License-Identifier: Apache-2.0
// Lines over time on a canvas: many points, few elements. Series differ by dash as well as by colour; hovering, or the arrow keys, show the
// exact value and its time; the newest values stand beside it as text, so the picture is never the only way to know.
import { useEffect, useRef, useState } from "react";
import { useScheme } from "../frame/theme.ts";
import { nearest } from "../lib/nearest.ts";

export interface Series {
  readonly name: string;
  readonly colour: string; // a custom property: --running
  readonly dash: readonly number[];
  readonly values: readonly (number | null)[];
}

interface Props {
  readonly label: string;
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly max: number;
  readonly show: (value: number) => string;
  /** A time of `times`, in words. */
  readonly when: (time: number) => string;
  /** A word on the newest values. */
  readonly note?: React.ReactNode;
}

const HEIGHT = 96;

function draw(canvas: HTMLCanvasElement, { times, series, max }: Props, hover: number | null): void {
  const width = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  const height = canvas.clientHeight || HEIGHT; // as the style has it
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  const first = times[0];
  const last = times.at(-1);
  if (context === null || first === undefined || last === undefined || max <= 0) return;
  const style = getComputedStyle(canvas);
  context.scale(scale, scale);
  const x = (time: number) => (last === first ? width : ((time - first) / (last - first)) * width);
  const y = (value: number) => height - 1.5 - (Math.min(value, max) / max) * (height - 4);
  context.strokeStyle = style.getPropertyValue("--line");
  context.lineWidth = 1;
  for (const part of [0, 0.5, 1]) {
    const at = Math.round(y(max * part)) + 0.5;
    context.beginPath();
    context.moveTo(0, at);
    context.lineTo(width, at);
    context.stroke();
  }
  context.lineWidth = 1.5;
  for (const line of series) {
    context.strokeStyle = style.getPropertyValue(line.colour);
    context.setLineDash([...line.dash]);
    context.beginPath();
    let pen = false;
    line.values.forEach((value, index) => {
      if (value === null) pen = false;
      else if (pen) context.lineTo(x(times[index] ?? 0), y(value));
      else context.moveTo(x(times[index] ?? 0), y(value));
      pen = value !== null;
    });
    context.stroke();
  }
  context.setLineDash([]);
  if (hover !== null) {
    const at = x(times[hover] ?? 0);
    context.strokeStyle = style.getPropertyValue("--dim");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at, 0);
    context.lineTo(at, height);
    context.stroke();
  }
}

export function LineChart(props: Props) {
  const { label, times, series, show, when } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<number | null>(null);
  useScheme();
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return undefined;
    draw(element, props, hover);
    const resized = new ResizeObserver(() => draw(element, props, hover));
    resized.observe(element);
    return () => resized.disconnect();
  });
  const at = hover !== null && hover < times.length ? hover : times.length - 1;
  const point = (event: React.PointerEvent<HTMLCanvasElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const first = times[0] ?? 0;
    setHover(nearest(times, first + ((event.clientX - box.left) / box.width) * ((times.at(-1) ?? 0) - first)));
  };
  const key = (event: React.KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0) return;
    event.preventDefault();
    setHover(Math.max(0, Math.min(times.length - 1, at + by)));
  };
  const values = series.map((line) => `${line.name} ${line.values[at] == null ? "unknown" : show(line.values[at])}`).join(", ");
  return (
    <figure className="chart">
      <figcaption>
        <span>{label}</span>
        {props.note}
        {series.map((line) => (
          <span key={line.name} className="chart-value">
            <svg width="18" height="8" aria-hidden="true"><line x1="0" y1="4" x2="18" y2="4" style={{ stroke: `var(${line.colour})` }} strokeWidth="2" strokeDasharray={line.dash.join(" ")} /></svg>
            {series.length > 1 && <span className="dim">{line.name}</span>}
            <b className="mono">{line.values[at] == null ? "–" : show(line.values[at])}</b>
          </span>
        ))}
        {hover !== null && times[at] !== undefined && <time className="dim mono">{when(times[at])}</time>}
      </figcaption>
      <canvas ref={canvas} height={HEIGHT} tabIndex={0} role="img" aria-label={`${label}: ${values}`} onPointerMove={point} onPointerLeave={() => setHover(null)} onKeyDown={key} onBlur={() => setHover(null)} />
    </figure>
  );
}
