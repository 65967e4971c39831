// The list of sentences. Only those near the window are drawn; the others hold their words as text, so that thousands
// cost little and the browser's search finds them.

import { cellsOf } from "./rows.js";
import { drawSentence } from "./sentence.js";

const FIRST = 12; // sentences drawn at once, before the observer has seen where they are

const list = document.getElementById("sentences");
const near = new Set();
const observer = new IntersectionObserver(moved, { rootMargin: "1000px 0px" });
let shown = { sentences: [], rows: [] };

/** Show `sentences` (each a list of one or two models' answers) with these rows; the focus stays at its word. */
export function showSentences(sentences, rows) {
  const focus = focused();
  shown = { sentences, rows };
  list.style.setProperty("--rows", rows.length);
  list.style.setProperty("--names", Math.max(0, ...rows.map((row) => row.name.length)));
  while (list.children.length > sentences.length) drop(list.lastElementChild);
  for (let at = list.children.length; at < sentences.length; at++) add(at);
  for (const item of list.children) {
    if (near.has(item) || placeOf(item) < FIRST) draw(item);
    else rest(item);
  }
  if (focus) refocus(focus);
}

/** The place in the list of the sentence that holds `element`; -1 if none does. */
export function placeOf(element) {
  const item = element?.closest("#sentences > li");
  return item ? item.value - 1 : -1;
}

/** The element of the sentence at this place, drawn if it was not. */
export function reach(place) {
  const item = list.children[place];
  if (!isDrawn(item)) draw(item);
  return item;
}

/** What is known of the word that holds `element`: its token, the rows and its cells, which of them it is (-1: none). */
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
        target.style.setProperty("--height", `${boundingClientRect.height}px`); // so that nothing jumps
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
  if (isDrawn(item) || item.textContent !== text) item.textContent = text; // the same again would cost a layout
  item.classList.remove("drawn");
  item.style.removeProperty("--height");
}
