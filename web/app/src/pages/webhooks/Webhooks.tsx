// SPDX-License-Identifier: Apache-2.0
// The account's webhooks, in the settings: where events are sent, and whether they arrive.
import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { getWebhooks, type Webhook } from "../../api/webhooks.ts";
import { useAsked } from "../../lib/asked.ts";
import { group } from "../../lib/money.ts";
import { hookName, HOOKS_MAX, SECRET_WORDS, topicWords, typeWords } from "../../lib/webhooks.ts";
import { Age } from "../../parts/Age.tsx";
import { Refresh } from "../../parts/Refresh.tsx";
import { ShownOnce } from "../../parts/ShownOnce.tsx";
import { EmptyState, ErrorPanel, Skeleton } from "../../parts/States.tsx";
import { HookState } from "./HookState.tsx";
import { NewWebhook } from "./NewWebhook.tsx";

function Row({ hook }: { hook: Webhook }) {
  return (
    <tr>
      <th scope="row"><Link to="/settings/webhooks/$webhook" params={{ webhook: hook.id }} className="row-link">{hookName(hook)}</Link>{hook.label !== "" && <span className="dim small-text equipment wrap">{hook.url}</span>}</th>
      <td><HookState hook={hook} /></td>
      <td data-label="Events" className="wrap">{typeWords(hook.types)} <span className="dim small-text">of {topicWords(hook.topics)}</span></td>
      <td className="right mono" data-label="Taken up to">#{group(hook.cursor)}</td>
      <td className="dim less" data-label="Made"><Age time={hook.created_at} /></td>
    </tr>
  );
}

export function Webhooks() {
  const queries = useQueryClient();
  const hooks = useAsked({ queryKey: ["webhooks"], queryFn: ({ signal }) => getWebhooks(signal) });
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const list = hooks.data ?? [];
  return (
    <section className="card" aria-label="Webhooks">
      <header className="card-head"><h2>Webhooks</h2><Refresh query={hooks} what="Webhooks" path="/v1/webhooks" /><button type="button" disabled={list.length >= HOOKS_MAX} title={list.length >= HOOKS_MAX ? `An account has at most ${HOOKS_MAX}` : undefined} onClick={() => setMaking(true)}>New webhook</button></header>
      {hooks.isPending ? <Skeleton rows={2} height={44} /> : hooks.isError && list.length === 0 ? <ErrorPanel error={hooks.error} retry={() => void hooks.refetch()} safe="Deliveries go on without this page." /> : list.length === 0 ? (
        <EmptyState title="No webhook yet">A program of yours that wants to know when a job ends or money arrives need not ask again and again: it is called.</EmptyState>
      ) : (
        <div className="table-scroll bare" tabIndex={0} role="region" aria-label="All webhooks">
          <table className="cards" id="webhooks">
            <thead><tr><th scope="col">Where to</th><th scope="col">State</th><th scope="col">Events</th><th scope="col" className="right">Taken up to</th><th scope="col" className="less">Made</th></tr></thead>
            <tbody>{list.map((hook) => <Row key={hook.id} hook={hook} />)}</tbody>
          </table>
        </div>
      )}
      {making && <NewWebhook onClose={() => setMaking(false)} onMade={(made) => {
        setMaking(false);
        setSecret(made.secret);
        void queries.invalidateQueries({ queryKey: ["webhooks"] });
      }} />}
      {secret !== null && <ShownOnce title="Its signing secret" what="Secret" value={secret} onClose={() => setSecret(null)}>{SECRET_WORDS}</ShownOnce>}
    </section>
  );
}
