/** The part of the page's address that names a link's token. It is behind the `#`, so no server sees it. */
const PARAMETER = "share";

/** The page's address that shows the snapshot of a token. */
export function shareAddress(token: string): string {
  return `${location.origin}${location.pathname}#${new URLSearchParams({ [PARAMETER]: token })}`;
}

/** The token that the page's address names; null for none. */
export function sharedToken(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get(PARAMETER);
}
