// SPDX-License-Identifier: Apache-2.0
// The log as it is written, what concerns whoever is signed in.
import { useState } from "react";
import { useTitle } from "../frame/title.ts";
import { useStore } from "../lib/store.ts";
import { newest } from "../live/live.ts";
import { EventRows, notable } from "./EventRows.tsx";
import { SignedIn } from "./SignedIn.tsx";

function Newest() {
  const events = useStore(newest);
  const [reports, setReports] = useState(false);
  return (
    <>
      <div className="filters">
        <p className="dim">Newest first, as they are written: of the last 500, those that concern you.</p>
        <label className="check"><input type="checkbox" checked={reports} onChange={(event) => setReports(event.target.checked)} />Reports of running jobs, too</label>
      </div>
      <div className="card" id="events"><EventRows events={reports ? events : notable(events)} /></div>
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
