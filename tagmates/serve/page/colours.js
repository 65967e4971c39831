// The hue of a label depends only on the label, so it is the same in every text, layer and model.
// Lightness and chroma, and so the contrast, are set in the style sheet.

/** The hue of a label in degrees. */
export function hueOf(label) {
  let hash = HASH_START;
  for (const character of label) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193); // FNV-1a
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 12)) >>> 0) % 360;
}

// Any number works; with this one the hues of UPOS tags, chunks and names are far apart.
const HASH_START = 0xbffacca4;
