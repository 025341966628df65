// SPDX-License-Identifier: Apache-2.0
// The log as it is written, what concerns whoever is signed in.
import { useTitle } from "../frame/title.ts";
import { useStore } from "../lib/store.ts";
import { newest } from "../live/live.ts";
import { EventRows } from "./EventRows.tsx";
import { SignedIn } from "./SignedIn.tsx";

function Newest() {
  const events = useStore(newest);
  return (
    <>
      <p className="dim">Newest first, as they are written; the last {events.length === 500 ? "500" : "ones"} that concern you.</p>
      <div className="card" id="events"><EventRows events={events} /></div>
    </>
  );
}

export function Events() {
  useTitle("Events");
  return (
    <div className="page">
      <h1>Events</h1>
      <SignedIn to="follow the events that concern you"><Newest /></SignedIn>
    </div>
  );
}
