import { say } from "../texts.js";
/** A request that failed before its answer began, with what the server said about it. */
export class RequestError extends Error {
  /**
   * @param {string} message shown to the user
   * @param {{status?: number, code?: string, retryable?: boolean}} [details]
   */
  constructor(message, { status = 0, code = "", retryable = false } = {}) {
    super(message);
    this.name = "RequestError";
    this.status = status;
    this.code = code;
    this.retryable = retryable;
  }
}

const TOLD = {
  401: () => say("You are not signed in, or your token is no longer valid."),
  403: () => say("You are not allowed to do this."),
  404: () => say("This conversation could not be found."),
  413: () => say("That is too large."),
  415: () => say("This type of file is not allowed."),
  429: () => say("Too many requests. Please wait a moment."),
};

const told = (status) => TOLD[status]?.() ?? say("The server answered {status}.", { status });

/** Turn a response that is not 2xx into an error: the server's own words, or a sentence for its status. */
export async function responseError(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Not every proxy answers in JSON: the status alone has to do.
  }
  const message = error.message ?? told(response.status);
  return new RequestError(message, {
    status: response.status,
    code: error.code,
    retryable: response.status >= 500,
  });
}
