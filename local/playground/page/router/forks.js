import { ask } from "./json.js";
/** How many of the newest items are searched for messages of the user. The server returns at most 100. */
const SEARCHED_ITEMS = 100;
/** Return the newest messages of the user in a thread, the newest first. */
export async function questions(backend, threadId) {
    const params = { thread_id: threadId, order: "desc", limit: SEARCHED_ITEMS };
    const { data } = await ask(backend, "POST", backend.apiUrl, { type: "items.list", params });
    return data
        .filter((item) => item.type === "user_message")
        .map(({ id, content }) => ({ id, text: (content ?? []).map((part) => part.text ?? "").join("") }));
}
/** Copy a thread up to an item, or before it. Return the id of the new thread. */
export async function fork(backend, threadId, itemId, before) {
    let body = { thread_id: threadId, item_id: itemId, before };
    for (;;) {
        const made = await ask(backend, "POST", `${backend.apiUrl}/fork`, body);
        if (made.ready)
            return made.thread_id;
        // A long copy takes several requests.
        body = { fork_id: made.thread_id };
    }
}
