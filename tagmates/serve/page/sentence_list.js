// The list of sentences. Only sentences near the window are drawn. The others contain their words as text, so that
// thousands are fast and the browser's search finds them.

import { cellsOf } from "./rows.js";
import { drawSentence } from "./sentence.js";

const FIRST_DRAWN = 12; // sentences that are drawn at once, before the observer reports positions

const list = document.getElementById("sentences");
const near = new Set();
const observer = new IntersectionObserver(moved, { rootMargin: "1000px 0px" });
let shown = { sentences: [], rows: [] };

/** Show `sentences` (each a list of answers of one or two models) with these rows; the focus stays on its word. */
export function showSentences(sentences, rows) {
  const focus = focused();
  shown = { sentences, rows };
  list.style.setProperty("--rows", rows.length);
  list.style.setProperty("--names", Math.max(0, ...rows.map((row) => row.name.length)));
  while (list.children.length > sentences.length) drop(list.lastElementChild);
  for (let at = list.children.length; at < sentences.length; at++) add(at);
  for (const item of list.children) {
    if (near.has(item) || placeOf(item) < FIRST_DRAWN) draw(item);
    else rest(item);
  }
  if (focus) refocus(focus);
}

/** The index in the list of the sentence that contains `element`; -1 if there is none. */
export function placeOf(element) {
  const item = element?.closest("#sentences > li");
  return item ? item.value - 1 : -1;
}

/** The element of the sentence at this index; it is drawn if necessary. */
export function reach(place) {
  const item = list.children[place];
  if (!isDrawn(item)) draw(item);
  return item;
}

/** Data of the word that contains `element`: token, rows, cells, and the index of the cell (-1: none). */
export function dataOf(element) {
  const word = element.closest(".word");
  const place = placeOf(element);
  if (!word || !shown.sentences[place]) return null;
  const at = [...word.parentElement.children].indexOf(word);
  const answers = shown.sentences[place];
  const cells = cellsOf(answers, shown.rows).map((row) => row[at]);
  const which = [...word.children].indexOf(element.closest(".cell")) - 1;
  return { token: answers[0].tokens[at], rows: shown.rows, cells, which: Math.max(which, -1) };
}

function focused() {
  const part = list.contains(document.activeElement) && document.activeElement.closest(".word > *");
  if (!part) return null;
  const word = part.parentElement;
  const [at, row] = [word, part].map((element) => [...element.parentElement.children].indexOf(element));
  return { place: placeOf(part), at, row };
}

function refocus({ place, at, row }) {
  const word = list.children[place] && reach(place).querySelectorAll(".word")[at];
  (word?.children[row] ?? word?.lastElementChild)?.focus({ preventScroll: true });
}

function add(place) {
  const item = document.createElement("li");
  item.value = place + 1;
  list.append(item);
  observer.observe(item);
}

function drop(item) {
  observer.unobserve(item);
  near.delete(item);
  item.remove();
}

function moved(entries) {
  for (const { target, isIntersecting, boundingClientRect } of entries) {
    if (!target.isConnected) continue;
    if (isIntersecting) {
      near.add(target);
      if (!isDrawn(target)) draw(target);
    } else {
      near.delete(target);
      if (isDrawn(target) && !target.contains(document.activeElement)) {
        rest(target);
        target.style.setProperty("--height", `${boundingClientRect.height}px`); // so that the page does not jump
      }
    }
  }
}

function isDrawn(item) {
  return item.classList.contains("drawn");
}

function draw(item) {
  const answers = shown.sentences[placeOf(item)];
  const cells = cellsOf(answers, shown.rows);
  item.replaceChildren(...drawSentence(answers[0].tokens, shown.rows, cells, item.value));
  item.classList.add("drawn");
}

function rest(item) {
  const text = shown.sentences[placeOf(item)][0].tokens.join(" ");
  if (isDrawn(item) || item.textContent !== text) item.textContent = text; // setting the same text would cost a layout
  item.classList.remove("drawn");
  item.style.removeProperty("--height");
}
