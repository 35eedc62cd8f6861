import { clientTools } from "./page/client_tools.js";
import { offerOwnDocuments, offerTenantDocuments } from "./page/documents.js";
import { createEntities } from "./page/entities.js";
import { offerForks } from "./page/forks.js";
import { writeTexts } from "./page/header.js";
import { chatOptions, endpointUrl } from "./page/options.js";
import { watchNetwork } from "./page/network.js";
import { drawPanel } from "./page/panel/panel.js";
import { createRouter } from "./page/router/index.js";
import { offerPeople } from "./page/people.js";
import { offerPerson } from "./page/person.js";
import { offerMemory } from "./page/memory.js";
import { offerSearch } from "./page/search.js";
import { offerShares, showShared } from "./page/shares.js";
import { loadSettings, saveSettings } from "./page/settings.js";
import { say } from "./element/texts.js";
import "./element/element.js";

writeTexts();

const element = document.querySelector("openai-chatkit");
const controls = Object.fromEntries(["endpoint", "upload", "token"].map((id) => [id, document.getElementById(id)]));
const themeButton = document.getElementById("theme");
const provider = document.getElementById("provider");

const { chat_url: chatUrl, stream_url: streamUrl, upload_url: uploadUrl, composer, panel: hasPanel } =
  await loadJson("./playground.json");
const urls = { chatUrl, streamUrl, uploadUrl };
const settings = loadSettings();
const network = hasPanel ? watchNetwork([chatUrl, streamUrl]) : null;
const entities = createEntities(`${chatUrl}/entities`, (address) => router.fetch(address));
let router = null;
let routedEndpoint = null;

async function loadJson(url) {
  return (await fetch(url)).json();
}

/** Make the router for the endpoint that the header's switch chooses. */
function route() {
  if (routedEndpoint === settings.endpoint) return;
  routedEndpoint = settings.endpoint;
  router?.attach(null);
  router = createRouter({
    streamUrl: endpointUrl(urls, settings),
    apiUrl: chatUrl,
    uploadUrl,
    token: () => settings.token || null,
    onPerson: (person) => (document.getElementById("person").hidden = !person),
    // The stand-in keeps a refused message in the thread, until the page is loaded again, and takes a stopped one back.
    onUnsent: ({ afterReload, threadId: _, ...message }) =>
      afterReload ? element.setComposerValue(message) : element.takeBack(),
  });
  router.attach(element);
}

/** Give the element what the header's controls say. */
function apply() {
  route();
  const dark = settings.theme === "dark";
  document.documentElement.dataset.theme = settings.theme;
  themeButton.setAttribute("aria-pressed", String(dark));
  element.setOptions(
    chatOptions({
      urls,
      settings,
      composer,
      entities,
      fetch: router.fetch,
      initialThread: threadInAddress(),
      onClientTool: clientTools({ setTheme }),
      onStop: (threadId) => router.stop(threadId),
      attachmentUrl,
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

/** The buttons of parts that a setting or a role turns on. */
const PARTS = {
  search: "search",
  "ask-person": "person",
  people: "people",
  shares: "shares",
  documents: "documents",
  "tenant-documents": "tenant_documents",
};
let parts = new Set();
let asked = null;

/** Show the parts that work for this caller. The server checks each request all the same. */
async function showParts() {
  // An answer about an earlier caller may come later.
  const asking = (asked = router.parts());
  let found = new Set();
  try {
    found = await asking;
  } catch (error) {
    console.warn("The parts of the page are not known", error);
  }
  if (asking !== asked) return;
  parts = found;
  for (const [id, part] of Object.entries(PARTS)) document.getElementById(id).hidden = !parts.has(part);
}

async function showProvider() {
  try {
    const health = await loadJson(new URL("/health", chatUrl));
    provider.textContent = health.provider;
    provider.dataset.state = health.status;
  } catch {
    provider.textContent = say("backend not reached");
    provider.dataset.state = "down";
  }
}

for (const [name, control] of Object.entries(controls)) {
  control.value = settings[name];
  control.addEventListener("change", () => {
    change({ [name]: control.value });
    // Another caller has other threads.
    if (name === "token") {
      router.forget();
      element.setThreadId(null);
      void showParts();
    }
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

/** The header `x-playground` is one that a page elsewhere cannot send here. */
async function ask(what, body) {
  const headers = { "content-type": "application/json", "x-playground": "1" };
  const response = await fetch(`./panel/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

/** Ask the backend for something that is no operation of the protocol. */
async function get(path, init) {
  const response = await router.fetch(`${chatUrl}/${path}`, init);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

/** The same for an answer that is no JSON. */
async function text(path) {
  const response = await router.fetch(`${chatUrl}/${path}`);
  if (!response.ok) throw new Error((await response.json()).error.message);
  return response.text();
}

const usage = () => get("usage");

/** A sent file's URL lasts an hour, so it is made when the file is opened. */
const attachmentUrl = async (id) => (await get(`attachments/${encodeURIComponent(id)}`)).url;

function startPanel() {
  const button = document.getElementById("panel-button");
  const panel = document.getElementById("panel");
  const page = { network, element, settings, ask, usage, get, text, thread: threadInAddress, provider: () => provider.textContent };
  page.process = (url) => (url === chatUrl ? "chat" : "stream");
  page.setToken = (token) => {
    controls.token.value = token;
    controls.token.dispatchEvent(new Event("change"));
  };
  const show = () => {
    panel.hidden = !settings.panel;
    drawPanel(panel, settings.panel ? page : null);
    button.setAttribute("aria-expanded", String(settings.panel));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    change({ panel: !settings.panel });
    show();
  });
  show();
}

const compose = (text) => element.setComposerValue({ content: [{ type: "input_text", text }] });
offerForks(document.getElementById("forks"), () => router, compose);
/** Change who answers, and let the element read what that adds to the conversation. */
async function changePerson(change) {
  await change(router.people);
  await element.fetchUpdates();
}
offerPeople(document.getElementById("people"), () => router);
offerPerson(document.getElementById("ask-person"), (reason) => changePerson((people) => people.ask(reason)));
document.getElementById("back-to-assistant").addEventListener("click", () => changePerson((people) => people.returnToAssistant()));
offerMemory(document.getElementById("memory"), () => router);
offerSearch(document.getElementById("search"), () => router);
offerShares(document.getElementById("shares"), () => router, () => parts.has("public_shares"));
offerOwnDocuments(document.getElementById("documents"), () => router);
offerTenantDocuments(document.getElementById("tenant-documents"), () => router);

apply();
if (hasPanel) startPanel();
await Promise.all([showShared(() => router), showParts(), showProvider()]);
