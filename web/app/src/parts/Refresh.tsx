// SPDX-License-Identifier: Apache-2.0
// R13: fetches anew, spins meanwhile, says how it went, and how old what is shown is.
import { toast } from "sonner";
import { ago } from "../lib/units.ts";
import { useNow } from "./Age.tsx";
import { Curl } from "./Curl.tsx";
import { Icon } from "./Icon.tsx";
import { problemOfError } from "./States.tsx";

interface Refreshed {
  readonly refetch: () => Promise<{ error: unknown }>;
  readonly isFetching: boolean;
  readonly dataUpdatedAt: number;
}

export function Refresh({ query, what, path }: { query: Refreshed; what: string; path?: string }) {
  const now = useNow();
  const refresh = async () => {
    const { error } = await query.refetch();
    if (error === null) toast.success(`${what} refreshed`);
    else toast.error(problemOfError(error).message, { action: { label: "Retry", onClick: () => void refresh() } });
  };
  return (
    <span className="refresh">
      {path !== undefined && <Curl of={{ path }} />}
      {query.dataUpdatedAt > 0 && <span className="dim">Last updated {ago(Math.max(0, now - query.dataUpdatedAt))}</span>}
      <button type="button" className="icon-button" aria-label={`Refresh ${what.toLowerCase()}`} title="Refresh" onClick={() => void refresh()} disabled={query.isFetching}>
        <Icon name="refresh" className={query.isFetching ? "spin" : ""} />
      </button>
    </span>
  );
}
