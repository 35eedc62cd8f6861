import { say } from "../element/texts.js";
import { action, pageDialog, paragraph, section } from "./dialog.js";

/** How often the dialog asks for the progress of documents that are being read, in ms. */
const POLL_MILLISECONDS = 1000;
const OWN = { scope: "user" };

/**
 * A dialog with the user's own documents: one is added, its progress is shown, and one is removed.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {(path: string, init?: RequestInit) => Promise<object>} ask sends a request with the caller's token
 */
export function offerDocuments(button, ask) {
  const post = (path, body) =>
    ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const query = new URLSearchParams(OWN);

  async function add(file) {
    const about = { ...OWN, name: file.name, mime_type: file.type, size: file.size };
    const { document, upload } = await post("knowledge/documents", about);
    const sent = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: file });
    if (!sent.ok) throw new Error(say("The file could not be sent."));
    await post(`knowledge/documents/${document.id}/complete`, OWN);
  }

  const open = pageDialog(say("My documents"), async (dialog, attempt) => {
    const rows = document.createElement("div");
    let timer = null;
    const read = async () => {
      clearTimeout(timer);
      const { data } = await ask(`knowledge/documents?${query}`);
      const remove = (id) => attempt(() => ask(`knowledge/documents/${id}?${query}`, { method: "DELETE" }).then(read));
      rows.replaceChildren(...data.map((each) => row(each, remove)));
      const busy = data.some(({ state }) => state === "queued" || state === "working");
      if (busy && dialog.open) timer = setTimeout(() => void attempt(read), POLL_MILLISECONDS);
    };
    const input = document.createElement("input");
    input.type = "file";
    input.setAttribute("aria-label", say("Add a document"));
    input.addEventListener("change", () => void attempt(() => add(input.files[0]).then(read)));
    dialog.append(section(paragraph(say("The assistant searches your documents. Nobody else sees them.")), input), rows);
    dialog.addEventListener("close", () => clearTimeout(timer), { once: true });
    await read();
  });
  button.addEventListener("click", open);
}

function row({ id, name, state, done, total }, remove) {
  const progress = total && state === "working" ? ` ${done}/${total}` : "";
  const element = section(
    paragraph(`${name}: ${STATES[state]()}${progress}`),
    action(say("Remove"), () => void remove(id)),
  );
  element.dataset.state = state;
  return element;
}

const STATES = {
  uploading: () => say("not sent"),
  queued: () => say("waiting"),
  working: () => say("being read"),
  ready: () => say("can be searched"),
  failed: () => say("could not be read"),
};
