import type { TokenSource } from "chatkit-lambda-router";

import { session } from "./session";

/**
 * The caller's token. Replace this function by your identity provider's, for example
 * `({ refresh }) => auth.getTokenSilently({ cacheMode: refresh ? "off" : "on" })`.
 *
 * With sign-in pages, the token is the signed-in user's. Otherwise this function returns what
 * `sessionStorage.setItem("token", …)` has stored, or none: `make dev` treats the caller as a guest.
 */
export const currentToken: TokenSource = (request) =>
  session ? session.token(request) : sessionStorage.getItem("token");
