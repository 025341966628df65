// SPDX-License-Identifier: Apache-2.0
// Builds the page to static files that `tallyd --page` serves under its strict policy: nothing inline, everything hashed and compressed.
/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

// The wallet's module comes out of CMake (web/wallet); CMake's target `page` says where it lies.
const wallet = resolve(process.env["TALLY_WALLET_WASM"] ?? "../../build/release/web/wallet/wallet.wasm");
const COMPRESSED = /\.(js|css|html|svg|wasm|json|py)$/;

// Sonner puts its style sheet into the document as text, which the policy forbids. The same sheet is imported as a file.
const withoutInlineStyle: Plugin = {
  name: "sonner-without-inline-style",
  transform(code, id) {
    if (!id.includes("/sonner/dist/index.mjs")) return null;
    const cut = code.replace(/^__insertCSS\(".*"\);$/m, "");
    if (cut === code) throw new Error("sonner no longer inserts its style sheet as it did: look at the page under its policy again");
    return { code: cut, map: null };
  },
};

// tallyd sends NAME.gz to whoever takes gzip; compressing once is better than for every visitor.
function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved: (config) => void (folder = resolve(config.root, config.build.outDir)),
    writeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || !COMPRESSED.test(path)) continue;
        const plain = readFileSync(path);
        const small = gzipSync(plain, { level: 9 });
        if (small.length < plain.length) writeFileSync(`${path}.gz`, small);
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), withoutInlineStyle, compressed()],
  resolve: { alias: [{ find: /^#wallet\.wasm(?=\?|$)/, replacement: wallet }, { find: "#examples", replacement: resolve("../../examples") }] },
  worker: { format: "es" },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false, chunkSizeWarningLimit: 2000 },
  server: { fs: { allow: ["../.."] } }, // the samples are in examples/
  test: { environment: "node", include: ["tests/*.test.{ts,tsx}"], testTimeout: 600_000 },
});
