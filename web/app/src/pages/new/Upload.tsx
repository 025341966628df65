// SPDX-License-Identifier: Apache-2.0
// Step 1: files become uploads. Several at once; each valid one is kept, each other one says why not (R1, R15).
import { useMutation, useQueryClient } from "@tanstack/react-query";
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
import { draftsChanged, draftsKept, forgetDraft, keepDraft, newDraft, newKey } from "../../lib/drafts.ts";
import { refusal, SUPPORTED } from "../../lib/files.ts";
import { useStore } from "../../lib/store.ts";
import { bytes } from "../../lib/units.ts";
import { Age } from "../../parts/Age.tsx";
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
  readonly file: File;
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
      const upload = await sendUpload(item.file, item.file.name, item.key, (sent) => change(item.id, { sent: Math.min(sent, item.file.size) }), item.stop.signal);
      queries.setQueryData(["upload", upload.id], upload);
      keepDraft(newDraft(upload.id, upload.file_name));
      change(item.id, { upload, sent: item.file.size });
      toast.success(`${item.file.name}: upload complete`);
      return upload;
    } catch (error) {
      if (error instanceof Problem && error.code === "aborted") return null;
      change(item.id, { error: error instanceof Problem ? error : String(error) });
      toast.error(`${item.file.name} was not taken`);
      return null;
    } finally {
      running.current.delete(item.stop);
    }
  }, [change, queries]);

  const add = useCallback((files: readonly File[]): Promise<(Upload | null)[]> => {
    const made = files.map((file): Item => {
      const why = refusal(file, sizeMax);
      return { id: nextId++, file, sent: 0, key: newKey(), stop: new AbortController(), ...(why === null ? {} : { error: why }) };
    });
    setItems((now) => [...made, ...now]);
    return Promise.all(made.map((item) => (item.error === undefined ? send(item) : null)));
  }, [send, sizeMax]);

  const again = (item: Item) => {
    const fresh = { ...item, sent: 0, stop: new AbortController() }; // the same key: if it had come through, this gives the same upload
    setItems((now) => now.map((each) => (each.id === item.id ? (({ error: _, ...rest }) => rest)(fresh) : each)));
    void send(fresh);
  };
  const remove = (item: Item) => {
    item.stop.abort();
    setItems((now) => now.filter((each) => each.id !== item.id));
  };
  return { items, add, again, remove };
}

function ItemCard({ item, again, remove }: { item: Item; again: () => void; remove: () => void }) {
  const percent = item.file.size === 0 ? 0 : Math.floor((100 * item.sent) / item.file.size);
  const type = item.file.name.includes(".") ? item.file.name.slice(item.file.name.lastIndexOf(".")) : "no ending";
  return (
    <li className={`card upload ${item.error === undefined ? "" : "bad"}`} data-testid="upload">
      <div className="upload-head">
        <Icon name="file" />
        <span className="upload-name">{item.file.name}</span>
        <span className="dim">{bytes(item.file.size)}, {type}</span>
        <button type="button" className="icon-button" aria-label={`Remove ${item.file.name}`} onClick={remove}><Icon name="cross" /></button>
      </div>
      {item.error !== undefined ? (
        typeof item.error === "string" ? <p className="field-error" role="alert">{item.error}</p> : <ErrorPanel error={item.error} {...(item.error.mayRetry ? { retry: again } : {})} safe="Nothing was kept of it, and nothing was paid." />
      ) : item.upload === undefined ? (
        <>
          <div className="progress" role="progressbar" aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} aria-label={`Upload of ${item.file.name}`}><span style={{ width: `${percent}%` }} /></div>
          <p className="dim" role="status">{percent < 100 ? `Uploading, ${percent} %` : <><Icon name="refresh" className="spin" /> Analyzing…</>}</p>
        </>
      ) : (
        <>
          <p><Pill tone="done" icon="check">Upload complete</Pill></p>
          <AnalysisCard upload={item.upload} />
          <p className="actions"><Link to="/new/$upload/offers" params={{ upload: item.upload.id }} className="button primary">Choose a machine<Icon name="arrow" /></Link></p>
        </>
      )}
    </li>
  );
}

function DropZone({ add, sizeMax }: { add: (files: readonly File[]) => void; sizeMax: number | null }) {
  const { getRootProps, getInputProps, isDragActive, open } = useDropzone({ onDrop: (files) => add(files), noClick: true, noKeyboard: true });
  return (
    <div {...getRootProps({ className: `drop ${isDragActive ? "over" : ""}`, "data-testid": "drop" })}>
      <input {...getInputProps({ "aria-label": "Files to upload" })} />
      <svg className="drop-stick" viewBox="0 0 120 28" width="160" height="38" aria-hidden="true"><path d="M1 1h118v12H1zM1 15h118v12H1z" /><path d="M12 8v5M22 8v5M32 8v5M46 4v9M12 15v5M22 15v5M32 15v5M46 15v9" /></svg>
      <p className="drop-title">{isDragActive ? "Let go to upload" : "Drop your program here"}</p>
      <p><button type="button" className="primary" onClick={open}>Choose files</button></p>
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
  const sizeMax = terms.data?.terms.upload_max ?? null;
  const { items, add, again, remove } = useUploads(sizeMax);
  const sample = useMutation({
    mutationFn: async (which: (typeof SAMPLES)[number]) => {
      if (session.get() === null) await startWithPlayMoney();
      return add([sampleFile(which)]);
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
        {who !== null && <DropZone add={(files) => void add(files)} sizeMax={sizeMax} />}
        <ul className="uploads" aria-label="Uploads">
          {items.map((item) => <ItemCard key={item.id} item={item} again={() => again(item)} remove={() => remove(item)} />)}
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
