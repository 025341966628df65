// SPDX-License-Identifier: Apache-2.0
// For pages that are about somebody: whoever is not signed in gets the way in instead.
import { useStore } from "../lib/store.ts";
import { session } from "../wallet/session.ts";
import { SignInCard } from "../wallet/SignInCard.tsx";

/** `title`: of the page, where what is inside would have said it. */
export function SignedIn({ to, title, children }: { to: string; title?: string; children: React.ReactNode }) {
  const who = useStore(session);
  if (who !== null) return children;
  return (
    <>
      {title !== undefined && <h1>{title}</h1>}
      <div className="narrow"><SignInCard title={`Sign in to ${to}`} /></div>
    </>
  );
}
