// SPDX-License-Identifier: Apache-2.0
// No price, or no job: what was wrong, and where a machine lacks what the job needs, the ways on.
import { Link } from "@tanstack/react-router";
import { problemOfError, ErrorPanel } from "../../parts/States.tsx";

const LACKS: readonly string[] = ["offer_insufficient", "not_on_machine"];
export const isLacking = (error: unknown): boolean => LACKS.includes(problemOfError(error).code);

export function Refusal({ error, upload, safe, retry }: { error: unknown; upload: string; safe: string; retry?: () => void }) {
  const { detail } = problemOfError(error);
  if (!isLacking(error)) return <ErrorPanel error={error} safe={safe} {...(retry === undefined ? {} : { retry })} />;
  const machines = (words: string) => <Link to="/new/$upload/offers" params={{ upload }}>{words}</Link>;
  const settings = (words: string) => <Link to="/new/$upload/settings" params={{ upload }}>{words}</Link>;
  return (
    <ErrorPanel error={error} safe={safe}>
      {machines("Choose another machine")}
      {/\bmodel\b/.test(detail) && <>, or {settings("let the program reach the Internet")} if it can fetch its model by itself</>}
      {/\bimage\b/.test(detail) && <>, or {settings("name another image")}</>}
      . If it does not need this after all, {machines("correct what was found")}.
    </ErrorPanel>
  );
}
