// The view in the address: a link shows the same text, models and layers again. What follows # is never sent.

const LONGEST = 2000; // characters of text; a longer one is left out, as mail programs cut long links

/** What the address asks for: `{text, model, other, layers}`, each null where it says nothing. */
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

/** Put the view into the address, without a new entry in the history. */
export function writeLink({ text, model, other, layers }) {
  const given = new URLSearchParams();
  if (model) given.set("model", model);
  if (other) given.set("with", other);
  if (layers) given.set("layers", layers.join(","));
  if (text.length <= LONGEST) given.set("text", text);
  history.replaceState(null, "", `#${given}`);
}
