// SPDX-License-Identifier: Apache-2.0
// What moves things that change their places, in a chunk of its own: they are there before it.
export { domMax as default } from "motion/react";
