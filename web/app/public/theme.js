// SPDX-License-Identifier: Apache-2.0
// Before the first paint, so that a dark page does not flash white. A file of its own: the policy allows nothing inline.
try {
  const theme = localStorage.getItem("tally.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // no storage: as the system has it
}
