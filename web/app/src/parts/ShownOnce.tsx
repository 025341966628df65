// SPDX-License-Identifier: Apache-2.0
// What is shown once and kept nowhere else: it does not go away before somebody says that it is kept.
import { useState } from "react";
import { Dialog } from "./Dialog.tsx";
import { Icon } from "./Icon.tsx";
import { copy } from "./Id.tsx";

export function ShownOnce({ title, what, value, more, onClose, children }: { title: string; what: string; value: string; more?: React.ReactNode; onClose: () => void; children: React.ReactNode }) {
  const [kept, setKept] = useState(false);
  return (
    <Dialog open onClose={() => kept && onClose()} title={title}>
      <div className="prose">{children}</div>
      <p className="seed mono" data-testid={what.toLowerCase()}>{value}</p>
      <p className="actions"><button type="button" onClick={() => void copy(value, what)}><Icon name="copy" />Copy it</button>{more}</p>
      <label className="check"><input type="checkbox" checked={kept} onChange={(event) => setKept(event.target.checked)} />I have put it where it belongs</label>
      <p className="actions"><button type="button" className="primary" disabled={!kept} onClick={onClose}>Done</button></p>
    </Dialog>
  );
}
