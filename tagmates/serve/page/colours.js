// A label's hue is a function of the label alone: the same in every text, layer and model.
// Lightness and chroma, and so the contrast, are the style sheet's.

/** The hue of a label in degrees. */
export function hueOf(label) {
  let hash = OFFSET;
  for (const character of label) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193); // FNV-1a
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 12)) >>> 0) % 360;
}

// Any number would do; with this one the labels of UPOS, chunks and names are far apart.
const OFFSET = 0xbffacca4;
