// SPDX-License-Identifier: Apache-2.0
import { curlOf, type CurlOf } from "../lib/curl.ts";
import { copy } from "./Id.tsx";

/** The same, from a terminal. */
export function Curl({ of, label = "Copy as curl" }: { of: CurlOf; label?: string }) {
  return <button type="button" className="link small-text" title={`${of.method ?? "GET"} ${of.path}`} onClick={() => void copy(curlOf(location.origin, of), "Command")}>{label}</button>;
}
