// SPDX-License-Identifier: Apache-2.0
// What programs may do in one's name, where they are told what happens, what is stored, and how the page looks. A token is shown once, when it is made; nobody has it afterwards but who kept it.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { toast } from "sonner";
import { getTokens, makeToken, type NewToken, type Token } from "../api/account.ts";
import type { Body } from "../api/contract.ts";
import { revoke } from "../api/routes.ts";
import { setTheme, theme, THEMES, type Theme } from "../frame/theme.ts";
import { useTitle } from "../frame/title.ts";
import { useAction } from "../lib/action.ts";
import { useAsked } from "../lib/asked.ts";
import { useStore } from "../lib/store.ts";
import { isWorth, tokenName } from "../lib/tokens.ts";
import { spaced } from "../lib/words.ts";
import { Age, useNow } from "../parts/Age.tsx";
import { Curl } from "../parts/Curl.tsx";
import { Dialog } from "../parts/Dialog.tsx";
import { Id } from "../parts/Id.tsx";
import { Refresh } from "../parts/Refresh.tsx";
import { ShownOnce } from "../parts/ShownOnce.tsx";
import { Boundary, EmptyState, ErrorPanel, Skeleton } from "../parts/States.tsx";
import { session } from "../wallet/session.ts";
import { signOut } from "../wallet/signin.ts";
import { SignedIn } from "./SignedIn.tsx";
import { Storage } from "./Storage.tsx";
import { Webhooks } from "./webhooks/Webhooks.tsx";

type Scope = Body<"/v1/auth/tokens">["scopes"][number];
const DAY_S = 86_400;
const VALID = [[3600, "1 hour"], [DAY_S, "1 day"], [7 * DAY_S, "7 days"], [30 * DAY_S, "30 days, the most"]] as const;
const MAY: Readonly<Record<Scope, string>> = {
  consumer: "upload, order and cancel jobs; the payment itself takes the wallet", provider: "enrol machines, publish offers, read earnings", operator: "everything that the operator may", auditor: "read every record, change nothing",
};

function NewTokenDialog({ mine, onClose, onMade }: { mine: readonly string[]; onClose: () => void; onMade: (made: NewToken) => void }) {
  const allowed = (Object.keys(MAY) as Scope[]).filter((scope) => mine.includes(scope) || (scope === "auditor" && mine.includes("operator")));
  const [label, setLabel] = useState("");
  const [scopes, setScopes] = useState<Scope[]>(allowed.slice(0, 1));
  const [valid, setValid] = useState<number>(30 * DAY_S);
  const make = useAction({ mutationFn: () => makeToken({ scopes, label: label.trim(), valid_s: valid }), onSuccess: onMade });
  return (
    <Dialog open onClose={onClose} title="A token for a program">
      <form className="stack" onSubmit={(event) => {
        event.preventDefault();
        make.mutate();
      }}>
        <label>What for<input value={label} maxLength={100} placeholder="nightly training" onChange={(event) => setLabel(event.target.value)} autoFocus /></label>
        <fieldset><legend>It may</legend>
          <ul className="scopes">{allowed.map((scope) => (
            <li key={scope}><label className="check"><input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} /><span><b>{spaced(scope)}</b> <span className="dim small-text">{MAY[scope]}</span></span></label></li>
          ))}</ul>
        </fieldset>
        <label>For<select value={valid} onChange={(event) => setValid(Number(event.target.value))}>{VALID.map(([seconds, words]) => <option key={seconds} value={seconds}>{words}</option>)}</select></label>
        <p className="dim small-text">It ends no later than your own sign-in does.</p>
        {make.isError && <ErrorPanel error={make.error} />}
        <p className="actions"><Curl of={{ path: "/v1/auth/tokens", method: "POST", body: { scopes, label: label.trim(), valid_s: valid } }} /><button type="button" onClick={onClose}>Cancel</button><button type="submit" className="primary" disabled={make.isPending || scopes.length === 0}>{make.isPending ? "Making it…" : "Make the token"}</button></p>
      </form>
    </Dialog>
  );
}

function RevokeDialog({ token, onClose }: { token: Token; onClose: () => void }) {
  const queries = useQueryClient();
  const end = useAction({
    mutationFn: async () => {
      if (token.current) await signOut();
      else await revoke(token.token_id);
    },
    onSuccess: () => {
      toast.success(`${tokenName(token)} is worth nothing any more`);
      onClose();
      return queries.invalidateQueries({ queryKey: ["tokens"] });
    },
  });
  return (
    <Dialog open onClose={onClose} title={`Revoke ${tokenName(token)}?`}>
      <p className="prose">{token.current ? "You sign in with this one: you are signed out here at once." : token.host_id !== null ? "The machine cannot ask for work or report any more. A job that runs on it is lost, its consumer is refunded and you are not paid for it. To take it out of service without that, stop its worker first." : "Programs that use it are refused from now on. Jobs and money are not touched."} It cannot be undone.</p>
      {end.isError && <ErrorPanel error={end.error} />}
      <p className="actions"><Curl of={{ path: `/v1/auth/tokens/${token.token_id}/revoke`, method: "POST", body: {} }} /><button type="button" onClick={onClose}>Keep it</button><button type="button" className="danger" disabled={end.isPending} onClick={() => end.mutate()}>{end.isPending ? "Revoking…" : "Revoke it"}</button></p>
    </Dialog>
  );
}

function Row({ token, onRevoke }: { token: Token; onRevoke: () => void }) {
  const now = useNow();
  const worth = isWorth(token, now);
  return (
    <tr className={worth ? "" : "over"}>
      <th scope="row">{tokenName(token)}{token.current && <span className="dim small-text"> this one</span>}</th>
      <td data-label="May">{token.scopes.map(spaced).join(", ")}</td>
      <td className="dim" data-label="Last used">{token.last_used_at === null ? "not lately" : <Age time={token.last_used_at} />}</td>
      <td className="dim less" data-label="Made"><Age time={token.issued_at} /></td>
      <td className="dim nowrap" data-label="Ends">{token.revoked_at !== null ? "–" : token.expires_at === null ? "never" : new Date(token.expires_at).toLocaleDateString(undefined, { dateStyle: "medium" })}</td>
      <td data-label="Id" className="less"><Id value={token.token_id} what="Token's id" /></td>
      <td className="right">{worth ? <button type="button" className="small danger-quiet" aria-label={`Revoke ${tokenName(token)}`} onClick={onRevoke}>Revoke…</button> : <span className="dim">{token.revoked_at !== null ? "Revoked" : "Expired"}</span>}</td>
    </tr>
  );
}

function Tokens() {
  const who = useStore(session);
  const queries = useQueryClient();
  const now = useNow();
  const tokens = useAsked({ queryKey: ["tokens"], queryFn: ({ signal }) => getTokens(signal) });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<NewToken | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const [old, setOld] = useState(false);
  const list = tokens.data ?? [];
  const good = list.filter((token) => isWorth(token, now));
  const shown = old ? list : good;
  return (
    <section className="card" aria-label="Tokens">
      <header className="card-head"><h2>Tokens</h2><Refresh query={tokens} what="Tokens" path="/v1/auth/tokens" /><button type="button" className="primary" onClick={() => setMaking(true)}>New token</button></header>
      {tokens.isPending ? <Skeleton rows={3} height={44} /> : tokens.isError && list.length === 0 ? <ErrorPanel error={tokens.error} retry={() => void tokens.refetch()} safe="Tokens go on being good, or worthless, without this page." /> : shown.length === 0 ? (
        <EmptyState title="No token is good now">Make one for a program that shall act in your name.</EmptyState>
      ) : (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="Tokens">
          <table className="cards tokens" id="tokens">
            <thead><tr><th scope="col">What for</th><th scope="col">May</th><th scope="col">Last used</th><th scope="col" className="less">Made</th><th scope="col">Ends</th><th scope="col" className="less">Id</th><th scope="col"><span className="sr-only">Revoke</span></th></tr></thead>
            <tbody>{shown.map((token) => <Row key={token.token_id} token={token} onRevoke={() => setRevoking(token)} />)}</tbody>
          </table>
        </div>
      )}
      {list.length > good.length && <p><button type="button" className="link small-text" onClick={() => setOld(!old)}>{old ? "Hide those that are over" : `Show ${list.length - good.length} that ${list.length - good.length === 1 ? "is" : "are"} over`}</button></p>}
      {making && <NewTokenDialog mine={who?.scopes ?? []} onClose={() => setMaking(false)} onMade={(token) => {
        setMaking(false);
        setMade(token);
        void queries.invalidateQueries({ queryKey: ["tokens"] });
      }} />}
      {made !== null && (
        <ShownOnce title="Your new token" what="Token" value={made.token} more={<Curl of={{ path: "/v1/auth/whoami" }} label="Copy a request to try it with" />} onClose={() => setMade(null)}>
          This is the only time it is shown: the server keeps its hash alone. Put it where the program reads it.
        </ShownOnce>
      )}
      {revoking !== null && <RevokeDialog token={revoking} onClose={() => setRevoking(null)} />}
    </section>
  );
}

const LOOKS: Readonly<Record<Theme, string>> = { system: "As the system", light: "Light", dark: "Dark" };

function Appearance() {
  const look = useStore(theme);
  return (
    <section className="card">
      <h2>Colours</h2>
      <div className="segments" role="group" aria-label="Colours">{THEMES.map((each) => <button key={each} type="button" aria-pressed={look === each} onClick={() => setTheme(each)}>{LOOKS[each]}</button>)}</div>
      <p className="dim small-text">Motion follows what your system says about it.</p>
    </section>
  );
}

export function SettingsPage() {
  useTitle("Settings");
  return (
    <div className="page settings-page">
      <h1>Settings</h1>
      <SignedIn to="see what acts in your name">
        <Tokens />
        <Boundary><Webhooks /></Boundary>
        <Boundary><Storage /></Boundary>
      </SignedIn>
      <Appearance />
    </div>
  );
}
