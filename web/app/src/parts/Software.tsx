// SPDX-License-Identifier: Apache-2.0
// What jobs find on a machine: in a line each, and all of it for who opens it.
import { useState } from "react";
import type { Offer } from "../api/schema.ts";
import { few, packageName, packagesOf, shortVersion, type Package } from "../lib/software.ts";

const short = ({ name, version }: Package): string => `${packageName(name)} ${shortVersion(version)}`.trim(); // nobody may know its version

/** However long the names are, how many more there are stays in sight. */
function Line({ list, what }: { list: readonly string[]; what?: string }) {
  const { shown, more } = few(list);
  return <span className="software-line"><span>{what !== undefined && `${what}: `}{shown.join(" · ")}</span>{more > 0 && <span>{" · "}{more} more</span>}</span>;
}

function All({ title, children }: { title: string; children: React.ReactNode }) {
  return <div><p className="dim">{title}</p><ul>{children}</ul></div>;
}

export function Software({ offer }: { offer: Pick<Offer, "packages" | "models" | "images"> }) {
  const [open, setOpen] = useState(false); // hundreds of names in each of a thousand rows: those that are looked at
  const packages = packagesOf(offer.packages ?? {});
  const { models, images } = offer;
  const lines = (
    <>
      {offer.packages === null ? <span className="software-line">packages not told</span> : <Line list={packages.map(short)} />}
      {models.length > 0 && <Line what={models.length === 1 ? "Model" : "Models"} list={models} />}
      {images.length > 0 && <Line what={images.length === 1 ? "Image" : "Images"} list={images} />}
    </>
  );
  if (packages.length + models.length + images.length === 0) return <div className="software dim">{lines}</div>;
  return (
    <details className="software dim" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{lines}</summary>
      {open && <div className="software-all" tabIndex={0} role="region" aria-label="All that is on this machine">
        {packages.length > 0 && <All title="Python and its packages">{packages.map(({ name, version }) => <li key={name} title={`import ${name}`}>{packageName(name)} <span className="mono">{version}</span></li>)}</All>}
        {models.length > 0 && <All title="Models">{models.map((name) => <li key={name} className="mono">{name}</li>)}</All>}
        {images.length > 0 && <All title="Container images">{images.map((name) => <li key={name} className="mono">{name}</li>)}</All>}
      </div>}
    </details>
  );
}
