import { ask } from "./json.js";
/** Search the user's conversations. */
export function search(backend, query, after) {
    const named = new URLSearchParams({ q: query, ...(after === undefined ? {} : { after }) });
    return ask(backend, "GET", `${backend.apiUrl}/search?${named}`);
}
