/**
 * The caller's token. Replace this by your identity provider's own way, such as `await auth.getTokenSilently()`; it is
 * asked before each request, so it may refresh a token that is about to expire.
 *
 * Here: what `sessionStorage.setItem("token", …)` has put there, or none, which `make dev` takes for a guest.
 */
export async function currentToken(): Promise<string | null> {
  return sessionStorage.getItem("token");
}
