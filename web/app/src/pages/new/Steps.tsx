// SPDX-License-Identifier: Apache-2.0
// The four steps, where one is, and what is still shut; each is an address.
import { Link } from "@tanstack/react-router";
import { mayEnter, STEPS, type Draft, type Step } from "../../lib/drafts.ts";
import { Icon } from "../../parts/Icon.tsx";

const WORDS: Readonly<Record<Step, string>> = { upload: "Upload", offers: "Machine", settings: "Settings", pay: "Pay" };
const TO = { offers: "/new/$upload/offers", settings: "/new/$upload/settings", pay: "/new/$upload/pay" } as const;

export function Steps({ at, draft }: { at: Step; draft: Draft | null }) {
  const here = STEPS.indexOf(at);
  return (
    <nav aria-label="Steps of a new job" className="steps">
      <ol>
        {STEPS.map((step, index) => {
          const inner = (
            <>
              <span className="step-number" aria-hidden="true">{index < here ? <Icon name="check" /> : index + 1}</span>
              <span className="step-word">{WORDS[step]}</span>
            </>
          );
          return (
            <li key={step} aria-current={step === at ? "step" : undefined} className={index < here ? "past" : index === here ? "here" : ""}>
              {index === here || !mayEnter(draft, step) ? <span>{inner}</span> : step === "upload" ? <Link to="/new">{inner}</Link> : <Link to={TO[step]} params={{ upload: draft?.upload ?? "" }}>{inner}</Link>}
            </li>
          );
        })}
      </ol>
      <span className="dim small-text step-count">step {here + 1} of {STEPS.length}</span>
    </nav>
  );
}

/** A step comes in from where the way leads (wizard.css); still for whoever wants no motion. */
export function StepBody({ children }: { children: React.ReactNode }) {
  return <div className="step-body">{children}</div>;
}
