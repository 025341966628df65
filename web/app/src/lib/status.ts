// SPDX-License-Identifier: Apache-2.0
// What the server says of itself, in words for whoever has money in it.
import type { Readiness } from "../api/account.ts";

export interface State {
  readonly well: boolean;
  readonly word: string;
  readonly why: string; // "": nothing is wrong
}

export function statusOf({ ready, ledger, settlement }: Readiness): { whole: State; ledger: State; chain: State; payments: State } {
  const book: State = !ledger.writable ? { well: false, word: "Read only", why: ledger.reason || "It takes no writes." } : ledger.reason !== "" ? { well: false, word: "Takes writes", why: ledger.reason } : { well: true, word: "Takes writes", why: "" };
  const chain: State = settlement.chain_answers ? { well: true, word: "Answers", why: "" } : { well: false, word: "Is silent", why: "The chain's service does not answer. Locks and payments wait and are taken up where they were." };
  const stuck = settlement.legs_stuck;
  const payments: State = settlement.observing ? { well: false, word: "Observing", why: settlement.waits_for || "After a restore nothing is paid until an operator has looked." }
    : !settlement.on ? { well: false, word: "Off", why: settlement.reason || "Nothing is paid now." }
    : settlement.keys_missing.length > 0 ? { well: false, word: "A key is missing", why: `Payments of settlement ${settlement.keys_missing.length === 1 ? "key" : "keys"} ${settlement.keys_missing.join(", ")} wait for the operator.` }
    : stuck > 0 ? { well: false, word: `${stuck} stuck`, why: `${stuck} ${stuck === 1 ? "payment does" : "payments do"} not come to an end; none is lost, and each is tried again.` }
    : { well: true, word: "Go out", why: "" };
  const wrong = [book, chain, payments].filter((state) => !state.well);
  const whole: State = wrong.length === 0 && ready ? { well: true, word: "All is well", why: "" }
    : !ledger.writable ? { well: false, word: "Nothing can be ordered now", why: "What was ordered before is in the log; it can be read, and money in escrow is safe." }
    : !settlement.chain_answers || !settlement.on || settlement.observing ? { well: false, word: "Payments wait", why: "Jobs that run go on. What is locked, paid or returned follows when it can." }
    : { well: false, word: "Something needs the operator", why: "Jobs and most payments go on." };
  return { whole, ledger: book, chain, payments };
}
