// The view as a link: it shows the same text, models and layers again. Browsers never send the part after #.

const MAX_TEXT = 2000; // characters; a longer text is left out, because mail programs cut long links

/** The view in the address: `{text, model, other, layers}`, each null if it is missing. */
export function readLink() {
  const given = new URLSearchParams(location.hash.slice(1));
  const layers = given.get("layers");
  return {
    text: given.get("text"),
    model: given.get("model"),
    other: given.get("with"),
    layers: layers === null ? null : layers.split(",").filter(Boolean),
  };
}

/** Write the view into the address without a new entry in the history. */
export function writeLink({ text, model, other, layers }) {
  const given = new URLSearchParams();
  if (model) given.set("model", model);
  if (other) given.set("with", other);
  if (layers) given.set("layers", layers.join(","));
  if (text.length <= MAX_TEXT) given.set("text", text);
  history.replaceState(null, "", `#${given}`);
}
