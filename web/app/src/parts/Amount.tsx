// SPDX-License-Identifier: Apache-2.0
// An amount of money, exact. The gaps between its groups are space, not letters: copied, or read aloud, it is one number.

export function Amount({ value, sign = false, unit = true }: { value: bigint; sign?: boolean; unit?: boolean }) {
  return (
    <data className="amount" value={value.toString()} title={`${value} QUBIC`}>
      {value < 0n ? "\u2212" : sign && value > 0n ? "+" : ""}
      {(value < 0n ? -value : value).toString().split(/(?=(?:[0-9]{3})+$)/).map((digits, index) => <span key={index}>{digits}</span>)}
      {unit && <small> QUBIC</small>}
    </data>
  );
}
