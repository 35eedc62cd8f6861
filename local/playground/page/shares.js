import { say } from "../element/texts.js";
import { action, pageDialog, paragraph, section } from "./dialog.js";

/** The part of the page's address that names a link's token. A server never sees it. */
const PARAMETER = "share";

/**
 * A dialog that makes and revokes links to snapshots of conversations.
 * @param {HTMLButtonElement} button opens the dialog
 * @param {() => object} router the page's router
 */
export function offerShares(button, router) {
  const open = pageDialog(say("Share"), async (dialog, attempt) => {
    const share = async (options) => {
      const { token } = await router().shares.create(options);
      const link = document.createElement("a");
      link.href = link.textContent = `${location.origin}${location.pathname}#${PARAMETER}=${token}`;
      link.target = "_blank";
      dialog.append(section(link));
    };
    dialog.append(
      section(
        paragraph(say("A link shows this conversation as it is now, to the users of your organisation, for a week.")),
        action(say("Make a link"), () => attempt(() => share())),
        action(say("Make a link with files"), () => attempt(() => share({ files: true }))),
      ),
    );
    for (const { id, title, expires_at: expires } of await router().shares.list()) {
      const until = say("Works until {date}", { date: new Date(expires).toLocaleString() });
      const revoke = action(say("Revoke"), () => attempt(() => router().shares.revoke(id).then(() => row.remove())));
      const row = section(paragraph(`${title ?? say("Conversation")}: ${until}`), revoke);
      dialog.append(row);
    }
  });
  button.addEventListener("click", open);
}

/** Show the snapshot that the page's address names, if it names one. */
export async function showShared(router) {
  const token = new URLSearchParams(location.hash.slice(1)).get(PARAMETER);
  if (token === null) return;
  const open = pageDialog(say("Shared conversation"), async (dialog) => {
    const { title, items } = await router().shares.read(token);
    dialog.append(paragraph(title ?? say("Conversation")));
    for (const item of items) {
      const row = section(paragraph(item.text ?? textsOf(item.widget).join("\n")));
      row.dataset.sharedType = item.type;
      for (const { name, url } of item.files ?? []) {
        const link = document.createElement("a");
        link.href = url;
        link.textContent = name;
        row.append(link);
      }
      if (item.url) row.append(Object.assign(document.createElement("img"), { src: item.url, alt: "" }));
      dialog.append(row);
    }
  });
  await open();
}

/** The texts of a widget, in their order. */
function textsOf(node) {
  if (Array.isArray(node)) return node.flatMap(textsOf);
  if (node === null || typeof node !== "object") return [];
  const own = [node.title, node.label, node.value].filter((each) => typeof each === "string");
  return [...own, ...["header", "children", "status"].flatMap((name) => textsOf(node[name]))];
}
