// SPDX-License-Identifier: Apache-2.0
// Step 1: files become uploads. Several at once; each valid one is kept, each other one says why not (R1, R15).
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import hello from "#examples/hello.py?raw";
import missing from "#examples/missing-column.py?raw";
import { useCallback, useEffect, useRef, useState } from "react";
import { useDropzone } from "react-dropzone";
import { toast } from "sonner";
import { Problem } from "../../api/client.ts";
import { sendUpload } from "../../api/routes.ts";
import type { Upload } from "../../api/schema.ts";
import { useTitle } from "../../frame/title.ts";
import { useAction } from "../../lib/action.ts";
import { draftsChanged, draftsKept, forgetDraft, keepDraft, newDraft, newKey } from "../../lib/drafts.ts";
import { entryChoices, pathOf, refusal, SUPPORTED } from "../../lib/files.ts";
import { keepSources } from "../../lib/sources.ts";
import { useStore } from "../../lib/store.ts";
import { bytes } from "../../lib/units.ts";
import { Age } from "../../parts/Age.tsx";
import { Curl } from "../../parts/Curl.tsx";
import { Icon } from "../../parts/Icon.tsx";
import { Pill } from "../../parts/StatusPill.tsx";
import { startWithPlayMoney } from "../../wallet/play.ts";
import { session } from "../../wallet/session.ts";
import { SignInCard } from "../../wallet/SignInCard.tsx";
import { useTerms } from "../../wallet/useTerms.ts";
import { ErrorPanel } from "../../parts/States.tsx";
import { AnalysisCard } from "./Analysis.tsx";
import { StepBody, Steps } from "./Steps.tsx";

interface Item {
  readonly id: number;
  readonly name: string;
  readonly files: readonly File[];
  readonly size: number;
  readonly entry?: string;
  readonly sent: number;
  readonly key: string;
  readonly stop: AbortController;
  readonly upload?: Upload;
  readonly error?: Problem | string;
}

const SAMPLES = [
  { name: "hello.py", source: hello, says: "four steps in two seconds, one result file" },
  { name: "missing-column.py", source: missing, says: "works for four seconds, then fails: the money comes back" },
] as const;
const sampleFile = (sample: (typeof SAMPLES)[number]) => new File([sample.source], sample.name, { type: "text/x-python" });

// Outside of the page's state: a step that is left and entered again finds its uploads going on.
let nextId = 1;

function useUploads(sizeMax: number | null) {
  const [items, setItems] = useState<readonly Item[]>([]);
  const running = useRef(new Set<AbortController>());
  const queries = useQueryClient();
  useEffect(() => {
    const all = running.current;
    return () => all.forEach((stop) => stop.abort());
  }, []);
  const change = useCallback((id: number, what: Partial<Item>) => setItems((now) => now.map((item) => (item.id === id ? { ...item, ...what } : item))), []);

  const send = useCallback(async (item: Item): Promise<Upload | null> => {
    running.current.add(item.stop);
    try {
      const files = item.files.map((file) => ({ name: item.files.length === 1 ? file.name : pathOf(file), data: file }));
      const upload = await sendUpload({ files, entry: item.entry, key: item.key }, (sent) => change(item.id, { sent: Math.min(sent, item.size) }), item.stop.signal);
      await keepSources(upload.id, item.files);
      queries.setQueryData(["upload", upload.id], upload);
      keepDraft(newDraft(upload.id, upload.file_name));
      change(item.id, { upload, sent: item.size });
      if (document.hidden) toast.success(`${item.name}: upload complete`); // else its card says so, and the toast would lie on the offers
      return upload;
    } catch (error) {
      if (error instanceof Problem && error.code === "aborted") return null;
      change(item.id, { error: error instanceof Problem ? error : String(error) });
      if (!(error instanceof Problem) || entryChoices(error.detail).length === 0) toast.error(item.files.length > 1 ? "The files were not taken" : `${item.name} was not taken`);
      return null;
    } finally {
      running.current.delete(item.stop);
    }
  }, [change, queries]);

  const add = useCallback((files: readonly File[], together: boolean): Promise<(Upload | null)[]> => {
    const item = (of: readonly File[], why: string | null): Item => ({
      id: nextId++, files: of, name: of.length === 1 ? (of[0]?.name ?? "") : `${of.length} files together`, size: of.reduce((sum, file) => sum + file.size, 0), sent: 0, key: newKey(),
      stop: new AbortController(), ...(why === null ? {} : { error: why }) });
    const good = files.filter((file) => refusal(file, sizeMax) === null);
    const made = [
      ...(together && good.length > 1 ? [item(good, null)] : good.map((file) => item([file], null))),
      ...files.filter((file) => !good.includes(file)).map((file) => item([file], refusal(file, sizeMax))), // each says why (R1.8)
    ];
    setItems((now) => [...made, ...now]);
    return Promise.all(made.map((item) => (item.error === undefined ? send(item) : null)));
  }, [send, sizeMax]);

  const again = (item: Item, entry?: string) => {
    // With the same key: if it had come through, this gives the same upload. With an entry it is another request.
    const fresh = { ...item, sent: 0, stop: new AbortController(), ...(entry === undefined ? {} : { entry, key: newKey() }) };
    setItems((now) => now.map((each) => (each.id === item.id ? (({ error: _, ...rest }) => rest)(fresh) : each)));
    void send(fresh);
  };
  const remove = (item: Item) => {
    item.stop.abort();
    setItems((now) => now.filter((each) => each.id !== item.id));
  };
  return { items, add, again, remove };
}

/** Only who dropped them knows which file is the program. */
function EntryChoice({ choices, choose }: { choices: readonly string[]; choose: (entry: string) => void }) {
  return (
    <div className="stack" role="group" aria-label="Which file starts the job?">
      <p><b>Which file starts the job?</b></p>
      <p className="entry-choices">{choices.map((name) => <button key={name} type="button" className="mono" onClick={() => choose(name)}>{name}</button>)}</p>
    </div>
  );
}

/** Why, and apart from it what would do. */
function Refused({ why }: { why: string }) {
  const [first, ...more] = why.split(/ (?=Supported: )/);
  return <div role="alert"><p className="field-error">{first}</p>{more.map((words) => <p key={words} className="dim small-text prose">{words}</p>)}</div>;
}

function ItemCard({ item, again, remove }: { item: Item; again: (entry?: string) => void; remove: () => void }) {
  const percent = item.size === 0 ? 0 : Math.min(100, Math.floor((100 * item.sent) / item.size));
  const type = item.files.length > 1 ? "one job" : item.name.includes(".") ? item.name.slice(item.name.lastIndexOf(".")) : "no ending";
  const choices = item.error instanceof Problem ? entryChoices(item.error.detail) : [];
  return (
    <li className={`card upload ${item.error === undefined || choices.length > 0 ? "" : "bad"}`} data-testid="upload">
      <div className="upload-head">
        <Icon name="file" />
        <span className="upload-name">{item.name}</span>
        <span className="dim">{bytes(item.size)}, {type}</span>
        <button type="button" className="icon-button" aria-label={`Remove ${item.name}`} onClick={remove}><Icon name="cross" /></button>
      </div>
      {choices.length > 0 ? <EntryChoice choices={choices} choose={again} /> : item.error !== undefined ? (
        typeof item.error === "string" ? <Refused why={item.error} /> : <ErrorPanel error={item.error} {...(item.error.mayRetry ? { retry: () => again() } : {})} safe="Nothing was kept of it, and nothing was paid." />
      ) : item.upload === undefined ? (
        <>
          <div className="progress" role="progressbar" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} aria-label={`Upload of ${item.name}`}><span style={{ width: `${percent}%` }} /></div>
          <p className="dim" role="status">{percent < 100 ? `Uploading, ${percent} %` : <><Icon name="refresh" className="spin" /> Analyzing…</>}</p>
        </>
      ) : (
        <>
          <p><Pill tone="done" icon="check">Upload complete</Pill></p>
          <AnalysisCard upload={item.upload} />
          <p className="actions"><Link to="/new/$upload/offers" params={{ upload: item.upload.id }} className="button primary">Choose a machine<Icon name="arrow" /></Link>{item.files.length === 1 && <Curl of={{ path: `/v1/uploads?name=${encodeURIComponent(item.name)}`, method: "POST", file: item.name }} />}</p>
        </>
      )}
    </li>
  );
}

function DropZone({ add, sizeMax }: { add: (files: readonly File[], together: boolean) => void; sizeMax: number | null }) {
  const [together, setTogether] = useState(true);
  const { getRootProps, getInputProps, isDragActive, open } = useDropzone({ onDrop: (files) => add(files, together), noClick: true, noKeyboard: true });
  return (
    <div {...getRootProps({ className: `drop ${isDragActive ? "over" : ""}`, "data-testid": "drop" })}>
      <input {...getInputProps({ "aria-label": "Files to upload" })} />
      <svg className="drop-stick" viewBox="0 0 120 28" width="160" height="38" aria-hidden="true"><path d="M1 1h118v12H1zM1 15h118v12H1z" /><path d="M12 8v5M22 8v5M32 8v5M46 4v9M12 15v5M22 15v5M32 15v5M46 15v9" /></svg>
      <p className="drop-title">{isDragActive ? "Let go to upload" : "Drop your program here"}</p>
      <p><button type="button" className="primary" onClick={open}>Choose files</button></p>
      <div className="drop-together">
        <span className="small-text" id="together">Several files at once are</span>
        <div className="segments" role="group" aria-labelledby="together">
          <button type="button" aria-pressed={together} onClick={() => setTogether(true)}>one job</button>
          <button type="button" aria-pressed={!together} onClick={() => setTogether(false)}>a job each</button>
        </div>
      </div>
      <p className="dim small-text">{SUPPORTED}{sizeMax !== null && `; at most ${bytes(sizeMax)} each`}.</p>
    </div>
  );
}

function Unfinished({ but }: { but: readonly string[] }) {
  useStore(draftsChanged);
  const drafts = draftsKept().filter((draft) => draft.job === undefined && !but.includes(draft.upload));
  if (drafts.length === 0) return null;
  return (
    <section className="card">
      <h2>Begun earlier</h2>
      <ul className="plain-list">
        {drafts.slice(0, 5).map((draft) => (
          <li key={draft.upload}>
            <Link to="/new/$upload/offers" params={{ upload: draft.upload }}>{draft.name}</Link>
            <span className="dim"><Age time={new Date(draft.at).toISOString()} /></span>
            <button type="button" className="link" onClick={() => forgetDraft(draft.upload)}>Forget</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function UploadStep() {
  useTitle("New job");
  const who = useStore(session);
  const terms = useTerms();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const sizeMax = terms.data?.terms.upload_max ?? null;
  const { items, add, again, remove } = useUploads(sizeMax);
  const sample = useAction({
    mutationFn: async (which: (typeof SAMPLES)[number]) => {
      if (session.get() === null) await startWithPlayMoney(queries);
      return add([sampleFile(which)], false);
    },
    onSuccess: ([upload]) => {
      if (upload != null) void navigate({ to: "/new/$upload/offers", params: { upload: upload.id } });
    },
  });
  const canTry = who !== null || terms.data?.chain.faucet === true;
  return (
    <div className="page wizard">
      <h1>New job</h1>
      <Steps at="upload" draft={null} />
      <StepBody>
        {who !== null && <DropZone add={(files, together) => void add(files, together)} sizeMax={sizeMax} />}
        <ul className="uploads" aria-label="Uploads">
          {items.map((item) => <ItemCard key={item.id} item={item} again={(entry) => again(item, entry)} remove={() => remove(item)} />)}
        </ul>
        {canTry && (
          <section className="card samples" aria-label="Samples">
            <p><b>Try a sample job</b> <span className="dim">{who === null && "A wallet with play money is made for you."}</span></p>
            <div className="sample-list">
              {SAMPLES.map((each) => (
                <button key={each.name} type="button" className="way" disabled={sample.isPending} onClick={() => sample.mutate(each)}>
                  <b className="mono">{each.name}</b><span>{each.says}</span>
                </button>
              ))}
            </div>
            {sample.isError && <ErrorPanel error={sample.error} />}
          </section>
        )}
        {who === null ? <SignInCard title="Sign in to upload your own" /> : <Unfinished but={items.flatMap((item) => item.upload?.id ?? [])} />}
      </StepBody>
    </div>
  );
}
