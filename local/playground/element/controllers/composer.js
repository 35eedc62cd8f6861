import { contentText, parseContent } from "../state/content.js";
import { isBusy, isUnconfirmed } from "../state/thread.js";
import { DEFAULT_MAX_COUNT, refusal, uploadFile } from "./upload.js";
import { say } from "../texts.js";

export const EMPTY_COMPOSER = { text: "", caret: null, tags: {}, quote: null, attachments: [], toolId: null, modelId: null };

/** What the user is about to send: text with tags, files, a quote, the chosen tool and model. */
export class Composer {
  constructor(kit, conversation) {
    this.kit = kit;
    this.conversation = conversation;
  }

  get state() {
    return this.kit.store.get().composer;
  }

  set(patch) {
    this.kit.store.set((state) => ({ composer: { ...state.composer, ...patch } }));
    this.kit.store.flush();
  }

  /** Take what a page passes to `setComposerValue`. */
  async setValue({ text, content, reply, attachments, files, selectedToolId, selectedModelId }) {
    if (content) this.set(contentText(content));
    else if (text !== undefined) this.set({ text, tags: {} });
    if (reply !== undefined) this.set({ quote: reply });
    if (attachments) this.set({ attachments: attachments.map((attachment) => ready(attachment)) });
    if (selectedToolId !== undefined) this.selectTool(selectedToolId);
    if (selectedModelId !== undefined) this.set({ modelId: selectedModelId });
    if (files) await this.attach(files);
  }

  selectTool(toolId) {
    if (toolId === this.state.toolId) return;
    this.set({ toolId });
    this.kit.emit("tool.change", { toolId });
  }

  get model() {
    const models = this.kit.options.composer?.models ?? [];
    return models.find((model) => model.id === this.state.modelId) ?? models.find((model) => model.default) ?? models[0];
  }

  get tool() {
    return this.kit.options.composer?.tools?.find((tool) => tool.id === this.state.toolId);
  }

  /** Why the files of the message keep it from being sent; null when they do not. */
  get obstacle() {
    const { attachments } = this.state;
    const failed = attachments.find((attachment) => attachment.state === "failed");
    if (failed) return say("Remove {name} to send your message: the file was not accepted.", { name: failed.name });
    const uploading = attachments.some((attachment) => attachment.state === "uploading");
    return uploading ? say("Your message can be sent when its files have been uploaded.") : null;
  }

  get canSend() {
    const { text, attachments } = this.state;
    const settled = attachments.every((attachment) => attachment.state === "ready");
    return settled && (text.trim() !== "" || attachments.length > 0) && !isBusy(this.kit.store.get());
  }

  /** Send what the composer holds, and empty it. */
  async submit() {
    if (!this.canSend) return;
    const { text, tags, quote, attachments } = this.state;
    const input = {
      content: parseContent(text.trim(), tags),
      attachments: attachments.map((attachment) => attachment.value),
      ...(quote && { quoted_text: quote }),
      inference_options: this.inferenceOptions(),
    };
    if (!this.tool?.persistent) this.selectTool(null);
    this.set({ text: "", tags: {}, quote: null, attachments: [] });
    await this.conversation.send(input);
  }

  /** Take a message back that was stopped before the server had it, unless the user has begun another. */
  takeBack() {
    const { items } = this.kit.store.get();
    const item = items.findLast((other) => isUnconfirmed(other) && !other.unsent);
    if (!item || this.state.text || this.state.attachments.length > 0) return;
    this.kit.store.set({ items: items.filter((other) => other !== item) });
    const { quoted_text: quote = null, attachments } = item;
    this.set({ ...contentText(item.content), quote, attachments: attachments.map((attachment) => ready(attachment)) });
  }

  inferenceOptions() {
    return {
      ...(this.tool && { tool_choice: { id: this.tool.id } }),
      ...(this.model && { model: this.model.id }),
    };
  }

  /** Upload files and attach them; a refused one is told in a notice. */
  async attach(files) {
    const rules = this.kit.options.composer?.attachments ?? {};
    await Promise.all([...files].map((file) => this.attachOne(file, rules)));
  }

  async attachOne(file, rules) {
    const full = this.state.attachments.length >= (rules.maxCount ?? DEFAULT_MAX_COUNT);
    const reason = full ? say("No more files fit into this message.") : refusal(file, rules);
    if (reason) return this.kit.notify(new Error(reason));
    const key = crypto.randomUUID();
    const abort = new AbortController();
    const entry = { key, abort, state: "uploading", name: file.name, size: file.size, type: file.type };
    this.set({ attachments: [...this.state.attachments, entry] });
    try {
      const value = await uploadFile(this.kit.client, file, abort.signal);
      this.patch(key, { state: "ready", value });
    } catch (error) {
      if (!abort.signal.aborted) {
        this.kit.fail(error);
        this.patch(key, { state: "failed", error: error.message });
      }
    }
  }

  /** Open a sent file in a tab of its own. */
  async open(attachment) {
    try {
      window.open(await this.kit.options.standIn.attachmentUrl(attachment.id), "_blank", "noopener");
    } catch (error) {
      this.kit.notify(error);
    }
  }

  patch(key, change) {
    const attachments = this.state.attachments.map((entry) => (entry.key === key ? { ...entry, ...change } : entry));
    this.set({ attachments });
  }

  /** Take a file out again; the server forgets it too. */
  async detach(entry) {
    entry.abort?.abort();
    this.set({ attachments: this.state.attachments.filter((other) => other.key !== entry.key) });
    if (!entry.value) return;
    try {
      await this.kit.client.call("attachments.delete", { attachment_id: entry.value.id });
    } catch (error) {
      this.kit.fail(error);
    }
  }
}

function ready(attachment) {
  return { key: attachment.id, state: "ready", name: attachment.name, type: attachment.mime_type, value: attachment };
}
