import { RequestError, responseError } from "../protocol/errors.js";
import { say } from "../texts.js";

/** The largest file by default, in bytes, and how many files a message may carry: ChatKit's documented defaults. */
const DEFAULT_MAX_SIZE = 100 * 1024 * 1024;
export const DEFAULT_MAX_COUNT = 10;

/** What browsers leave without a type. */
const UNKNOWN_TYPE = "application/octet-stream";

/** Send a file to the server by the strategy the page configured, and return its Attachment. */
export async function uploadFile(client, file, signal) {
  const strategy = client.api.uploadStrategy;
  if (!strategy) throw new RequestError("This page has no upload strategy.");
  const attachment =
    strategy.type === "direct"
      ? await uploadDirect(client, strategy.uploadUrl, file, signal)
      : await uploadTwoPhase(client, file, signal);
  const { upload_descriptor: _descriptor, ...rest } = attachment;
  return rest;
}

async function uploadDirect(client, url, file, signal) {
  const body = new FormData();
  body.append("file", file, file.name);
  const response = await client.fetch(url, { method: "POST", body, signal });
  if (!response.ok) throw await responseError(response);
  return response.json();
}

async function uploadTwoPhase(client, file, signal) {
  const params = { name: file.name, size: file.size, mime_type: file.type || UNKNOWN_TYPE };
  const attachment = await client.call("attachments.create", params);
  const { url, method, headers } = attachment.upload_descriptor;
  const response = await client.fetch(url, { method, headers, body: file, signal });
  if (!response.ok) throw new RequestError(say("The storage refused the file ({status}).", { status: response.status }));
  return attachment;
}

/**
 * Say why a file may not be attached, or null when it may.
 * @param {File} file
 * @param {{maxSize?: number | Record<string, number>, accept?: Record<string, string[]>}} rules
 */
export function refusal(file, rules) {
  const limit = sizeLimit(file, rules.maxSize);
  if (file.size > limit) return say("{name} is larger than {size}.", { name: file.name, size: describeSize(limit) });
  if (rules.accept && !accepted(file, rules.accept)) return say("{name} is not of an allowed type.", { name: file.name });
  return null;
}

function sizeLimit(file, maxSize = DEFAULT_MAX_SIZE) {
  if (typeof maxSize === "number") return maxSize;
  const pattern = Object.keys(maxSize).find((key) => key && key !== "*" && matchesType(file.type, key));
  return maxSize[pattern] ?? maxSize["*"] ?? maxSize[""] ?? DEFAULT_MAX_SIZE;
}

function accepted(file, accept) {
  const name = file.name.toLowerCase();
  return Object.entries(accept).some(
    ([type, extensions]) => matchesType(file.type, type) || extensions.some((extension) => name.endsWith(extension)),
  );
}

function matchesType(type, pattern) {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** The `accept` attribute of a file input for a record of types and extensions. */
export function acceptAttribute(accept) {
  return accept && Object.entries(accept).flat(2).join(",");
}

/** A size for people: `1.5 MB`. */
export function describeSize(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}
