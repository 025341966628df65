// SPDX-License-Identifier: Apache-2.0
// Ctrl-K: every place, one's jobs and the ids in hand, by a few letters and the keyboard alone.
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { getJobs } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";
import { meant } from "../lib/palette.ts";
import { useStore } from "../lib/store.ts";
import { nameOf } from "../pages/JobCard.tsx";
import { spaced } from "../lib/words.ts";
import { Dialog } from "../parts/Dialog.tsx";
import { Icon, type IconName } from "../parts/Icon.tsx";
import { session } from "../wallet/session.ts";
import { nextTheme } from "./theme.ts";

interface Entry {
  readonly id: string;
  readonly text: string;
  readonly more: string;
  readonly icon: IconName;
  readonly run: () => void;
}
const SHOWN = 10;

export default function Palette({ places, onClose }: { places: readonly { to: string; label: string; icon: IconName }[]; onClose: () => void }) {
  const navigate = useNavigate();
  const who = useStore(session);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const jobs = useAsked({ queryKey: ["jobs", "limit=100"], queryFn: ({ signal }) => getJobs({ limit: 100 }, signal), enabled: who !== null });
  const go = (to: string) => () => void navigate({ to });
  const entries: Entry[] = [
    ...places.map(({ to, label, icon }) => ({ id: to, text: label, more: "", icon, run: go(to) })),
    { id: "wallet", text: "Wallet", more: "sign in, keys, balance", icon: "wallet", run: go("/wallet") },
    { id: "statement", text: "Statement", more: "payouts by day, CSV, your own books", icon: "earnings", run: go("/earnings/statement") },
    { id: "tokens", text: "Tokens", more: "for programs: make, revoke", icon: "settings", run: go("/settings") },
    { id: "webhooks", text: "Webhooks", more: "be called when something happens", icon: "settings", run: go("/settings") },
    { id: "theme", text: "Change colours", more: "light, dark, as the system", icon: "sun", run: nextTheme },
    ...(jobs.data?.items ?? []).map((job) => ({ id: job.id, text: nameOf(job), more: `${spaced(job.status)}, ${job.id}`, icon: "file" as const, run: () => void navigate({ to: "/jobs/$job", params: { job: job.id } }) })),
  ];
  const list = meant(entries, (entry) => `${entry.text} ${entry.more}`, query, SHOWN);
  const here = Math.min(at, list.length - 1);
  const take = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    entry.run();
  };
  const key = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((here + (event.key === "ArrowDown" ? 1 : list.length - 1)) % Math.max(1, list.length));
    } else if (event.key === "Enter") take(list[here]);
  };
  return (
    <Dialog open onClose={onClose} title="Go to">
      <input type="search" role="combobox" aria-expanded="true" aria-controls="palette" aria-activedescendant={list[here] === undefined ? undefined : `palette-${here}`} aria-label="Page, job or id" placeholder="Page, job or id" autoFocus
        value={query} onKeyDown={key} onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }} />
      <ul id="palette" role="listbox" aria-label="What is meant" className="palette">
        {list.map((entry, index) => (
          <li key={entry.id} id={`palette-${index}`} role="option" aria-selected={index === here} onPointerMove={() => setAt(index)} onClick={() => take(entry)}>
            <Icon name={entry.icon} /><span>{entry.text}</span><span className="dim small-text">{entry.more}</span>
          </li>
        ))}
      </ul>
      {list.length === 0 && <p className="dim" role="status">Nothing is called like that.</p>}
    </Dialog>
  );
}
