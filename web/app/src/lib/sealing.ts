// SPDX-License-Identifier: Apache-2.0
// A secret for one machine: sealed here, in the page, so that neither the server nor the log can read it (core/crypto/box.h).
export async function sealTo(key: string, value: string): Promise<string> {
  const lib = (await import("libsodium-wrappers-sumo")).default;
  await lib.ready;
  return lib.to_hex(lib.crypto_box_seal(value, lib.from_hex(key)));
}
