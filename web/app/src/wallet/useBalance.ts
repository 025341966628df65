// SPDX-License-Identifier: Apache-2.0
import { getBalance } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";

const KEPT_MS = 30_000;

/** What the chain says that an identity has; the server keeps it for 30 s at most and says how old it is (P15): when that is over it is asked for again, however lately that was. */
export function useBalance(identity: string | null | undefined) {
  return useAsked({
    queryKey: ["balance", identity ?? ""],
    queryFn: ({ signal }) => getBalance(identity ?? "", signal),
    enabled: typeof identity === "string",
    refetchInterval: ({ state }) => (state.data === undefined ? KEPT_MS : Math.max(1000, KEPT_MS - state.data.age_ms + 500)),
  });
}
