// SPDX-License-Identifier: Apache-2.0
// The frame around every page: rail, top bar, content. On a phone the rail is five icons at the bottom.
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { Toaster } from "sonner";
import { group } from "../lib/money.ts";
import { useStore } from "../lib/store.ts";
import { shortId } from "../lib/units.ts";
import { live } from "../live/live.ts";
import { Icon, type IconName } from "../parts/Icon.tsx";
import { Boundary } from "../parts/States.tsx";
import { session } from "../wallet/session.ts";
import { wallet } from "../wallet/wallet.ts";
import { ConnectionPill } from "./ConnectionPill.tsx";
import { nextTheme, theme } from "./theme.ts";
import { pageTitle } from "./title.ts";

const PLACES = [
  { to: "/", label: "Overview", icon: "overview", phone: true },
  { to: "/new", label: "New job", icon: "new", phone: true },
  { to: "/jobs", label: "Jobs", icon: "jobs", phone: true },
  { to: "/market", label: "Market", icon: "market", phone: false },
  { to: "/machines", label: "Machines", icon: "machines", phone: false },
  { to: "/earnings", label: "Earnings", icon: "earnings", phone: true },
  { to: "/money", label: "Money", icon: "money", phone: false },
  { to: "/events", label: "Events", icon: "events", phone: false },
  { to: "/estimates", label: "Estimates", icon: "estimates", phone: false },
  { to: "/status", label: "Status", icon: "status", phone: false },
  { to: "/settings", label: "Settings", icon: "settings", phone: false },
] as const satisfies readonly { to: string; label: string; icon: IconName; phone: boolean }[];

const Palette = lazy(() => import("./Palette.tsx"));

function Place({ to, label, icon }: { to: (typeof PLACES)[number]["to"]; label: string; icon: IconName }) {
  return (
    <Link to={to} activeOptions={{ exact: to === "/", includeSearch: false }} title={label}>
      <Icon name={icon} />
      <span>{label}</span>
    </Link>
  );
}

function Rail() {
  const more = useRef<HTMLDetailsElement>(null);
  const path = useLocation({ select: (location) => location.pathname });
  useEffect(() => {
    if (more.current !== null) more.current.open = false;
  }, [path]);
  return (
    <nav className="rail" aria-label="Main">
      <Link to="/" className="brand" aria-label="Tallystick, overview">
        <Stick />
        <span>Tallystick</span>
      </Link>
      <ul>
        {PLACES.map((place) => (
          <li key={place.to} className={place.phone ? "" : "wide-only"}><Place {...place} /></li>
        ))}
        <li className="phone-only">
          <details ref={more} className="more">
            <summary title="More"><Icon name="more" /><span>More</span></summary>
            <ul>
              {PLACES.filter((place) => !place.phone).map((place) => <li key={place.to}><Place {...place} /></li>)}
            </ul>
          </details>
        </li>
      </ul>
    </nav>
  );
}

/** Two halves, the same notches. */
export function Stick() {
  return (
    <svg className="stick" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <path className="stick-half" d="M3 6h26v9H3zM3 17h26v9H3z" />
      <path className="stick-cut" d="M8 10v5M13 10v5M18 10v5M24 7v8M8 17v5M13 17v5M18 17v5M24 17v8" />
    </svg>
  );
}

function WalletChip() {
  const who = useStore(session);
  const state = useStore(wallet);
  const icon: IconName = state.is === "locked" && !state.vault.open ? "lock" : "wallet";
  const words = who === null ? (state.is === "none" ? "Sign in" : "Unlock") : who.identity === null ? who.scopes.join(", ") : shortId(who.identity);
  return (
    <Link to="/wallet" className="chip" title={who?.identity ?? "Wallet and sign-in"}>
      <Icon name={icon} />
      <span className={who?.identity ? "mono" : ""}>{words}</span>
    </Link>
  );
}

function TopBar({ search }: { search: () => void }) {
  const title = useStore(pageTitle);
  const head = useStore(live, (state) => state.head);
  const look = useStore(theme);
  return (
    <header className="top">
      <p className="top-title">{title}</p>
      <button type="button" className="icon-button" onClick={search} aria-label="Go to a page or a job" aria-keyshortcuts="Control+K" title="Go to a page or a job (Ctrl-K)"><Icon name="search" /></button>
      <ConnectionPill />
      {head > 0 && <span className="head mono" title="Events in the log, as far as this page has followed it">#{group(head)}</span>}
      <button type="button" className="icon-button" onClick={nextTheme} aria-label={`Colours: ${look}. Change`} title={`Colours: ${look}`}><Icon name="sun" /></button>
      <WalletChip />
    </header>
  );
}

export function Frame() {
  const path = useLocation({ select: (location) => location.pathname });
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const look = useStore(theme);
  const [searching, setSearching] = useState(false);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setSearching((now) => !now);
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true }); // who reads by ear is where the page is
  }, [path]);
  return (
    <div className="frame">
      <a className="skip" href="#content">Skip to the content</a>
      <Rail />
      <TopBar search={() => setSearching(true)} />
      <main id="content" ref={main} tabIndex={-1}>
        <Boundary key={path}>
          <Outlet />
        </Boundary>
      </main>
      {searching && <Suspense><Palette places={PLACES} onClose={() => setSearching(false)} /></Suspense>}
      <Toaster theme={look} position="bottom-right" mobileOffset={{ bottom: 72 }} closeButton />
    </div>
  );
}
