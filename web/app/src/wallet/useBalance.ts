// SPDX-License-Identifier: Apache-2.0
import { getBalance } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";

/** What the chain says that an identity has; the server keeps it for 30 s at most and says how old it is (P15). */
export function useBalance(identity: string | null | undefined) {
  return useAsked({
    queryKey: ["balance", identity ?? ""],
    queryFn: ({ signal }) => getBalance(identity ?? "", signal),
    enabled: typeof identity === "string",
    refetchInterval: 30_000,
  });
}
