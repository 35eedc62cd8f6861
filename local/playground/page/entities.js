/** The ids of cited documents begin with it. */
const DOCUMENT = "knowledge.";

/**
 * What can be mentioned with @: the backend knows, as it knows who asks.
 * @param {string} url where the backend lists entities
 * @param {typeof fetch} fetch
 * @returns {object} the callbacks of ChatKit's `entities` option
 */
export function createEntities(url, fetch) {
  const ask = async (address) => {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`Mentions: the server answered ${response.status}.`);
    return response.json();
  };
  return {
    onTagSearch: async (query) => (await ask(`${url}?${new URLSearchParams({ query })}`)).entities,
    onRequestPreview: (entity) => ask(`${url}/${encodeURIComponent(entity.id)}`),
    // The link to a cited document is short-lived, so it is made when it is opened.
    onClick: async (entity) => {
      if (!entity.id.startsWith(DOCUMENT)) return;
      const { url: link } = await ask(`${url}/${encodeURIComponent(entity.id)}`);
      window.open(link, "_blank", "noopener");
    },
  };
}
