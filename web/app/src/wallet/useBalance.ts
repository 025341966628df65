// SPDX-License-Identifier: Apache-2.0
import { useQuery } from "@tanstack/react-query";
import { getBalance } from "../api/routes.ts";

/** What the chain says that an identity has; the server keeps it for 30 s at most and says how old it is (P15). */
export function useBalance(identity: string | null | undefined) {
  return useQuery({
    queryKey: ["balance", identity ?? ""],
    queryFn: ({ signal }) => getBalance(identity ?? "", signal),
    enabled: typeof identity === "string",
    refetchInterval: 30_000,
  });
}
