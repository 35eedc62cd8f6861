import { html, useParts } from "../html.js";
import { Icon } from "../icons.js";
import { EntityChip } from "../views/entity.js";
import { say } from "../texts.js";

/** What the user said: quoted text, files, text with tags. */
export function UserMessage({ item }) {
  const { conversation } = useParts();
  const attachments = item.attachments ?? [];
  return html`<div class="user-side">
    ${item.quoted_text && html`<blockquote class="quote" dir="auto"><${Icon} name="quote" size=${14} /> ${item.quoted_text}</blockquote>`}
    ${attachments.length > 0 &&
    html`<div class="message-files">
      ${attachments.map((attachment) => html`<${MessageFile} key=${attachment.id} attachment=${attachment} />`)}
    </div>`}
    ${item.content.length > 0 &&
    html`<div class="bubble" dir="auto">
      ${item.content.map((part) => (part.type === "input_tag" ? html`<${MessageTag} part=${part} />` : part.text))}
    </div>`}
    ${item.unsent &&
    html`<div class="unsent">
      <${Icon} name="circle-alert" size=${14} /> ${say("Not sent")}
      <button type="button" class="button outline" onClick=${() => conversation.resend(item.id)}>
        <${Icon} name="rotate-cw" size=${14} /> ${say("Retry")}
      </button>
    </div>`}
  </div>`;
}

function MessageTag({ part }) {
  const { id, text, data, group, interactive } = part;
  return html`<${EntityChip} entity=${{ id, title: text, data, group, interactive }} label=${`@${text}`} />`;
}

function MessageFile({ attachment }) {
  const { kit, composer } = useParts();
  const picture = attachment.type === "image" && attachment.preview_url;
  const content = picture
    ? html`<img class="message-image" src=${picture} alt=${attachment.name} />`
    : html`<${Icon} name="file-text" size=${20} /><span>${attachment.name}</span>`;
  const look = picture ? "picture-link" : "file-card";
  if (!kit.options.standIn?.attachmentUrl) return html`<span class=${look}>${content}</span>`;
  const title = say("Open {name}", { name: attachment.name });
  return html`<button type="button" class=${look} title=${title} onClick=${() => composer.open(attachment)}>${content}</button>`;
}
