// SPDX-License-Identifier: Apache-2.0
// What stands where content will be: nothing yet, nothing at all, something wrong.
import { Link } from "@tanstack/react-router";
import { Component, useEffect, useState } from "react";
import { Problem } from "../api/client.ts";
import { copy } from "./Id.tsx";
import { Icon } from "./Icon.tsx";

/** Says why it is empty and offers the one next step. */
export function EmptyState({ title, children, action }: { title: string; children?: React.ReactNode; action?: React.ReactNode }) {
  return (
    <div className="empty">
      <EmptyStick />
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="dim prose">{children}</div>}
      {action}
    </div>
  );
}

function EmptyStick() {
  return (
    <svg className="empty-stick" viewBox="0 0 120 28" width="120" height="28" aria-hidden="true">
      <path d="M1 1h118v12H1zM1 15h118v12H1z" />
      <path d="M12 8v5M22 8v5M32 8v5M46 4v9M12 15v5M22 15v5M32 15v5M46 15v9" />
    </svg>
  );
}

export function problemOfError(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return new Problem(-1, name, message, "");
}

/** What happened, what is safe, what to do. */
export function ErrorPanel({ error, retry, safe, children }: { error: unknown; retry?: () => void; safe?: string; children?: React.ReactNode }) {
  const problem = problemOfError(error);
  const [trying, setTrying] = useState(false);
  useEffect(() => {
    if (!trying) return undefined;
    const timer = setTimeout(() => setTrying(false), 800); // seen to have been heard, even where the answer comes at once and is the same
    return () => clearTimeout(timer);
  }, [trying]);
  return (
    <div className="error-panel" role="alert">
      <Icon name="warn" />
      <div>
        <p className="error-title">{problem.status === 0 ? problem.title : problem.detail || problem.title}</p>
        {problem.status === 0 && problem.detail !== "" && <p>{problem.detail}</p>}
        {problem.errors.map((each) => (
          <p key={each.pointer}><code>{each.pointer}</code> {each.detail}</p>
        ))}
        {problem.code === "storage_full" && <p><Link to="/settings" hash="storage">See what you hold</Link>, and make room there.</p>}
        {children !== undefined && <p>{children}</p>}
        {safe !== undefined && <p className="dim">{safe}</p>}
        <p className="error-foot">
          {retry !== undefined && <button type="button" className="small" disabled={trying} onClick={() => {
            setTrying(true);
            retry();
          }}>{trying ? "Trying…" : "Try again"}</button>}
          <button type="button" className="id" title="Copy what went wrong" onClick={() => void copy(`${problem.status} ${problem.code}: ${problem.message}`, "Error")}>
            {problem.status > 0 ? `${problem.status} ` : ""}
            {problem.code}
          </button>
        </p>
      </div>
    </div>
  );
}

/** Keeps the shape of what is loading; shown after a moment only (base.css). */
export function Skeleton({ rows = 3, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} style={{ height, width: `${92 - ((row * 29) % 40)}%` }} />
      ))}
    </div>
  );
}

/** One panel that breaks leaves the others standing. */
export class Boundary extends Component<{ children: React.ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    if (this.state.error === null) return this.props.children;
    return <ErrorPanel error={this.state.error} retry={() => this.setState({ error: null })} safe="This is a fault of the page. Your jobs and your money do not depend on it." />;
  }
}
