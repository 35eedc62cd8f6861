import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv, type HtmlTagDescriptor, type Plugin } from "vite";

/** Where OpenAI publishes ChatKit's element; the npm packages hold types and a loader only. */
const ELEMENT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js";

/** The stand-in's modules, which its own page maps in the same way. */
const MODULES = {
  preact: "preact/preact.mjs",
  "preact/hooks": "preact/hooks.mjs",
  htm: "htm/htm.mjs",
  marked: "marked/marked.esm.js",
  dompurify: "dompurify/purify.es.mjs",
};

/** Puts ChatKit's element into the page: OpenAI's, or offline the stand-in that `make dev` serves at STAND_IN. */
function element(standIn: string): Plugin {
  const tags: HtmlTagDescriptor[] = standIn
    ? [
        {
          tag: "script",
          attrs: { type: "importmap" },
          children: JSON.stringify({
            imports: Object.fromEntries(Object.entries(MODULES).map(([name, file]) => [name, `/stand-in/vendor/${file}`])),
          }),
          injectTo: "head-prepend",
        },
        { tag: "script", attrs: { type: "module", src: "/stand-in/element/element.js" }, injectTo: "head" },
      ]
    : [{ tag: "script", attrs: { src: ELEMENT, async: true }, injectTo: "head" }];
  return { name: "chatkit-element", transformIndexHtml: { order: "post", handler: () => tags } };
}

export default defineConfig(({ mode }) => {
  const standIn = loadEnv(mode, process.cwd(), "STAND_IN")["STAND_IN"] ?? "";
  const proxy = standIn
    ? { "/stand-in": { target: standIn, rewrite: (path: string) => path.replace(/^\/stand-in/, "") } }
    : {};
  return { plugins: [react(), element(standIn)], server: { proxy }, preview: { proxy } };
});
