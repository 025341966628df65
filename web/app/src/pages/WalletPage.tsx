// SPDX-License-Identifier: Apache-2.0
// The wallet: who one is, what one has, and how to leave.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";
import { useTitle } from "../frame/title.ts";
import { useAction } from "../lib/action.ts";
import { useStore } from "../lib/store.ts";
import { ago } from "../lib/units.ts";
import { Amount } from "../parts/Amount.tsx";
import { useNow } from "../parts/Age.tsx";
import { Curl } from "../parts/Curl.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { copy } from "../parts/Id.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { Pill } from "../parts/StatusPill.tsx";
import { ErrorPanel, Skeleton } from "../parts/States.tsx";
import { fetchPlayMoney, playMoney } from "../wallet/play.ts";
import { session, type SignedIn } from "../wallet/session.ts";
import { SignInCard } from "../wallet/SignInCard.tsx";
import { signOut } from "../wallet/signin.ts";
import { useBalance } from "../wallet/useBalance.ts";
import { useTerms } from "../wallet/useTerms.ts";
import { forget, lock, reveal, unlock, wallet } from "../wallet/wallet.ts";

function BalanceCard({ identity }: { identity: string }) {
  const balance = useBalance(identity);
  const terms = useTerms();
  const queries = useQueryClient();
  const now = useNow();
  const faucet = useAction({
    mutationFn: () => fetchPlayMoney(queries),
    onSuccess: (amount) => toast.success(`The faucet gave ${amount} QUBIC of play money`),
  });
  return (
    <section className="card">
      <header className="card-head"><h2>Balance</h2><Refresh query={balance} what="Balance" /></header>
      {balance.isPending ? <Skeleton rows={2} height={28} /> : balance.isError ? <ErrorPanel error={balance.error} retry={() => void balance.refetch()} safe="Your money is on the chain, whether it answers or not." /> : (
        <>
          <p className="big" data-testid="balance"><Amount value={balance.data.balance} /></p>
          <p className="dim">
            As of tick {balance.data.tick}, {ago(Math.max(0, now - balance.dataUpdatedAt) + balance.data.age_ms)}
            {balance.data.stale && "; the chain does not answer now"}
          </p>
        </>
      )}
      {terms.data?.chain.faucet === true && (
        <p><button type="button" disabled={faucet.isPending} onClick={() => faucet.mutate()}>{faucet.isPending ? "Waiting for the chain…" : "Get play money"}</button> <Curl of={playMoney(identity)} /></p>
      )}
      {faucet.isError && <ErrorPanel error={faucet.error} />}
    </section>
  );
}

/** The seed, once more, for whoever has the passphrase. */
function RevealSeed({ open, onClose, needsPassphrase }: { open: boolean; onClose: () => void; needsPassphrase: boolean }) {
  const [passphrase, setPassphrase] = useState("");
  const show = useAction({ mutationFn: () => reveal(passphrase) });
  const close = () => {
    setPassphrase("");
    show.reset();
    onClose();
  };
  return (
    <Dialog open={open} onClose={close} title="The wallet's seed">
      {show.isSuccess ? (
        <p className="seed mono">{show.data.match(/.{1,11}/g)?.join(" ")}</p>
      ) : (
        <form className="stack" onSubmit={(event) => {
          event.preventDefault();
          show.mutate();
        }}>
          <p className="prose">Whoever sees these 55 letters can take the money.</p>
          {needsPassphrase && <label>Passphrase<input type="password" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} /></label>}
          <button type="submit" className="primary" disabled={show.isPending}>Show it</button>
          {show.isError && <ErrorPanel error={show.error} />}
        </form>
      )}
    </Dialog>
  );
}

function RemoveWallet({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Remove the wallet from this browser?">
      <p className="prose">The encrypted seed is deleted here. The money stays where it is on the chain, and whoever has the seed written down can use it. If nobody has, the money is lost for good.</p>
      <p className="actions">
        <button type="button" onClick={onClose}>Keep it</button>
        <button type="button" className="danger" onClick={() => {
          forget();
          void signOut();
          onClose();
        }}>Remove it</button>
      </p>
    </Dialog>
  );
}

function Person({ who }: { who: SignedIn }) {
  const state = useStore(wallet);
  const [dialog, setDialog] = useState<"seed" | "remove" | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const open = useAction({ mutationFn: () => unlock(passphrase), onSuccess: () => setPassphrase("") });
  const out = useAction({ mutationFn: signOut });
  const own = state.is !== "none" && state.vault.identity === who.identity;
  return (
    <section className="card">
      <header className="card-head">
        <h2>Identity</h2>
        {own ? (state.is === "open" || state.vault.open ? <Pill tone="done" icon="wallet">Can sign</Pill> : <Pill tone="waiting" icon="lock">Locked</Pill>) : <Pill tone="cancelled" icon="dash">Watching only</Pill>}
      </header>
      {who.identity !== null && <p className="mono wrap" data-testid="identity">{who.identity}</p>}
      {who.identity !== null && <p><span className="dim">Signed in as {who.scopes.join(" and ")}.</span> <button type="button" className="link" onClick={() => void copy(who.identity ?? "", "Identity")}>Copy the identity</button></p>}
      {who.identity === null && <p className="dim">A token of its own: {who.scopes.join(", ")}</p>}
      {own && state.is === "locked" && !state.vault.open && (
        <form className="inline-form" onSubmit={(event) => {
          event.preventDefault();
          open.mutate();
        }}>
          <input type="password" aria-label="Passphrase" placeholder="Passphrase" autoComplete="current-password" value={passphrase} onChange={(event) => setPassphrase(event.target.value)} />
          <button type="submit" className="primary" disabled={open.isPending}>Unlock</button>
        </form>
      )}
      {open.isError && <ErrorPanel error={open.error} />}
      {!own && <p className="prose dim">This browser has no wallet of this identity. It shows everything that concerns it; payments are signed elsewhere and can be pasted on the job's page.</p>}
      {own && state.vault.open && <p className="prose dim">This wallet holds play money and has no passphrase.</p>}
      <p className="actions">
        {own && state.is === "open" && !state.vault.open && <button type="button" onClick={lock}><Icon name="lock" />Lock</button>}
        {own && <button type="button" onClick={() => setDialog("seed")}>Show the seed…</button>}
        <button type="button" disabled={out.isPending} onClick={() => {
          if (own) lock();
          out.mutate();
        }}>Sign out</button>
        {own && <button type="button" onClick={() => setDialog("remove")}>Remove the wallet…</button>}
      </p>
      <RevealSeed open={dialog === "seed"} onClose={() => setDialog(null)} needsPassphrase={own && !state.vault.open} />
      <RemoveWallet open={dialog === "remove"} onClose={() => setDialog(null)} />
    </section>
  );
}

export function WalletPage() {
  useTitle("Wallet");
  const who = useStore(session);
  return (
    <div className="page narrow">
      <h1>Wallet</h1>
      {who === null ? <SignInCard /> : (
        <>
          <Person who={who} />
          {who.identity !== null && <BalanceCard identity={who.identity} />}
        </>
      )}
    </div>
  );
}
