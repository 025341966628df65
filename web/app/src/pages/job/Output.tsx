// SPDX-License-Identifier: Apache-2.0
// What the program writes, line by line: only the lines in sight are elements, so a million of them scroll like ten.
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useEffect, useReducer, useRef, useState } from "react";
import { useAction } from "../../lib/action.ts";
import { spansOf } from "../../lib/ansi.ts";
import { group } from "../../lib/money.ts";
import { placeOf, Scan, type Source } from "../../live/output.ts";
import type { ReadOutput } from "../../live/useOutput.ts";
import { Icon } from "../../parts/Icon.tsx";
import { EmptyState, ErrorPanel } from "../../parts/States.tsx";

const LINE_HEIGHT = 20;
const SHOWN_MAX = 4000; // letters of a line; the whole of it is in the download
const ROWS_MAX = 800_000; // elements may be 17 million pixels high (Firefox); what is before is a click away
const ROWS_MAX_WRAPPED = 200_000; // of which one may be many lines high
const SLICE = 20_000; // lines that are searched in one go: some milliseconds

interface RowProps {
  readonly number: number;
  readonly text: string | undefined; // undefined: not here yet
  readonly source: Source;
  readonly top: number;
  readonly found: string;
  readonly marked: boolean;
  readonly fresh: boolean;
  readonly index: number;
  readonly measure: ((row: Element | null) => void) | undefined; // where a line is as high as its text
}
const Row = memo(function Row({ number, text, source, top, found, marked, fresh, index, measure }: RowProps) {
  const shown = text === undefined ? "" : text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)} … ${group(text.length - SHOWN_MAX)} more letters` : text;
  return (
    <div className={`line ${text === undefined ? "awaited" : source} ${marked ? "marked" : ""} ${fresh ? "here" : ""}`} style={{ transform: `translateY(${top}px)` }} id={`L${number}`} ref={measure} data-index={index}>
      <a className="line-number" href={`#L${number}`} aria-label={`Line ${number}`}>{number}</a>
      {source === "stderr" && <span className="line-source">err</span>}
      <code>{spansOf(shown).map((span, index) => <span key={index} className={span.style}>{found === "" ? span.text : marks(span.text, found)}</span>)}</code>
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

/** Reads what is here, and what comes, for a stream and for words; nothing is read while neither is asked for. */
function useScan({ output, version, readAll }: ReadOutput, source: Source | "all", words: string): Scan | null {
  const [, render] = useReducer((count: number) => count + 1, 0);
  const held = useRef<{ key: string; scan: Scan } | null>(null);
  const asked = source !== "all" || words !== "";
  const key = `${source} ${words}`;
  if (!asked) held.current = null;
  else if (held.current?.key !== key) held.current = { key, scan: new Scan(output, source, words) };
  const scan = held.current?.scan ?? null;
  useEffect(() => {
    if (asked) readAll().catch(() => undefined); // what is here is searched
  }, [asked, readAll]);
  useEffect(() => {
    if (scan === null) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const go = () => {
      const more = scan.step(SLICE);
      render();
      if (more) timer = setTimeout(go);
    };
    if (scan.at < output.last) go();
    return () => clearTimeout(timer);
  }, [scan, output, version]);
  return scan;
}

export function Output({ read, name, over }: { read: ReadOutput; name: string; over: boolean }) {
  const { output, loaded, look, readAll } = read;
  const scroller = useRef<HTMLDivElement>(null);
  const [follow, setFollow] = useState(() => lineOfHash() === null);
  const [source, setSource] = useState<Source | "all">("all");
  const [query, setQuery] = useState("");
  const [hit, setHit] = useState(-1);
  const [linked, setLinked] = useState(lineOfHash);
  const [seen, setSeen] = useState(0);
  const [earlier, setEarlier] = useState(0);
  const [wrap, setWrap] = useState(() => matchMedia("(max-width: 720px)").matches);
  const rowsMax = wrap ? ROWS_MAX_WRAPPED : ROWS_MAX;
  const found = query.toLowerCase();
  const scan = useScan(read, source, found);
  const hits = scan?.hits ?? [];

  const total = source === "all" || scan === null ? output.last : scan.rows.length;
  const base = Math.max(0, total - rowsMax * (1 + earlier));
  const count = Math.min(rowsMax, total - base);
  const numberAt = (index: number): number => (source === "all" || scan === null ? base + index + 1 : (scan.rows[base + index] ?? 0));
  /** In all that is listed; -1: not there, or not yet. */
  const listed = (number: number): number => {
    if (source === "all" || scan === null) return number <= total ? number - 1 : -1;
    const at = placeOf(scan.rows, number);
    return scan.rows[at] === number ? at : -1;
  };

  const rows = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => LINE_HEIGHT, overscan: 20 });
  useEffect(() => {
    if (!wrap) rows.measure(); // all are of one height again
  }, [wrap, rows]);
  const height = rows.scrollRect?.height ?? 0;
  const whole = rows.getTotalSize();
  const items = rows.getVirtualItems();
  const [from, to] = [numberAt(items[0]?.index ?? 0), numberAt(items.at(-1)?.index ?? 0)];
  useEffect(() => {
    if (loaded && to > 0) look(from, to);
  }, [loaded, look, from, to]);
  useEffect(() => {
    if (follow && count > 0) rows.scrollToIndex(count - 1, { align: "end" });
    if (follow) setSeen(total);
  }, [follow, count, total, height, whole, rows]);
  useEffect(() => {
    const changed = () => {
      setLinked(lineOfHash());
      if (lineOfHash() !== null) setFollow(false);
    };
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);

  const [going, goTo] = useState<number | null>(linked); // to this line, as soon as it is listed
  useEffect(() => goTo(linked), [linked]);
  const place = going === null ? -1 : listed(going);
  useEffect(() => {
    if (place < 0) return;
    const back = Math.max(0, Math.ceil((total - place) / rowsMax) - 1);
    if (back !== earlier) setEarlier(back);
    else {
      rows.scrollToIndex(place - base, { align: "center" });
      goTo(null);
    }
  }, [place, total, base, earlier, rows, rowsMax]);

  const goToHit = (index: number) => {
    if (hits.length === 0) return;
    const next = index < 0 ? hits.length - 1 : index % hits.length;
    setHit(next);
    setFollow(false);
    goTo(hits[next] ?? null);
  };
  const scrolled = () => {
    const box = scroller.current;
    if (box === null || earlier > 0) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < LINE_HEIGHT * 1.5;
    if (atEnd) setSeen(total);
    if (atEnd && !follow && !over) setFollow(true);
  };
  const up = (event: React.WheelEvent) => event.deltaY < 0 && setFollow(false);
  const toEnd = () => {
    setEarlier(0);
    setFollow(true);
  };
  const download = useAction({
    mutationFn: async () => {
      await readAll();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(output.parts(), { type: "text/plain" }));
      link.download = `${name}.output.txt`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
  });
  const behind = scan !== null && scan.at < output.last ? `${Math.floor((100 * scan.at) / output.last)} % read` : null;

  return (
    <div className="output">
      <div className="output-tools">
        <label className="check"><input type="checkbox" checked={follow} onChange={(event) => (event.target.checked ? toEnd() : setFollow(false))} />Follow</label>
        <label className="check"><input type="checkbox" checked={wrap} onChange={(event) => {
          setWrap(event.target.checked);
          setEarlier(0);
        }} />Wrap</label>
        <select aria-label="Which output" value={source} onChange={(event) => {
          setSource(event.target.value as Source | "all");
          setEarlier(0);
        }}>
          <option value="all">All output</option><option value="stdout">stdout</option><option value="stderr">stderr</option>
        </select>
        <span className="output-find">
          <input type="search" aria-label="Search the output" placeholder="Search" value={query} onChange={(event) => {
            setQuery(event.target.value);
            setHit(-1); // the first one is found by the first Enter
          }} onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              goToHit(hit + (event.shiftKey ? -1 : 1));
            }
          }} />
          <button type="button" className="icon-button" onClick={() => download.mutate()} disabled={output.last === 0 || download.isPending} aria-label="Download all output" title="Download all output"><Icon name={download.isPending ? "refresh" : "download"} className={download.isPending ? "spin" : ""} /></button>
        </span>
        {(found !== "" || behind !== null) && <span className="dim small-text" role="status">{[found === "" ? null : hits.length === 0 ? (behind === null ? "none" : null) : (hit < 0 ? `${group(hits.length)} found` : `${group(hit + 1)} of ${group(hits.length)}`), behind].filter(Boolean).join(", ")}</span>}
        {base > 0 && <button type="button" className="small" onClick={() => setEarlier(earlier + 1)}>Earlier lines</button>}
        {earlier > 0 && <button type="button" className="small" onClick={() => setEarlier(earlier - 1)}>Later lines</button>}
      </div>
      {download.isError && <ErrorPanel error={download.error} />}
      {output.last === 0 ? <EmptyState title={over ? "It wrote nothing" : "Nothing written yet"}>Standard output and standard error are shown here as they come.</EmptyState> : (
        <div className="output-frame">
          <div className={wrap ? "lines wrapped" : "lines"} ref={scroller} onScroll={scrolled} onWheel={up} tabIndex={0} role="region" aria-label="Output of the program">
            <div className="lines-all" style={{ height: whole }}>
              {items.map((item) => {
                const number = numberAt(item.index);
                const line = output.line(number);
                return <Row key={item.key} number={number} text={line?.text} source={line?.source ?? "stdout"} top={item.start} found={found} marked={hits[hit] === number} fresh={number === linked} index={item.index} measure={wrap ? rows.measureElement : undefined} />;
              })}
            </div>
          </div>
          {!follow && total > seen && seen > 0 && <button type="button" className="new-lines small" onClick={toEnd}>{group(total - seen)} new {total - seen === 1 ? "line" : "lines"}<Icon name="down" /></button>}
        </div>
      )}
      {output.quotaReached && <p className="field-error small-text">The job has written as much as is kept; what came after that is not here.</p>}
    </div>
  );
}
