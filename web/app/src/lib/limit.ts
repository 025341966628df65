// SPDX-License-Identifier: Apache-2.0
// The longest that a job may run, as it is typed.
export const MINUTES_MAX = 43_200; // thirty days

/** In milliseconds; undefined for nothing, null for what is no number of minutes from 1 to MINUTES_MAX. */
export function limitOf(text: string): number | undefined | null {
  const typed = text.trim();
  if (typed === "") return undefined;
  if (!/^[0-9]{1,5}$/.test(typed)) return null;
  const minutes = Number(typed);
  return minutes >= 1 && minutes <= MINUTES_MAX ? minutes * 60_000 : null;
}
