// SPDX-License-Identifier: Apache-2.0
// An identity, a transaction, a digest: its ends, all of it on hover, and copied by a click.
import { toast } from "sonner";
import { shortId } from "../lib/units.ts";

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast.success(`${what} copied`);
  } catch {
    toast.error(`This browser does not let the page copy. ${what}: ${text}`);
  }
}

export function Id({ value, what = "Id" }: { value: string; what?: string }) {
  return (
    <button type="button" className="id" title={`${value} (click to copy)`} onClick={() => void copy(value, what)}>
      <span className="sr-only">Copy {what} </span>
      {shortId(value)}
    </button>
  );
}
