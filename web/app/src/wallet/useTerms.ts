// SPDX-License-Identifier: Apache-2.0
import { useQuery } from "@tanstack/react-query";
import { getTerms } from "../api/routes.ts";

export function useTerms() {
  return useQuery({ queryKey: ["terms"], queryFn: ({ signal }) => getTerms(signal), staleTime: 10_000 });
}
