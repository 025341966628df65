// SPDX-License-Identifier: Apache-2.0
// A dialog that keeps the focus and gives it back. Radix' own overlay puts a style sheet into the document, which the policy forbids; ours is
// a plain element behind the panel.
import * as Radix from "@radix-ui/react-dialog";
import { Icon } from "./Icon.tsx";

export function Dialog({ open, onClose, title, wide = false, children }: { open: boolean; onClose: () => void; title: string; wide?: boolean; children: React.ReactNode }) {
  return (
    <Radix.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Radix.Portal>
        <div className="dialog-ground" />
        <Radix.Content className={`dialog ${wide ? "wide" : ""}`} aria-describedby={undefined}>
          <header>
            <Radix.Title>{title}</Radix.Title>
            <Radix.Close className="icon-button" aria-label="Close"><Icon name="cross" /></Radix.Close>
          </header>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
