// The script that runs before the page is drawn: as it is, under a name that tells its content, in the head of the page.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { minifySync, type Plugin } from "vite";

export function firstScript(): Plugin {
  const source = readFileSync(fileURLToPath(new URL("../src/first.js", import.meta.url)), "utf8");
  const { code } = minifySync("first.js", source);
  const fileName = `assets/first-${createHash("sha256").update(code).digest("base64url").slice(0, 8)}.js`;
  return {
    name: "first-script",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName, source: code });
    },
    transformIndexHtml: () => [{ tag: "script", attrs: { src: `/${fileName}` }, injectTo: "head" }],
  };
}
