/**
 * The composer holds plain text in which an entity stands as `@Title`, and remembers which entity each
 * such piece means; the protocol wants a list of text and tag parts. These functions go both ways.
 */

/** The text by which an entity stands in the composer. */
export const tagText = (entity) => `@${entity.title}`;

/**
 * Split composer text into the protocol's UserMessageContent.
 * @param {string} text
 * @param {Record<string, object>} tags the entity for each `@Title` in use
 */
export function parseContent(text, tags) {
  return segments(text, tags).map(({ text: piece, entity }) =>
    entity
      ? {
          type: "input_tag",
          id: entity.id,
          text: entity.title,
          data: entity.data ?? {},
          ...(entity.group && { group: entity.group }),
          interactive: entity.interactive ?? false,
        }
      : { type: "input_text", text: piece },
  );
}

/** Cut text at its tags: `{text, entity?}` in order, nothing lost. */
export function segments(text, tags) {
  // The longest first, so that @Ann Lee is not taken for @Ann.
  const known = Object.keys(tags).sort((a, b) => b.length - a.length);
  const found = [];
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const tag = text[at] === "@" && known.find((candidate) => text.startsWith(candidate, at));
    if (tag) {
      if (plain) found.push({ text: plain });
      plain = "";
      found.push({ text: tag, entity: tags[tag] });
      at += tag.length;
    } else {
      plain += text[at++];
    }
  }
  if (plain) found.push({ text: plain });
  return found;
}

/** Composer text and tags for a message's content. */
export function contentText(content) {
  const tags = {};
  const pieces = content.map((part) => {
    if (part.type !== "input_tag") return part.text;
    const entity = { id: part.id, title: part.text, data: part.data, group: part.group, interactive: part.interactive };
    tags[tagText(entity)] = entity;
    return tagText(entity);
  });
  return { text: pieces.join(""), tags };
}
