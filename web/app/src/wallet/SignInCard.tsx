// SPDX-License-Identifier: Apache-2.0
// Every way in: a new wallet, one's own seed, the wallet that is here, a token from elsewhere.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useAction } from "../lib/action.ts";
import { useStore } from "../lib/store.ts";
import { shortId } from "../lib/units.ts";
import { Icon } from "../parts/Icon.tsx";
import { copy } from "../parts/Id.tsx";
import { ErrorPanel } from "../parts/States.tsx";
import { startWithPlayMoney } from "./play.ts";
import { signInWithToken, signInWithWallet } from "./signin.ts";
import { useTerms } from "./useTerms.ts";
import { PASSPHRASE_MIN } from "./vault.ts";
import { createSeed, forget, sealWith, takeSeed, unlock, wallet } from "./wallet.ts";

type Way = "choose" | "create" | "import" | "token";

/** Chosen twice, so that a slip of the finger locks nobody out. */
function NewPassphrase({ onDone, label }: { onDone: (passphrase: string) => void; label: string }) {
  const [first, setFirst] = useState("");
  const [second, setSecond] = useState("");
  const wrong = first !== "" && first.length < PASSPHRASE_MIN ? `At least ${PASSPHRASE_MIN} characters.` : second !== "" && second !== first ? "The two differ." : null;
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      if (first.length >= PASSPHRASE_MIN && first === second) onDone(first);
    }}>
      <label>Passphrase<input type="password" autoComplete="new-password" value={first} onChange={(event) => setFirst(event.target.value)} /></label>
      <label>The same again<input type="password" autoComplete="new-password" value={second} onChange={(event) => setSecond(event.target.value)} /></label>
      <p className={wrong === null ? "dim small-text" : "field-error"} role={wrong === null ? undefined : "alert"}>
        {wrong ?? "It encrypts the seed in this browser (Argon2id). It is not sent anywhere and cannot be recovered; the seed can replace it."}
      </p>
      <button type="submit" className="primary" disabled={first.length < PASSPHRASE_MIN || first !== second}>{label}</button>
    </form>
  );
}

function Create({ onDone }: { onDone: () => void }) {
  const [made, setMade] = useState<{ seed: string; identity: string } | null>(null);
  const [written, setWritten] = useState(false);
  const begin = useAction({ mutationFn: createSeed, onSuccess: setMade });
  const finish = useAction({
    mutationFn: async (passphrase: string) => {
      await sealWith(passphrase);
      await signInWithWallet();
    },
    onSuccess: onDone,
  });
  if (made === null) {
    return (
      <div className="stack">
        <p className="prose">A seed of 55 letters is made in this browser. Whoever has it has the money, so write it down where nobody else looks; nobody can give it to you again.</p>
        <button type="button" className="primary" disabled={begin.isPending} onClick={() => begin.mutate()}>Make a seed</button>
        {begin.isError && <ErrorPanel error={begin.error} />}
      </div>
    );
  }
  return (
    <div className="stack">
      <p>Identity <span className="mono">{shortId(made.identity)}</span></p>
      <p className="seed mono" data-testid="seed">{made.seed.match(/.{1,11}/g)?.join(" ")}</p>
      <p><button type="button" className="small" onClick={() => void copy(made.seed, "Seed")}><Icon name="copy" />Copy</button></p>
      <label className="check"><input type="checkbox" checked={written} onChange={(event) => setWritten(event.target.checked)} />I have written it down</label>
      {written && <NewPassphrase label="Encrypt, keep and sign in" onDone={(passphrase) => finish.mutate(passphrase)} />}
      {finish.isPending && <p className="dim">Encrypting and signing in…</p>}
      {finish.isError && <ErrorPanel error={finish.error} />}
    </div>
  );
}

function Import({ onDone }: { onDone: () => void }) {
  const [seed, setSeed] = useState("");
  const [identity, setIdentity] = useState<string | null>(null);
  const take = useAction({ mutationFn: () => takeSeed(seed.replace(/\s/g, "")), onSuccess: (answer) => setIdentity(answer.identity) });
  const finish = useAction({
    mutationFn: async (passphrase: string) => {
      await sealWith(passphrase);
      setSeed("");
      await signInWithWallet();
    },
    onSuccess: onDone,
  });
  return (
    <div className="stack">
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        take.mutate();
      }}>
        <label>Seed<input type="password" autoComplete="off" spellCheck={false} value={seed} onChange={(event) => {
          setSeed(event.target.value);
          setIdentity(null);
        }} /></label>
        <p className="dim small-text">55 letters from a to z. It stays in this browser.</p>
        {identity === null && <button type="submit" className="primary" disabled={seed === ""}>Read it</button>}
      </form>
      {take.isError && <ErrorPanel error={take.error} />}
      {identity !== null && (
        <>
          <p>Its identity is <span className="mono wrap">{identity}</span></p>
          <NewPassphrase label="Encrypt, keep and sign in" onDone={(passphrase) => finish.mutate(passphrase)} />
        </>
      )}
      {finish.isError && <ErrorPanel error={finish.error} />}
    </div>
  );
}

function Token({ onDone }: { onDone: () => void }) {
  const [token, setToken] = useState("");
  const enter = useAction({ mutationFn: () => signInWithToken(token), onSuccess: onDone });
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      enter.mutate();
    }}>
      <p className="prose">A wallet on the command line signs in without its seed ever being here:</p>
      <pre>tally login --server {location.origin} --wallet FILE</pre>
      <label>Token<input id="token" type="password" autoComplete="off" spellCheck={false} value={token} onChange={(event) => setToken(event.target.value)} /></label>
      <p className="dim small-text">With a token alone this page watches and asks; to pay, sign with the wallet elsewhere.</p>
      <button type="submit" className="primary" disabled={token === "" || enter.isPending}>Sign in</button>
      {enter.isError && <ErrorPanel error={enter.error} />}
    </form>
  );
}

function Unlock({ onDone }: { onDone: () => void }) {
  const state = useStore(wallet);
  const [passphrase, setPassphrase] = useState("");
  const [sure, setSure] = useState(false);
  const open = useAction({
    mutationFn: async () => {
      await unlock(passphrase);
      setPassphrase("");
      await signInWithWallet();
    },
    onSuccess: onDone,
  });
  if (state.is === "none") return null;
  return (
    <form className="stack" onSubmit={(event) => {
      event.preventDefault();
      open.mutate();
    }}>
      <p>The wallet <span className="mono" title={state.vault.identity}>{shortId(state.vault.identity)}</span> is in this browser.</p>
      {state.is === "locked" && !state.vault.open && (
        <label>Passphrase<input type="password" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} /></label>
      )}
      <button type="submit" className="primary" disabled={open.isPending}>{open.isPending ? "Opening…" : state.is === "locked" ? "Unlock and sign in" : "Sign in"}</button>
      {open.isError && <ErrorPanel error={open.error} />}
      <p className="small-text dim">
        {sure ? (
          <>The seed is then nowhere but where you wrote it down. <button type="button" className="link" onClick={forget}>Remove it from this browser</button></>
        ) : (
          <button type="button" className="link" onClick={() => setSure(true)}>Use another wallet…</button>
        )}
      </p>
    </form>
  );
}

const noop = () => undefined;

export function SignInCard({ title = "Sign in", onDone = noop }: { title?: string; onDone?: () => void }) {
  const state = useStore(wallet);
  const terms = useTerms();
  const queries = useQueryClient();
  const [way, setWay] = useState<Way>("choose");
  const done = () => {
    void queries.invalidateQueries();
    onDone();
  };
  const play = useAction({ mutationFn: () => startWithPlayMoney(queries), onSuccess: done });
  const faucet = terms.data?.chain.faucet === true;
  return (
    <section className="card sign-in" aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{title}</h2>
      {terms.isError && <ErrorPanel error={terms.error} retry={() => void terms.refetch()} />}
      {way === "choose" && state.is !== "none" && <Unlock onDone={done} />}
      {way === "choose" && state.is === "none" && (
        <div className="ways">
          {faucet && (
            <button type="button" className="way primary-way" disabled={play.isPending} onClick={() => play.mutate()}>
              <b>{play.isPending ? "Making a wallet…" : "Start with play money"}</b>
              <span>This is a development chain: a wallet and 100 million QUBIC of play money, in one click.</span>
            </button>
          )}
          <button type="button" className="way" onClick={() => setWay("create")}><b>Create a wallet</b><span>A new Qubic seed, encrypted in this browser.</span></button>
          <button type="button" className="way" onClick={() => setWay("import")}><b>Use my seed</b><span>An identity you already have.</span></button>
        </div>
      )}
      {play.isError && <ErrorPanel error={play.error} />}
      {way === "create" && <Create onDone={done} />}
      {way === "import" && <Import onDone={done} />}
      {way === "token" && <Token onDone={done} />}
      <p className="small-text">
        {way === "choose" ? (
          <button type="button" className="link" onClick={() => setWay("token")}>Sign in with a token instead</button>
        ) : (
          <button type="button" className="link" onClick={() => setWay("choose")}>Back</button>
        )}
      </p>
    </section>
  );
}
