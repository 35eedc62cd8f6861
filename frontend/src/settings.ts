import type { SignInSettings } from "./signIn";

/** The settings of this build. A page that is built without them talks to `make dev`. */
export const settings = {
  /** The stack's output `StreamUrl`. */
  streamUrl: import.meta.env.VITE_STREAM_URL ?? "http://127.0.0.1:8001/",
  /** The stack's output `ApiUrl`. */
  apiUrl: import.meta.env.VITE_API_URL ?? "http://127.0.0.1:8000/",
  /** Whether the stack has a front door: CloudFront needs a hash of each body. */
  contentSha256: import.meta.env.VITE_FRONT_DOOR === "true",
  /** From OpenAI's domain settings. */
  domainKey: import.meta.env.VITE_DOMAIN_KEY ?? "local-dev",
};

/** The sign-in pages, if the stack has any. */
export const signInSettings: SignInSettings | null = import.meta.env.VITE_SIGN_IN_URL
  ? {
      url: import.meta.env.VITE_SIGN_IN_URL,
      clientId: import.meta.env.VITE_SIGN_IN_CLIENT_ID ?? "",
      page: `${location.origin}/`,
    }
  : null;
