// SPDX-License-Identifier: Apache-2.0
// What a page asks the server for. A query that has no answer yet begins anew each time it asks: where there was an error there would be the shape of what
// is loading, and a second later the error again. Here what is wrong stays said until it is not.
import { useQuery, type UseQueryOptions, type UseQueryResult } from "@tanstack/react-query";
import { useRef } from "react";

export function useAsked<T>(options: UseQueryOptions<T>): UseQueryResult<T> {
  const asked = useQuery(options);
  const said = useRef<{ readonly hash: string; readonly error: Error } | null>(null);
  const hash = JSON.stringify(options.queryKey);
  if (asked.error !== null) said.current = { hash, error: asked.error };
  else if (!asked.isPending || said.current?.hash !== hash) said.current = null;
  if (said.current === null || !asked.isPending) return asked;
  return { ...asked, status: "error", isPending: false, isError: true, isLoading: false, isLoadingError: true, error: said.current.error } as unknown as UseQueryResult<T>;
}
