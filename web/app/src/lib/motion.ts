// SPDX-License-Identifier: Apache-2.0
// What moves things, in a chunk of its own: the page is there before it.
export { domAnimation as default } from "motion/react";
