import { clientTools } from "./page/client_tools.js";
import { createEntities } from "./page/entities.js";
import { createFetchRouter } from "./page/fetch_router.js";
import { chatOptions, endpointUrl } from "./page/options.js";
import { createPendingTurn, findThread } from "./page/resume.js";
import { loadSettings, saveSettings } from "./page/settings.js";
import "./element/element.js";

const element = document.querySelector("openai-chatkit");
const controls = Object.fromEntries(["endpoint", "upload", "token"].map((id) => [id, document.getElementById(id)]));
const themeButton = document.getElementById("theme");
const provider = document.getElementById("provider");

const { chat_url: chatUrl, stream_url: streamUrl, upload_url: uploadUrl, composer } = await loadJson("./playground.json");
const urls = { chatUrl, streamUrl, uploadUrl };
const settings = loadSettings();
const pending = createPendingTurn();
const routedFetch = createFetchRouter(urls, settings, pending);
const entities = createEntities(`${chatUrl}/entities`, routedFetch);

async function loadJson(url) {
  return (await fetch(url)).json();
}

/** Stop the turn of a thread that this tab does not read. */
async function stop(threadId) {
  const body = JSON.stringify({ thread_id: threadId });
  const headers = { "content-type": "application/json" };
  const response = await routedFetch(`${chatUrl}/cancel`, { method: "POST", headers, body });
  if (!response.ok) throw new Error("The answer could not be stopped. Please try again.");
}

/** Give the element what the header's controls say. */
function apply() {
  const dark = settings.theme === "dark";
  document.documentElement.dataset.theme = settings.theme;
  themeButton.setAttribute("aria-pressed", String(dark));
  element.setOptions(
    chatOptions({
      urls,
      settings,
      composer,
      entities,
      fetch: routedFetch,
      initialThread: threadInAddress(),
      onClientTool: clientTools({ setTheme }),
      onStop: stop,
    }),
  );
}

function change(patch) {
  Object.assign(settings, patch);
  saveSettings(settings);
  apply();
}

function setTheme(theme) {
  change({ theme });
}

/** The open thread is in the address, so that a reload and the back button find it again. */
function threadInAddress() {
  return new URLSearchParams(location.hash.slice(1)).get("thread");
}

async function showProvider() {
  try {
    const health = await loadJson(new URL("/health", chatUrl));
    provider.textContent = health.provider;
    provider.dataset.state = health.status;
  } catch {
    provider.textContent = "backend not reached";
    provider.dataset.state = "down";
  }
}

for (const [name, control] of Object.entries(controls)) {
  control.value = settings[name];
  control.addEventListener("change", () => {
    change({ [name]: control.value });
    // Another caller has other threads.
    if (name === "token") element.setThreadId(null);
  });
}
themeButton.addEventListener("click", () => setTheme(settings.theme === "dark" ? "light" : "dark"));
element.addEventListener("chatkit.thread.change", ({ detail }) => {
  const hash = detail.threadId ? `#${new URLSearchParams({ thread: detail.threadId })}` : location.pathname;
  if (detail.threadId !== threadInAddress()) history.pushState(null, "", hash);
});
addEventListener("popstate", () => element.setThreadId(threadInAddress()));
element.addEventListener("chatkit.error", ({ detail }) => console.warn("chatkit.error", detail.error));
element.addEventListener("chatkit.effect", ({ detail }) => {
  if (detail.name === "set_theme") setTheme(detail.data.theme === "dark" ? "dark" : "light");
  else console.info("chatkit.effect", detail.name, detail.data);
});

element.addEventListener("chatkit.response.end", () => pending.clear());

async function resume() {
  const turn = pending.get();
  // A thread that is known says by itself what runs in it.
  if (!turn || threadInAddress()) return pending.clear();
  try {
    await findThread(element, turn, { url: endpointUrl(urls, settings), fetch: routedFetch });
  } catch (error) {
    // The turn goes on without this page: what is stored so far is shown.
    console.warn("The new thread could not be found", error);
  } finally {
    pending.clear();
  }
}

apply();
await Promise.all([showProvider(), resume()]);
