// SPDX-License-Identifier: Apache-2.0
// Where to, of what, from when on.
import { useRef, useState } from "react";
import { makeWebhook, type EventType, type Webhook } from "../../api/webhooks.ts";
import { useAction } from "../../lib/action.ts";
import { newKey } from "../../lib/drafts.ts";
import { ABOUT, bodyOf, TYPES, wrongJob, wrongUrl, type About } from "../../lib/webhooks.ts";
import { Curl } from "../../parts/Curl.tsx";
import { Dialog } from "../../parts/Dialog.tsx";
import { ErrorPanel } from "../../parts/States.tsx";
import { useTerms } from "../../wallet/useTerms.ts";

function Types({ chosen, choose }: { chosen: readonly EventType[]; choose: (types: readonly EventType[]) => void }) {
  return (
    <div className="hook-types">
      {TYPES.map(([group, types]) => (
        <fieldset key={group}><legend>{group}</legend>
          {types.map((type) => (
            <label key={type} className="check"><input type="checkbox" checked={chosen.includes(type)} onChange={(event) => choose(event.target.checked ? [...chosen, type] : chosen.filter((each) => each !== type))} /><span className="mono">{type}</span></label>
          ))}
        </fieldset>
      ))}
    </div>
  );
}

export function NewWebhook({ onClose, onMade }: { onClose: () => void; onMade: (made: { webhook: Webhook; secret: string }) => void }) {
  const terms = useTerms();
  const isLocal = terms.data?.network === "local";
  const [url, setUrl] = useState("");
  const [left, setLeft] = useState(false); // the field was left once: from then on it says what is wrong
  const [about, setAbout] = useState<About>("all");
  const [job, setJob] = useState("");
  const [some, setSome] = useState(false);
  const [types, setTypes] = useState<readonly EventType[]>(["job.completed", "job.failed"]);
  const [label, setLabel] = useState("");
  const [past, setPast] = useState(false);
  const body = bodyOf({ url, about, job, types: some ? types : [], label, past });
  // The same request again is the same webhook, another one is another.
  const asked = useRef({ text: "", key: newKey() });
  const make = useAction({
    mutationFn: () => {
      const text = JSON.stringify(body);
      if (asked.current.text !== text) asked.current = { text, key: newKey() };
      return makeWebhook(body, asked.current.key);
    },
    onSuccess: onMade,
  });
  const wrong = wrongUrl(url, isLocal);
  const bad = wrong !== "" || (about === "job" && wrongJob(job) !== "") || (some && types.length === 0);
  return (
    <Dialog open onClose={onClose} title="A webhook" wide>
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        if (!bad) make.mutate();
      }}>
        <p className="prose dim">Events are sent to an address of yours as they are written, one a request, in order, each signed and at least once.</p>
        <label>Address
          <input type="url" inputMode="url" value={url} placeholder={isLocal ? "http://127.0.0.1:9000/tally" : "https://example.org/tally"} aria-invalid={left && wrong !== ""} autoFocus onBlur={() => setLeft(url !== "")} onChange={(event) => setUrl(event.target.value)} />
          {left && wrong !== "" && <span className="field-error">{wrong}</span>}
        </label>
        <label>What for<input value={label} maxLength={100} placeholder="accounting" onChange={(event) => setLabel(event.target.value)} /></label>
        <div className="figures">
          <label>Of what<select value={about} onChange={(event) => setAbout(event.target.value as About)}>{ABOUT.map(([word, says]) => <option key={word} value={word}>{says}</option>)}</select></label>
          {about === "job" && <label>Job's id<input className="mono" value={job} aria-invalid={job !== "" && wrongJob(job) !== ""} onChange={(event) => setJob(event.target.value)} />{job !== "" && wrongJob(job) !== "" && <span className="field-error">{wrongJob(job)}</span>}</label>}
          <label>Begin<select value={past ? "past" : "now"} onChange={(event) => setPast(event.target.value === "past")}><option value="now">with the next event</option><option value="past">with the first one there is</option></select></label>
        </div>
        <div className="stack">
          <div className="segments" role="group" aria-label="Which events">
            <button type="button" aria-pressed={!some} onClick={() => setSome(false)}>Every event</button>
            <button type="button" aria-pressed={some} onClick={() => setSome(true)}>Some kinds</button>
          </div>
          {some && <Types chosen={types} choose={setTypes} />}
          {some && types.length === 0 && <p className="field-error">Choose one at least, or every event.</p>}
        </div>
        {make.isError && <ErrorPanel error={make.error} safe="Nothing is sent anywhere yet. Asking again makes one webhook." />}
        <p className="actions">
          <Curl of={{ path: "/v1/webhooks", method: "POST", body }} />
          <button type="button" onClick={onClose}>Cancel</button>
          <button type="submit" className="primary" disabled={bad || make.isPending}>{make.isPending ? "Making it…" : "Make the webhook"}</button>
        </p>
      </form>
    </Dialog>
  );
}
