import type { TokenSource } from "chatkit-lambda-router";

/** The sign-in pages of an identity provider, such as Amazon Cognito's, and this page as they know it. */
export interface SignInSettings {
  /** The address of the sign-in pages: the stack's output `SignInUrl`. */
  url: string;
  /** The stack's output `SignInClientId`. */
  clientId: string;
  /** The page that the sign-in pages return to, exactly as in the stack's `SignInPages`. */
  page: string;
}

/** The sign-in failed. The message is for the user. */
export class SignInError extends Error {}

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
}

interface Tokens {
  access: string;
  refresh: string | null;
  /** In milliseconds since 1970. */
  expires: number;
}

const SCOPES = "openid email";
const PENDING = "sign-in.pending";
const TOKENS = "sign-in.tokens";
/** A token is replaced this long before it expires: a request takes a while, and clocks differ. */
const EARLY_MILLISECONDS = 60_000;

/**
 * Signs the user in with OAuth 2.0's authorisation code and PKCE (RFC 7636), without a secret.
 *
 * The tokens are in the tab's `sessionStorage`: they survive a reload, and end with the tab.
 */
export class SignIn {
  #settings: SignInSettings;
  #onSignedOut: () => void = () => {};
  #resumed: Promise<boolean> | null = null;
  #refreshing: Promise<string | null> | null = null;

  constructor(settings: SignInSettings) {
    this.#settings = { ...settings, url: settings.url.replace(/\/$/, "") };
  }

  /** Call a function when the user has to sign in again. */
  set onSignedOut(listener: () => void) {
    this.#onSignedOut = listener;
  }

  /**
   * Complete a sign-in if the sign-in pages have just returned here, and tell whether the user is signed in.
   *
   * @throws SignInError if the sign-in failed, or if this tab did not start it.
   */
  resume(): Promise<boolean> {
    // React calls this twice in development, and a code works once.
    return (this.#resumed ??= this.#resume());
  }

  /** Go to the sign-in pages. */
  async start(): Promise<void> {
    const pending: Pending = { state: random(), nonce: random(), verifier: random() };
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const query = new URLSearchParams({
      response_type: "code",
      client_id: this.#settings.clientId,
      redirect_uri: this.#settings.page,
      scope: SCOPES,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge_method: "S256",
      code_challenge: await challenge(pending.verifier),
    });
    location.assign(`${this.#settings.url}/oauth2/authorize?${query}`);
  }

  /** Forget the tokens, and sign out at the sign-in pages too. */
  signOut(): void {
    sessionStorage.removeItem(TOKENS);
    const query = new URLSearchParams({ client_id: this.#settings.clientId, logout_uri: this.#settings.page });
    location.assign(`${this.#settings.url}/logout?${query}`);
  }

  /** The access token, renewed before it expires. Null: the user has to sign in. */
  token: TokenSource = async ({ refresh }) => {
    const tokens = read<Tokens>(TOKENS);
    if (!tokens) return null;
    if (!refresh && tokens.expires - EARLY_MILLISECONDS > Date.now()) return tokens.access;
    // A refresh token works once, so requests at the same time share its use.
    this.#refreshing ??= this.#refresh(tokens).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  };

  async #resume(): Promise<boolean> {
    const query = new URLSearchParams(location.search);
    const state = query.get("state");
    const [code, error] = [query.get("code"), query.get("error")];
    if (state === null || (code === null && error === null)) return read(TOKENS) !== null;
    const pending = read<Pending>(PENDING);
    sessionStorage.removeItem(PENDING);
    // A code in the address bar would stay in the history.
    history.replaceState(null, "", location.pathname);
    if (!pending || pending.state !== state) throw new SignInError("This sign-in was not started here. Please sign in.");
    if (error !== null || code === null) throw new SignInError(`The sign-in failed: ${query.get("error_description") ?? error}.`);
    const answer = await this.#ask({
      grant_type: "authorization_code",
      code,
      redirect_uri: this.#settings.page,
      code_verifier: pending.verifier,
    });
    if (!answer) throw new SignInError("The sign-in took too long. Please sign in again.");
    const claims = claimsOf(answer.id_token);
    // The ID token comes straight from the token endpoint, so its signature need not be checked (OpenID Connect 3.1.3.7).
    if (claims.nonce !== pending.nonce || claims.aud !== this.#settings.clientId)
      throw new SignInError("The sign-in is not for this page. Please sign in again.");
    this.#keep(answer, null);
    return true;
  }

  async #refresh({ refresh }: Tokens): Promise<string | null> {
    const answer = refresh === null ? null : await this.#ask({ grant_type: "refresh_token", refresh_token: refresh });
    if (answer) return this.#keep(answer, refresh);
    sessionStorage.removeItem(TOKENS);
    this.#onSignedOut();
    return null;
  }

  /** Keep the tokens. With rotation, the answer to a refresh has a new refresh token. Otherwise the old one stays valid. */
  #keep(answer: TokenAnswer, refresh: string | null): string {
    const tokens: Tokens = {
      access: answer.access_token,
      refresh: answer.refresh_token ?? refresh,
      expires: Date.now() + answer.expires_in * 1000,
    };
    sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
    return tokens.access;
  }

  /**
   * Ask for tokens. Null: the code or the refresh token is not valid any more.
   *
   * @throws TypeError if the provider cannot be reached.
   * @throws SignInError if it answers with another error.
   */
  async #ask(form: Record<string, string>): Promise<TokenAnswer | null> {
    const body = new URLSearchParams({ ...form, client_id: this.#settings.clientId });
    const response = await fetch(`${this.#settings.url}/oauth2/token`, { method: "POST", body });
    const answer = (await response.json().catch(() => ({}))) as TokenAnswer & { error?: string };
    if (response.ok) return answer;
    if (answer.error === "invalid_grant") return null;
    throw new SignInError(`The sign-in service answered with an error (${answer.error ?? response.status}).`);
  }
}

interface TokenAnswer {
  access_token: string;
  id_token: string;
  refresh_token?: string;
  expires_in: number;
}

function read<Kept>(name: string): Kept | null {
  return JSON.parse(sessionStorage.getItem(name) ?? "null") as Kept | null;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** 256 random bits in 43 characters, as RFC 7636 recommends for a verifier. */
function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challenge(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function claimsOf(token: string): { nonce?: unknown; aud?: unknown } {
  const [, payload = ""] = token.split(".");
  const text = atob(payload.replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(text) as { nonce?: unknown; aud?: unknown };
}
