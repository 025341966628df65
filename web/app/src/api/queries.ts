// SPDX-License-Identifier: Apache-2.0
// How long an answer is good, when it is asked for again, and what is forgotten with a token that is no good any more.
import { QueryClient } from "@tanstack/react-query";
import { session } from "../wallet/session.ts";
import { Problem } from "./client.ts";

export function newQueries(): QueryClient {
  const queries = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchInterval: 30_000, // R13.6; what changes in between is told by the feed
        refetchOnWindowFocus: false,
        retry: (count, error) => error instanceof Problem && error.mayRetry && count < 2,
      },
    },
  });
  // One that cannot be checked now is kept.
  queries.getQueryCache().subscribe((event) => {
    if (event.type === "updated" && event.action.type === "error" && event.action.error instanceof Problem && event.action.error.status === 401) session.set(null);
  });
  return queries;
}
