import { useRef } from "preact/hooks";
import { AttachmentTray } from "../composer/attachment_tray.js";
import { DictationButton } from "../composer/dictation_button.js";
import { ModelPicker } from "../composer/model_picker.js";
import { SuggestionMenu, useSuggestions } from "../composer/suggestions.js";
import { ToolButtons } from "../composer/tools.js";
import { acceptAttribute } from "../controllers/upload.js";
import { html, useParts, useSetup } from "../html.js";
import { Icon } from "../icons.js";
import { segments } from "../state/content.js";
import { isBusy } from "../state/thread.js";
import { say } from "../texts.js";

/** Where the user writes: text with tags, files, tool, model, dictation, send and stop. */
export function ComposerView({ state }) {
  const { composer } = useParts();
  const { status } = state.thread ?? {};
  if (status && status.type !== "active") return html`<${Blocked} status=${status} />`;
  const submit = (event) => {
    event.preventDefault();
    composer.submit();
  };
  const drop = (event) => {
    event.preventDefault();
    if (state.options.composer?.attachments?.enabled) composer.attach(event.dataTransfer.files);
  };
  const { quote } = state.composer;
  return html`<form class="composer" aria-label=${say("Message")} onSubmit=${submit} onDrop=${drop} onDragOver=${(e) => e.preventDefault()}>
    ${quote &&
    html`<div class="composer-quote">
      <${Icon} name="quote" size=${14} /><span class="grow" dir="auto">${quote}</span>
      <button type="button" class="icon-button" aria-label=${say("Remove quote")} onClick=${() => composer.set({ quote: null })}>
        <${Icon} name="x" size=${14} />
      </button>
    </div>`}
    <${AttachmentTray} attachments=${state.composer.attachments} />
    ${composer.obstacle && html`<p class="composer-hint" id="obstacle">${composer.obstacle}</p>`}
    <${Editor} state=${state} />
    <div class="composer-bar">
      <${AttachButton} option=${state.options.composer?.attachments} />
      <${ToolButtons} state=${state} />
      <${MentionButton} state=${state} />
      <span class="grow"></span>
      <${ModelPicker} state=${state} />
      ${state.options.composer?.dictation?.enabled && html`<${DictationButton} />`}
      <${SendButton} state=${state} />
    </div>
  </form>`;
}

/** In place of the composer, when the thread takes no more messages. */
function Blocked({ status }) {
  const { conversation } = useParts();
  const words = status.type === "locked" ? say("This chat is locked.") : say("This chat is closed.");
  return html`<div class="composer blocked" role="status">
    <${Icon} name="lock" />
    <span class="grow">${status.reason ?? words}</span>
    <button type="button" class="button outline" onClick=${() => conversation.open(null)}>${say("New chat")}</button>
  </div>`;
}

function Editor({ state }) {
  const { composer, kit } = useParts();
  const area = useRef(null);
  const { text, tags } = state.composer;
  const suggestions = useSuggestions(area, state);
  const { placeholder = say("Message the AI"), attachments } = state.options.composer ?? {};
  useSetup(() => fitHeight(area.current), [text]);
  useSetup(() => {
    if (!kit.store.get().history.open) area.current.focus({ preventScroll: true });
  }, [state.thread?.id]);
  const keyDown = (event) => {
    if (event.isComposing || suggestions.keyDown(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      composer.submit();
    }
  };
  const paste = (event) => {
    if (!attachments?.enabled || event.clipboardData.files.length === 0) return;
    event.preventDefault();
    composer.attach(event.clipboardData.files);
  };
  return html`<div class="editor">
    <div class="mirror" aria-hidden="true" dir=${text ? "auto" : undefined}>
      ${segments(text, tags).map((piece) => (piece.entity ? html`<mark>${piece.text}</mark>` : piece.text))}${"\u200b"}
    </div>
    <textarea
      ref=${area}
      rows="1"
      dir=${text ? "auto" : undefined}
      aria-label=${say("Message")}
      aria-autocomplete="list"
      aria-controls=${suggestions.open ? "suggestions" : undefined}
      aria-activedescendant=${suggestions.open ? `suggestion-${suggestions.active}` : undefined}
      placeholder=${composer.tool?.placeholderOverride ?? placeholder}
      value=${text}
      onInput=${(event) => {
        composer.set({ text: event.target.value });
        suggestions.look();
      }}
      onClick=${suggestions.look}
      onBlur=${suggestions.close}
      onKeyDown=${keyDown}
      onPaste=${paste}
    ></textarea>
    <${SuggestionMenu} suggestions=${suggestions} />
  </div>`;
}

function fitHeight(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}

function AttachButton({ option }) {
  const { composer } = useParts();
  const input = useRef(null);
  if (!option?.enabled) return null;
  const chosen = async (event) => {
    const files = [...event.target.files];
    // Choosing the same file again must be a change again.
    event.target.value = "";
    await composer.attach(files);
  };
  return html`<button type="button" class="icon-button" aria-label=${say("Attach files")} title=${say("Attach files")} onClick=${() => input.current.click()}>
      <${Icon} name="paperclip" size=${18} />
    </button>
    <input type="file" multiple hidden ref=${input} accept=${acceptAttribute(option.accept)} onChange=${chosen} />`;
}

function MentionButton({ state }) {
  const { composer } = useParts();
  const { onTagSearch, showComposerMenu } = state.options.entities ?? {};
  if (!onTagSearch || !showComposerMenu) return null;
  const mention = (event) => {
    const area = event.currentTarget.closest(".composer").querySelector("textarea");
    const { text } = state.composer;
    area.focus();
    const next = text === "" || text.endsWith(" ") ? `${text}@` : `${text} @`;
    composer.set({ text: next, caret: next.length });
  };
  return html`<button type="button" class="icon-button" aria-label=${say("Mention")} title=${say("Mention")} onClick=${mention}>
    <${Icon} name="at-sign" size=${18} />
  </button>`;
}

function SendButton({ state }) {
  const { composer, conversation } = useParts();
  const stop = (event) => {
    // The button is disabled from now on, and a disabled one loses the focus.
    event.currentTarget.closest(".composer").querySelector("textarea").focus();
    conversation.stop();
  };
  if (isBusy(state) && state.allowCancel) {
    const label = state.stopping ? say("Stopping…") : say("Stop");
    return html`<button
      type="button"
      class="send stop"
      aria-label=${label}
      title=${label}
      disabled=${state.stopping}
      onClick=${stop}
    >
      <${Icon} name="square" size=${14} class="filled" />
    </button>`;
  }
  return html`<button class="send" aria-label=${say("Send")} title=${composer.obstacle ?? say("Send")} aria-describedby=${composer.obstacle ? "obstacle" : undefined} disabled=${!composer.canSend}>
    <${Icon} name="arrow-up" size=${18} />
  </button>`;
}
