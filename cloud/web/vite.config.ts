/** Build into dist/ without inlined assets (the page allows its own origin only); in development /api goes to DEEPEPIL_API. */
import react from "@vitejs/plugin-react";
import { loadEnv } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => {
  const api = loadEnv(mode, ".", "DEEPEPIL_").DEEPEPIL_API ?? "http://127.0.0.1:8080";
  const proxy = { "/api": { target: api } };
  return {
    plugins: [react()],
    // three.js is a chunk of its own, loaded when a person opens the 3-D view
    build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false, chunkSizeWarningLimit: 700 },
    // the palette is tested as it is written
    test: { css: { include: /tokens/ } },
    server: { host: "127.0.0.1", proxy },
    preview: { host: "127.0.0.1", proxy },
  };
});
