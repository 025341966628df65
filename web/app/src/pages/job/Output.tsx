// SPDX-License-Identifier: Apache-2.0
// What the program writes, line by line: only the lines in sight are elements, so a million of them scroll like ten.
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { spansOf } from "../../lib/ansi.ts";
import { group } from "../../lib/money.ts";
import type { Line, Run } from "../../live/run.ts";
import { Icon } from "../../parts/Icon.tsx";
import { EmptyState } from "../../parts/States.tsx";

const LINE_HEIGHT = 20;
const SHOWN_MAX = 4000; // letters of a line; the whole of it is in the download
type Source = "all" | "stdout" | "stderr";

const Row = memo(function Row({ line, top, found, marked, fresh }: { line: Line; top: number; found: string; marked: boolean; fresh: boolean }) {
  const text = line.text.length > SHOWN_MAX ? `${line.text.slice(0, SHOWN_MAX)} … ${group(line.text.length - SHOWN_MAX)} more letters` : line.text;
  return (
    <div className={`line ${line.source} ${marked ? "marked" : ""} ${fresh ? "here" : ""}`} style={{ transform: `translateY(${top}px)` }} id={`L${line.number}`}>
      <a className="line-number" href={`#L${line.number}`} aria-label={`Line ${line.number}`}>{line.number}</a>
      {line.source === "stderr" && <span className="line-source">err</span>}
      <code>{spansOf(text).map((span, index) => <span key={index} className={span.style}>{found === "" ? span.text : marks(span.text, found)}</span>)}</code>
    </div>
  );
});

function marks(text: string, found: string): React.ReactNode {
  const parts: React.ReactNode[] = [];
  const lower = text.toLowerCase();
  let at = 0;
  for (let hit = lower.indexOf(found); hit >= 0; hit = lower.indexOf(found, at)) {
    parts.push(text.slice(at, hit), <mark key={hit}>{text.slice(hit, hit + found.length)}</mark>);
    at = hit + found.length;
  }
  return [...parts, text.slice(at)];
}

const lineOfHash = (): number | null => {
  const match = /^#L([1-9][0-9]*)$/.exec(location.hash);
  return match?.[1] === undefined ? null : Number(match[1]);
};

export function Output({ run, name, over }: { run: Run; name: string; over: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(() => lineOfHash() === null);
  const [source, setSource] = useState<Source>("all");
  const [query, setQuery] = useState("");
  const [hit, setHit] = useState(0);
  const [linked, setLinked] = useState(lineOfHash);
  const [seen, setSeen] = useState(0);
  const total = run.lines.length;
  const found = query.toLowerCase();

  // The run's array grows in place; its length says whether there is something new.
  const lines = useMemo(() => (source === "all" ? run.lines : run.lines.filter((line) => line.source === source)), [run, source, total]); // eslint-disable-line
  const hits = useMemo(() => {
    if (found === "") return [];
    const list: number[] = [];
    lines.forEach((line, index) => line.text.toLowerCase().includes(found) && list.push(index));
    return list;
  }, [lines, found, total]); // eslint-disable-line

  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => LINE_HEIGHT, overscan: 20 });
  const count = lines.length;
  const height = rows.scrollRect?.height ?? 0;
  useEffect(() => {
    if (follow && count > 0) rows.scrollToIndex(count - 1, { align: "end" });
    if (follow) setSeen(count);
  }, [follow, count, height, rows]);
  useEffect(() => {
    const changed = () => {
      setLinked(lineOfHash());
      if (lineOfHash() !== null) setFollow(false);
    };
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  const linkedIndex = linked === null ? -1 : source === "all" ? linked - 1 : lines.findIndex((line) => line.number === linked);
  const there = linkedIndex >= 0 && linkedIndex < count;
  useEffect(() => {
    if (there) rows.scrollToIndex(linkedIndex, { align: "center" });
  }, [there, linkedIndex, rows]);

  const goTo = (index: number) => {
    if (hits.length === 0) return;
    const next = (index + hits.length) % hits.length;
    setHit(next);
    setFollow(false);
    rows.scrollToIndex(hits[next] ?? 0, { align: "center" });
  };
  const scrolled = () => {
    const box = scroller.current;
    if (box === null) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < LINE_HEIGHT * 1.5;
    if (atEnd) setSeen(count);
    if (atEnd && !follow && !over) setFollow(true);
  };
  const up = (event: React.WheelEvent) => event.deltaY < 0 && setFollow(false);
  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(run.lines.map((line) => `${line.text}\n`), { type: "text/plain" }));
    link.download = `${name}.output.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  return (
    <div className="output">
      <div className="output-tools">
        <label className="check"><input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} />Follow</label>
        <select aria-label="Which output" value={source} onChange={(event) => setSource(event.target.value as Source)}>
          <option value="all">All output</option><option value="stdout">stdout</option><option value="stderr">stderr</option>
        </select>
        <input type="search" aria-label="Search the output" placeholder="Search" value={query} onChange={(event) => {
          setQuery(event.target.value);
          setHit(0);
        }} onKeyDown={(event) => {
          if (event.key === "Enter") {
            event.preventDefault();
            goTo(hit + (event.shiftKey ? -1 : 1));
          }
        }} />
        {found !== "" && <span className="dim small-text" role="status">{hits.length === 0 ? "none" : `${hit + 1} of ${group(hits.length)}`}</span>}
        <button type="button" className="icon-button" onClick={download} disabled={total === 0} aria-label="Download all output" title="Download all output"><Icon name="download" /></button>
      </div>
      {total === 0 ? <EmptyState title={over ? "It wrote nothing" : "Nothing written yet"}>Standard output and standard error are shown here as they come.</EmptyState> : (
        <div className="output-frame">
          <div className="lines" ref={scroller} onScroll={scrolled} onWheel={up} tabIndex={0} role="region" aria-label="Output of the program">
            <div className="lines-all" style={{ height: rows.getTotalSize() }}>
              {rows.getVirtualItems().map((item) => {
                const line = lines[item.index];
                return line === undefined ? null : <Row key={item.key} line={line} top={item.start} found={found} marked={hits[hit] === item.index} fresh={line.number === linked} />;
              })}
            </div>
          </div>
          {!follow && count > seen && <button type="button" className="new-lines small" onClick={() => setFollow(true)}>{group(count - seen)} new {count - seen === 1 ? "line" : "lines"}<Icon name="down" /></button>}
        </div>
      )}
      {run.quotaReached && <p className="field-error small-text">The job has written as much as is kept; what came after that is not here.</p>}
    </div>
  );
}
