// SPDX-License-Identifier: Apache-2.0
// The split stick of money: what was quoted, and the two halves it became. Both are always there.
import { permilleOf } from "../lib/money.ts";
import { Amount } from "./Amount.tsx";

export function SplitBar({ cap, used, back, settled }: { cap: bigint; used: bigint; back: bigint; settled: boolean }) {
  const width = permilleOf(used, cap) / 10;
  return (
    <div className="split">
      <div className="split-head">
        <span>Quoted, at most</span>
        <Amount value={cap} />
      </div>
      <div className="split-bar" role="img" aria-label={`${used} QUBIC used of ${cap}, ${back} ${settled ? "returned" : "to come back"}`}>
        <span className="split-used" style={{ width: `${width}%` }} />
        <span className="split-cut" style={{ left: `${width}%` }} />
      </div>
      <dl className="split-halves">
        <div>
          <dt>{settled ? "Used" : "Used so far"}</dt>
          <dd data-testid="used"><Amount value={used} /></dd>
        </div>
        <div>
          <dt>{settled ? "Returned" : "Comes back"}</dt>
          <dd data-testid="back"><Amount value={back} /></dd>
        </div>
      </dl>
    </div>
  );
}
