// SPDX-License-Identifier: Apache-2.0
// The draft of a step, and what the server knows of its upload. A draft that this browser does not have is begun anew: the upload is on the server.
import { useEffect, useState } from "react";
import { getUpload } from "../../api/routes.ts";
import { useAsked } from "../../lib/asked.ts";
import { draftOf, draftsChanged, keepDraft, newDraft, type Draft } from "../../lib/drafts.ts";
import { useStore } from "../../lib/store.ts";

export function useDraft(upload: string) {
  useStore(draftsChanged);
  const query = useAsked({ queryKey: ["upload", upload], queryFn: ({ signal }) => getUpload(upload, signal), staleTime: Infinity, refetchInterval: false });
  const [begun] = useState(() => newDraft(upload, ""));
  const kept = draftOf(upload);
  const name = query.data?.file_name;
  useEffect(() => {
    if (kept === null && name !== undefined) keepDraft({ ...begun, name });
  }, [kept, name, begun]);
  const draft: Draft = kept ?? begun;
  return { upload: query, draft, keep: keepDraft };
}
