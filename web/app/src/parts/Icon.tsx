// SPDX-License-Identifier: Apache-2.0
// The page's icons, drawn on a 16-pixel grid with one stroke. Always beside a word, or with a label of their own.
const PATHS = {
  overview: "M2.5 13.5v-6M6.2 13.5v-11M9.8 13.5v-8M13.5 13.5v-4",
  new: "M8 2.5v11M2.5 8h11",
  jobs: "M2.5 4h11M2.5 8h11M2.5 12h7",
  market: "M2.5 5.5h11v8h-11zM5 5.5v-3M8 5.5v-3M11 5.5v-3M5.5 9.5h5",
  earnings: "M2.5 12.5 6 8l3 2.5 4.5-7M10 3.5h3.5V7",
  money: "M2.5 5.5h9l-2.5-2.5M13.5 10.5h-9L7 13",
  events: "M4 3.5h9.5M4 8h9.5M4 12.5h9.5M2 3.5h.1M2 8h.1M2 12.5h.1",
  machines: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1",
  estimates: "M2.5 13.5h11M4 10.5l3-5 2.5 3 3.5-5.5",
  status: "M1.5 8.5h3l2-5 3 9 2-4h3",
  settings: "M2.5 4.5h6M12 4.5h1.5M2.5 11.5h2M8 11.5h5.5M10.2 2.8a1.7 1.7 0 1 0 .01 0M6.2 9.8a1.7 1.7 0 1 0 .01 0",
  more: "M3 8h.1M8 8h.1M13 8h.1",
  wallet: "M2.5 4.5h10v9h-10zM2.5 4.5l8-2v2M12.5 8h-3v2.5h3",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  dash: "M4 8h8",
  clock: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 5v3.2l2.2 1.3",
  dot: "M8 5.5a2.5 2.5 0 1 0 .01 0",
  half: "M8 2.5a5.5 5.5 0 1 0 .01 0M8 2.5v11",
  file: "M4 2.5h5l3 3v8H4zM9 2.5v3h3",
  copy: "M5.5 5.5h8v8h-8zM5.5 10.5h-3v-8h8v3",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5M13 2.5v3h-3",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10",
  warn: "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1",
  sun: "M8 5.5a2.5 2.5 0 1 0 .01 0M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9",
  down: "M8 3v9.5M4.5 9 8 12.5 11.5 9",
  search: "M7 2.5a4.5 4.5 0 1 0 .01 0M10.3 10.3l3.2 3.2",
  arrow: "M3 8h10M9.5 4.5 13 8l-3.5 3.5",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, label, className = "" }: { name: IconName; label?: string; className?: string }) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 16 16" width="16" height="16" role={label === undefined ? undefined : "img"}
      aria-label={label} aria-hidden={label === undefined ? true : undefined}>
      <path d={PATHS[name]} />
    </svg>
  );
}
