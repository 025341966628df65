// SPDX-License-Identifier: Apache-2.0
// Before something is erased: what goes, and what stays, side by side.
export function GoesStays({ goes, stays }: { goes: readonly React.ReactNode[]; stays: readonly React.ReactNode[] }) {
  return (
    <dl className="goes-stays">
      {([["Goes", goes], ["Stays", stays]] as const).map(([word, list]) => (
        <div key={word}><dt>{word}</dt><dd><ul>{list.map((each, index) => <li key={index}>{each}</li>)}</ul></dd></div>
      ))}
    </dl>
  );
}
