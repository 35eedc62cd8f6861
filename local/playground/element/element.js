import { h, render } from "preact";
import { Composer, EMPTY_COMPOSER } from "./controllers/composer.js";
import { Conversation } from "./controllers/conversation.js";
import { History } from "./controllers/history.js";
import { ProtocolClient } from "./protocol/client.js";
import { createStore } from "./state/store.js";
import { EMPTY_THREAD } from "./state/thread.js";
import { createVerdicts } from "./state/verdicts.js";
import { direction, setLocale } from "./texts.js";
import { applyTheme } from "./theme.js";
import { App } from "./views/app.js";

const STYLES = ["base", "thread", "items", "composer", "history", "widgets", "controls"];

const INITIAL = {
  ...EMPTY_THREAD,
  running: false,
  elsewhere: null,
  stopping: false,
  loading: false,
  loadingOlder: false,
  feedback: {},
  options: null,
  history: { open: false, threads: [], hasMore: false, after: null, loading: false, error: null },
  composer: EMPTY_COMPOSER,
};

/**
 * A stand-in for ChatKit's own `<openai-chatkit>` element that needs no network but its backend's: the same
 * options, methods and events (types of the npm package `@openai/chatkit` 1.9).
 *
 * The option `standIn` has what the original lacks; it is off unless a page sets it. `turnHeader` names the response header
 * in which a thread that is read names the turn that runs in it; then the page calls `fetchUpdates` while one runs, and when a
 * stopped one has ended, as the router does. `onStop(threadId)` stops a turn that another tab or an
 * earlier page reads. `attachmentUrl(id)` returns a URL that opens a sent file. The method `takeBack` is more than the
 * original has, too.
 */
export class OpenAIChatKit extends HTMLElement {
  #verdicts = createVerdicts();
  #store = createStore({ ...INITIAL, feedback: this.#verdicts.all() });
  #client = null;
  #conversation = new Conversation(this.#kit());
  #history = new History(this.#kit(), this.#conversation);
  #composer = new Composer(this.#kit(), this.#conversation);
  #ready = Promise.withResolvers();

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    for (const name of STYLES) {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = new URL(`./styles/${name}.css`, import.meta.url).href;
      root.append(link);
    }
    this.mount = document.createElement("div");
    this.mount.className = "mount";
    root.append(this.mount);
  }

  connectedCallback() {
    const parts = {
      kit: this.#kit(),
      store: this.#store,
      conversation: this.#conversation,
      history: this.#history,
      composer: this.#composer,
    };
    render(h(App, { parts }), this.mount);
    // An element that comes back shows what happened meanwhile.
    if (this.#conversation.threadId) this.#conversation.open(this.#conversation.threadId);
  }

  disconnectedCallback() {
    render(null, this.mount);
    this.#conversation.abandon();
  }

  /** The parts that the controllers share; getters, because options change while they live. */
  #kit() {
    const element = this;
    return {
      get store() {
        return element.#store;
      },
      get verdicts() {
        return element.#verdicts;
      },
      get client() {
        return element.#client;
      },
      get options() {
        return element.#store.get().options ?? {};
      },
      emit: (name, detail) => element.#emit(name, detail),
      log: (name, data) => element.#emit("log", { name, data }),
      /** Tell the page of an error that the view shows in its own way. */
      fail: (error) => element.#emit("error", { error }),
      /** Tell the page and the user of an error. */
      notify(error) {
        element.#emit("error", { error });
        const notice = { id: crypto.randomUUID(), level: "danger", message: error.message };
        element.#store.set((state) => ({ notices: [...state.notices, notice] }));
      },
      /** A turn was stopped: a message that the server does not have goes back into the composer. */
      onStopped: () => element.#store.get().options?.standIn?.turnHeader && element.#composer.takeBack(),
      onThread: (thread) => element.#history.remember({ id: thread.id, title: thread.title, status: thread.status }),
    };
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(`chatkit.${name}`, { detail }));
  }

  /** Apply a whole set of options; a later call replaces all of them. */
  setOptions(options) {
    const first = this.#client === null;
    if (options.api?.url === undefined) throw new TypeError("openai-chatkit needs options.api.url");
    const { turnHeader } = options.standIn ?? {};
    const api = { ...options.api, url: new URL(options.api.url, document.baseURI).href, turnHeader };
    if (first) this.#client = new ProtocolClient(api, (name, data) => this.#emit("log", { name, data }));
    // The same client goes on: requests under way and the frame's id belong to the element, not to its options.
    else this.#client.api = api;
    setLocale(options.locale);
    this.dir = direction();
    this.#store.set({ options });
    this.setAttribute("aria-label", options.frameTitle ?? "Chat");
    applyTheme(this, options.theme);
    if (!first) return;
    this.#ready.resolve();
    queueMicrotask(() => this.#emit("ready"));
    if (options.initialThread) this.#conversation.open(options.initialThread);
  }

  /** The items that are shown, as the protocol has them; ChatKit's element does not tell. */
  get items() {
    return this.#store.get().items;
  }

  async focusComposer() {
    await this.#ready.promise;
    this.shadowRoot.querySelector(".composer textarea")?.focus();
  }

  async setThreadId(threadId) {
    await this.#ready.promise;
    this.#history.hide();
    await this.#conversation.open(threadId);
  }

  async sendUserMessage({ text, content, reply, attachments, newThread, toolChoice, model }) {
    await this.#ready.promise;
    const input = {
      content: (content ?? [{ type: "input_text", text: text ?? "" }]).map(completeTag),
      attachments: attachments ?? [],
      ...(reply && { quoted_text: reply }),
      inference_options: { ...(toolChoice && { tool_choice: toolChoice }), ...(model && { model }) },
    };
    await this.#conversation.send(input, { newThread });
  }

  async setComposerValue(value) {
    await this.#ready.promise;
    await this.#composer.setValue(value);
  }

  async sendCustomAction(action, itemId) {
    await this.#ready.promise;
    await this.#conversation.action(action, itemId);
  }

  async fetchUpdates() {
    await this.#ready.promise;
    await this.#conversation.refresh();
  }

  /** The server does not have the message that was stopped: it goes back into the composer. */
  takeBack() {
    this.#conversation.stopped();
  }

  async showHistory() {
    await this.#ready.promise;
    await this.#history.show();
  }

  async hideHistory() {
    this.#history.hide();
  }
}

function completeTag(part) {
  return part.type === "input_tag" ? { data: {}, interactive: false, ...part } : part;
}

// A page may load this module twice under two URLs; the first one stands.
if (!customElements.get("openai-chatkit")) customElements.define("openai-chatkit", OpenAIChatKit);
