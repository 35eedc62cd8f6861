import type { TokenSource } from "chatkit-lambda-router";

/**
 * The caller's token. Replace this function by your identity provider's, for example
 * `({ refresh }) => auth.getTokenSilently({ cacheMode: refresh ? "off" : "on" })`.
 *
 * This one returns what `sessionStorage.setItem("token", …)` has stored, or none: `make dev` treats the caller as a guest.
 */
export const currentToken: TokenSource = () => sessionStorage.getItem("token");
