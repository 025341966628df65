// SPDX-License-Identifier: Apache-2.0
import { getTerms } from "../api/routes.ts";
import { useAsked } from "../lib/asked.ts";

export function useTerms() {
  return useAsked({ queryKey: ["terms"], queryFn: ({ signal }) => getTerms(signal), staleTime: 10_000 });
}
