// The packages as published, CommonJS and all: a loader of a few lines stands for a bundler.
const FILES = {
  "@openai/chatkit-react": "chatkit-react/index.cjs",
  react: "react/react.production.js",
  "react/jsx-runtime": "react/react-jsx-runtime.production.js",
  "react-dom": "react-dom/react-dom.production.js",
  "react-dom/client": "react-dom/react-dom-client.production.js",
  scheduler: "scheduler/scheduler.production.js",
};

const sources = {};
for (const [name, file] of Object.entries(FILES)) sources[name] = await (await fetch(`/packages/${file}`)).text();

const loaded = {};
function load(name) {
  if (!loaded[name]) {
    loaded[name] = { exports: {} };
    new Function("module", "exports", "require", sources[name])(loaded[name], loaded[name].exports, load);
  }
  return loaded[name].exports;
}

const { createElement, useState } = load("react");
const { createRoot } = load("react-dom/client");
const { ChatKit, useChatKit } = load("@openai/chatkit-react");

function App() {
  const [told, setTold] = useState([]);
  const tell = (what) => setTold((before) => [...before, what]);
  const kit = useChatKit({
    api: { url: "/chatkit/api", domainKey: "test" },
    startScreen: { greeting: "Hello from React" },
    onClientTool: ({ name }) => ({ ran: name }),
    onReady: () => tell("ready"),
    onThreadChange: ({ threadId }) => tell(threadId ? "thread" : "no thread"),
    onResponseEnd: () => tell("response.end"),
  });
  return createElement(
    "div",
    { style: { height: "100%" } },
    createElement("button", { onClick: () => kit.sendUserMessage({ text: "hello" }) }, "Say hello"),
    createElement("output", { "aria-label": "Told" }, told.join(", ")),
    createElement(ChatKit, { control: kit.control, style: { height: "700px", display: "block" } }),
  );
}

createRoot(document.getElementById("root")).render(createElement(App));
// The React package waits for the element to be defined: let it wait.
setTimeout(() => import("/element/element.js"), 100);
