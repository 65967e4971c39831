// The tooltip above a word: its tags with their probabilities, on hover, focus or tap.

import { dataOf } from "./sentence_list.js";
import { make, percent } from "./sentence.js";

const tip = document.getElementById("tip");
const list = document.getElementById("sentences");
let under = null; // the element under the pointer

list.addEventListener("pointermove", ({ target }) => {
  if (target !== under) show((under = target)); // only when the pointer moves, not when the page scrolls under it
});
list.addEventListener("pointerleave", () => {
  under = null;
  show(document.activeElement);
});
list.addEventListener("focusin", (event) => show(event.target));
list.addEventListener("focusout", hide);
addEventListener("scroll", () => show(document.activeElement), { passive: true });
addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});

/** Hide the tooltip. */
export function hide() {
  tip.hidden = true;
}

function show(element) {
  const data = list.contains(element) ? dataOf(element) : null;
  if (!data) return hide();
  const lines = data.rows.map((row, at) => line(row, data.cells[at]));
  const chosen = data.which < 0 ? lines : [lines[data.which]];
  tip.replaceChildren(make("strong", "", data.token), ...chosen);
  tip.hidden = false;
  place(element.closest(".word").getBoundingClientRect());
}

function line(row, cell) {
  const text = make("span", "line");
  text.append(make("span", "layer", row.name), make("bdi", "tag", cell.tag));
  if (cell.probability !== null) text.append(make("span", "probability", percent(cell.probability)));
  if (cell.spanProbability !== null) text.append(make("span", "whole", `span ${percent(cell.spanProbability)}`));
  return text;
}

/** Place the tooltip above the word, so that it covers none of its tags, and inside the window. */
function place(word) {
  const box = tip.getBoundingClientRect();
  const left = word.left + word.width / 2 - box.width / 2;
  const above = word.top - box.height - 4;
  tip.style.setProperty("--left", `${Math.max(8, Math.min(left, document.documentElement.clientWidth - box.width - 8))}px`);
  tip.style.setProperty("--top", `${above > 4 ? above : word.bottom + 4}px`);
}
