/**
 * Send a request of the page itself, and return the answer's JSON.
 *
 * @throws Error with the server's message
 */
export async function ask(backend, method, url, body = {}) {
    const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const init = method === "POST" ? { method, ...json } : { method };
    const response = await backend.send(url, init, { repeatable: method === "GET" });
    const answer = (await response.json());
    if (!response.ok)
        throw new Error(answer.error?.message ?? `The server answered ${response.status}.`);
    return answer;
}
