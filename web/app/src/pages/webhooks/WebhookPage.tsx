// SPDX-License-Identifier: Apache-2.0
// One webhook: how it is, what was tried lately and how that went, and everything that may be done with it.
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { toast } from "sonner";
import { deleteWebhook, getAttempts, getWebhook, resendEvent, resumeWebhook, rotateWebhook, testWebhook, type Attempt, type Webhook } from "../../api/webhooks.ts";
import { Problem } from "../../api/client.ts";
import { useTitle } from "../../frame/title.ts";
import { useAction } from "../../lib/action.ts";
import { useAsked } from "../../lib/asked.ts";
import { newKey } from "../../lib/drafts.ts";
import { group } from "../../lib/money.ts";
import { useStore } from "../../lib/store.ts";
import { exactTime, shortDuration } from "../../lib/units.ts";
import { answerWords, hookName, kindWords, SECRET_WORDS, topicWords, typeWords, whyWords } from "../../lib/webhooks.ts";
import { live } from "../../live/live.ts";
import { Age, useNow } from "../../parts/Age.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { Id } from "../../parts/Id.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { ShownOnce } from "../../parts/ShownOnce.tsx";
import { Pill } from "../../parts/StatusPill.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { SignedIn } from "../SignedIn.tsx";
import { HookState } from "./HookState.tsx";

const LOOK_MS = 5000;

function toldOf(attempt: Attempt): void {
  const what = attempt.kind === "test" ? "The test" : `Event #${group(attempt.sequence)}`;
  if (attempt.good) toast.success(`${what} was taken: ${answerWords(attempt)}`);
  else toast.error(`${what} was not taken: ${answerWords(attempt)}. ${whyWords(attempt)}`);
}

/** Asks anew what a change has changed. */
function useChanged(id: string) {
  const queries = useQueryClient();
  return () => Promise.all([queries.invalidateQueries({ queryKey: ["webhook", id] }), queries.invalidateQueries({ queryKey: ["webhooks"] })]);
}

function Trouble({ hook }: { hook: Webhook }) {
  const now = useNow();
  const changed = useChanged(hook.id);
  const key = useRef(newKey());
  const resume = useAction({
    mutationFn: () => resumeWebhook(hook.id, key.current),
    onSuccess: () => {
      key.current = newKey();
      toast.success("Deliveries go on where they stopped");
      return changed();
    },
  });
  if (hook.status === "active") return null;
  const left = hook.next_try_at === null ? null : Date.parse(hook.next_try_at) - now;
  return (
    <div className={`outcome ${hook.status === "paused" ? "failed" : "waiting"}`} role="status">
      {hook.status === "paused" ? (
        <p>Paused{hook.paused_at !== null && <> <Age time={hook.paused_at} /></>}: {hook.paused_because || "deliveries failed for too long"}. Nothing is lost: every event since #{group(hook.cursor)} is sent when it goes on.</p>
      ) : (
        <p>{hook.failures} {hook.failures === 1 ? "attempt" : "attempts"} failed{hook.failing_since !== null && <>, since <Age time={hook.failing_since} /></>}. {left === null || left <= 0 ? "It is tried again now." : `It is tried again in ${shortDuration(Math.ceil(left / 1000) * 1000).replace(".0 s", " s")}.`} Events wait in their order.</p>
      )}
      {resume.isError && <ErrorPanel error={resume.error} />}
      {hook.status === "paused" && <p><button type="button" disabled={resume.isPending} onClick={() => resume.mutate()}>{resume.isPending ? "Going on…" : "Go on"}</button> <Curl of={{ path: `/v1/webhooks/${hook.id}/resume`, method: "POST", body: {} }} /></p>}
    </div>
  );
}

function Facts({ hook }: { hook: Webhook }) {
  const head = useStore(live, (state) => state.head);
  return (
    <section className="card" aria-label="Details">
      <h2>Details</h2>
      <dl className="facts">
        <div><dt>Events</dt><dd className="wrap">{hook.types.length === 0 ? "every event" : <span className="mono">{typeWords(hook.types, 32)}</span>}</dd></div>
        <div><dt>Of</dt><dd>{topicWords(hook.topics)}</dd></div>
        <div><dt>Taken up to</dt><dd className="mono">#{group(hook.cursor)}{head > hook.cursor && <span className="dim"> of #{group(head)}</span>}</dd></div>
        <div><dt>Made</dt><dd><Age time={hook.created_at} /></dd></div>
        <div><dt>Secret</dt><dd>{hook.rotated_at === null ? "the first one" : <>its {hook.secret_version}., rotated <Age time={hook.rotated_at} /></>}</dd></div>
        <div><dt>From a terminal</dt><dd><Curl of={{ path: `/v1/webhooks/${hook.id}/test`, method: "POST", body: {} }} label="A test, as curl" /></dd></div>
        <div><dt>Id</dt><dd><Id value={hook.id} what="Webhook's id" /></dd></div>
      </dl>
    </section>
  );
}

function AttemptRow({ attempt, hook }: { attempt: Attempt; hook: string }) {
  const changed = useChanged(hook);
  const again = useAction({ mutationFn: () => resendEvent(hook, attempt.sequence), onSuccess: toldOf, onSettled: changed });
  const why = whyWords(attempt);
  return (
    <tr>
      <th scope="row">{kindWords(attempt)}{attempt.sequence > 0 && <> of <Link to="/events" search={{ at: attempt.sequence }} className="mono">#{group(attempt.sequence)}</Link></>}</th>
      <td><Pill tone={attempt.good ? "done" : "failed"} icon={attempt.good ? "check" : "cross"}>{answerWords(attempt)}</Pill></td>
      <td className="right mono" data-label="Took">{attempt.ms < 1000 ? `${attempt.ms} ms` : shortDuration(attempt.ms)}</td>
      <td className="dim" data-label="When">{attempt.at === null ? "–" : <Age time={attempt.at} />}</td>
      <td className="wrap why" data-label={why === "" ? undefined : "Why"}>{again.isError ? <span className="field-error">{again.error.message}</span> : why}</td>
      <td className="right again">{attempt.sequence > 0 && <button type="button" className="small" disabled={again.isPending} aria-label={`Resend event ${attempt.sequence}`} onClick={() => again.mutate()}>{again.isPending ? "Sending…" : "Resend"}</button>}</td>
    </tr>
  );
}

function ResendOther({ hook }: { hook: string }) {
  const [number, setNumber] = useState("");
  const changed = useChanged(hook);
  const send = useAction({
    mutationFn: () => resendEvent(hook, Number(number)),
    onSuccess: (attempt) => {
      toldOf(attempt);
      setNumber("");
    },
    onSettled: changed,
  });
  return (
    <form className="hook-resend" onSubmit={(event) => {
      event.preventDefault();
      if (/^[1-9][0-9]{0,14}$/.test(number)) send.mutate();
    }}>
      <label className="inline-label">Another event, #<input inputMode="numeric" value={number} aria-label="Number of the event" onChange={(event) => setNumber(event.target.value.replace(/[^0-9]/g, ""))} /></label>
      <button type="submit" disabled={!/^[1-9][0-9]{0,14}$/.test(number) || send.isPending}>{send.isPending ? "Sending…" : "Send it once more"}</button>
      {number !== "" && <Curl of={{ path: `/v1/webhooks/${hook}/resend`, method: "POST", body: { sequence: Number(number) } }} />}
      {send.isError && <span className="field-error" role="alert">{send.error.message}</span>}
    </form>
  );
}

function Attempts({ hook }: { hook: Webhook }) {
  const attempts = useAsked({ queryKey: ["webhook", hook.id, "attempts"], queryFn: ({ signal }) => getAttempts(hook.id, signal), refetchInterval: LOOK_MS });
  const list = attempts.data;
  return (
    <section className="card" aria-label="Attempts">
      <header className="card-head"><h2>Attempts</h2><Refresh query={attempts} what="Attempts" path={`/v1/webhooks/${hook.id}/attempts`} /></header>
      {attempts.isPending ? <Skeleton rows={4} height={40} /> : list === undefined ? <ErrorPanel error={attempts.error} retry={() => void attempts.refetch()} safe="Deliveries go on without this page." /> : list.length === 0 ? (
        <EmptyState title="Nothing was sent yet">The next event that it is for is. Or send a test now.</EmptyState>
      ) : (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="All attempts">
          <table className="cards attempts" id="attempts">
            <thead><tr><th scope="col">What</th><th scope="col">Answer</th><th scope="col" className="right">Took</th><th scope="col">When</th><th scope="col">Why</th><th scope="col"><span className="sr-only">Resend</span></th></tr></thead>
            <tbody>{list.map((attempt, index) => <AttemptRow key={`${attempt.at} ${attempt.kind} ${attempt.sequence} ${index}`} attempt={attempt} hook={hook.id} />)}</tbody>
          </table>
        </div>
      )}
      <ResendOther hook={hook.id} />
    </section>
  );
}

function RotateDialog({ hook, onClose, onRotated }: { hook: Webhook; onClose: () => void; onRotated: (made: { secret: string; until: string | null }) => void }) {
  const key = useRef(newKey());
  const rotate = useAction({ mutationFn: () => rotateWebhook(hook.id, key.current), onSuccess: ({ secret, old_until }) => onRotated({ secret, until: old_until }) });
  return (
    <Dialog open onClose={onClose} title="A new signing secret?">
      <p className="prose">For a day deliveries are signed with the new secret and the old one, so your receiver may change at any time in it. After that the old one is worth nothing.</p>
      {rotate.isError && <ErrorPanel error={rotate.error} safe="Asking again gives the same new secret." />}
      <p className="actions">
        <Curl of={{ path: `/v1/webhooks/${hook.id}/rotate`, method: "POST", body: {}, key: key.current }} />
        <button type="button" onClick={onClose}>Keep the old one</button>
        <button type="button" className="primary" disabled={rotate.isPending} onClick={() => rotate.mutate()}>{rotate.isPending ? "Rotating…" : "Make a new one"}</button>
      </p>
    </Dialog>
  );
}

function DeleteDialog({ hook, onClose }: { hook: Webhook; onClose: () => void }) {
  const key = useRef(newKey());
  const navigate = useNavigate();
  const queries = useQueryClient();
  const end = useAction({
    mutationFn: () => deleteWebhook(hook.id, key.current),
    onSuccess: async () => {
      toast.success(`${hookName(hook)} is called no more`);
      await navigate({ to: "/settings" });
      queries.removeQueries({ queryKey: ["webhook", hook.id] });
      return queries.invalidateQueries({ queryKey: ["webhooks"] });
    },
  });
  return (
    <Dialog open onClose={onClose} title={`Delete ${hookName(hook)}?`}>
      <p className="prose">Nothing is sent there any more, and its secret is worth nothing. The events stay in the log; jobs and money are not touched. It took everything up to event #{group(hook.cursor)}. It cannot be undone.</p>
      {end.isError && <ErrorPanel error={end.error} />}
      <p className="actions">
        <Curl of={{ path: `/v1/webhooks/${hook.id}`, method: "DELETE", key: key.current }} />
        <button type="button" onClick={onClose}>Keep it</button>
        <button type="button" className="danger" disabled={end.isPending} onClick={() => end.mutate()}>{end.isPending ? "Deleting…" : "Delete it"}</button>
      </p>
    </Dialog>
  );
}

function Whole({ id }: { id: string }) {
  const hook = useAsked({ queryKey: ["webhook", id], queryFn: ({ signal }) => getWebhook(id, signal), refetchInterval: LOOK_MS });
  const changed = useChanged(id);
  const [dialog, setDialog] = useState<"rotate" | "delete" | null>(null);
  const [secret, setSecret] = useState<{ secret: string; until: string | null } | null>(null);
  const test = useAction({ mutationFn: () => testWebhook(id), onSuccess: toldOf, onSettled: changed });
  useTitle("Webhook", hook.data === undefined ? "Webhook" : hookName(hook.data));
  if (hook.isPending) return <><h1>Webhook</h1><Skeleton rows={6} height={40} /></>;
  if (hook.data === undefined || (hook.error instanceof Problem && hook.error.status === 404)) {
    return (
      <>
        <h1>Webhook</h1>
        {hook.error instanceof Problem && hook.error.status === 404 ? <EmptyState title="You have no such webhook" action={<Link to="/settings" className="button">To the settings</Link>}>It was deleted, or belongs to another account.</EmptyState>
          : <ErrorPanel error={hook.error} retry={() => void hook.refetch()} safe="Deliveries go on without this page." />}
      </>
    );
  }
  const h = hook.data;
  return (
    <>
      <header className="page-head hook-head">
        <div><h1>{hookName(h)}</h1><p className="dim mono small-text wrap">{h.url}</p></div>
        <HookState hook={h} />
        <button type="button" disabled={test.isPending} onClick={() => test.mutate()}>{test.isPending ? "Sending…" : "Send a test"}</button>
        <button type="button" onClick={() => setDialog("rotate")}>New secret…</button>
        <button type="button" className="danger-quiet" onClick={() => setDialog("delete")}>Delete…</button>
      </header>
      {test.isError && <ErrorPanel error={test.error} />}
      <Trouble hook={h} />
      <div className="hook">
        <Attempts hook={h} />
        <Facts hook={h} />
      </div>
      {dialog === "rotate" && <RotateDialog hook={h} onClose={() => setDialog(null)} onRotated={(made) => {
        setDialog(null);
        setSecret(made);
        void changed();
      }} />}
      {dialog === "delete" && <DeleteDialog hook={h} onClose={() => setDialog(null)} />}
      {secret !== null && <ShownOnce title="Its new signing secret" what="Secret" value={secret.secret} onClose={() => setSecret(null)}>{SECRET_WORDS}{secret.until !== null && ` Until ${exactTime(secret.until)} deliveries are signed with the old one, too.`}</ShownOnce>}
    </>
  );
}

export function WebhookPage() {
  const { webhook } = useParams({ from: "/settings/webhooks/$webhook" });
  return (
    <div className="page">
      <p className="crumbs"><Link to="/settings">Settings</Link></p>
      <SignedIn to="see your webhooks" title="Webhook"><Whole key={webhook} id={webhook} /></SignedIn>
    </div>
  );
}
