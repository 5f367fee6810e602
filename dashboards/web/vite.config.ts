import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { firstScript } from "./build/first.ts";
import { worldMap } from "./build/world.ts";

// `npm run dev` beside a running server: PASSANT=http://127.0.0.1:8080 npm run dev
const server = process.env["PASSANT"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), worldMap(), firstScript()],
  build: {
    target: "es2022",
    // The server's policy allows no inline script, and every browser that it is for preloads modules.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": server, "/js": server } },
});
