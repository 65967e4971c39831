// A sentence as a grid: each word is a block with its tags below it, and the blocks wrap like words.

import { hueOf } from "./colours.js";
import { UNSURE } from "./rows.js";

/** The elements of a sentence: the names of its rows beside each line, and its words with their cells. */
export function drawSentence(tokens, rows, cells, number) {
  const grid = make("div", "words");
  grid.setAttribute("role", "grid");
  grid.setAttribute("aria-label", `Sentence ${number}`);
  grid.dir = "auto";
  grid.append(...tokens.map((token, at) => drawWord(token, rows, cells.map((row) => row[at]))));
  if (grid.firstChild) grid.firstChild.firstChild.tabIndex = 0;
  return [drawNames(rows, tokens.length, number), grid];
}

/** The text of a cell for screen readers: layer, tag, probabilities of tag and span, and whether the models differ. */
export function describe(row, cell) {
  const parts = [`${row.name} ${cell.tag}`];
  if (cell.probability !== null) parts.push(`probability ${percent(cell.probability)}`);
  if (cell.spanProbability !== null) parts.push(`of the whole span ${percent(cell.spanProbability)}`);
  if (cell.differs) parts.push("the models differ");
  return parts.join(", ");
}

/** A probability in percent; never rounded to 100 %. */
export function percent(probability) {
  const value = 100 * probability;
  return value > 99.9 && value < 100 ? "> 99.9 %" : `${value.toFixed(1)} %`;
}

function drawWord(token, rows, cells) {
  const block = make("div", "word");
  block.setAttribute("role", "row");
  const head = make("div", "token", token);
  head.setAttribute("role", "rowheader");
  head.tabIndex = -1;
  if (cells.some((cell) => cell.differs)) head.classList.add("differs");
  block.append(head, ...cells.map((cell, at) => drawCell(rows[at], cell)));
  return block;
}

function drawCell(row, cell) {
  const box = make("div", `cell ${cell.kind}`);
  box.setAttribute("role", "gridcell");
  box.setAttribute("aria-label", describe(row, cell));
  box.tabIndex = -1;
  box.dir = "ltr"; // otherwise a tag could change the direction of a sentence that begins with a number
  const unsure = cell.probability !== null && cell.probability < UNSURE;
  const { begins, ends, differs, repeats } = cell;
  const marks = { begins, ends, unsure, differs, repeats, second: row.side === 1 };
  for (const [mark, holds] of Object.entries(marks)) box.classList.toggle(mark, Boolean(holds));
  box.style.setProperty("--hue", hueOf(cell.label));
  if (cell.kind === "chip" || cell.begins || unsure) {
    box.append(make("span", "label", cell.begins || cell.kind === "chip" ? cell.label : ""));
  }
  return box;
}

/** The names of the rows. All lines have the same height, so one text with repeated names is enough. */
function drawNames(rows, lines, number) {
  const names = rows.map((row) => row.name).join("\n");
  const text = make("div", "names", `${number}\n${names}\n\n${`\n${names}\n\n`.repeat(Math.max(lines - 1, 0))}`);
  text.setAttribute("aria-hidden", "true");
  return text;
}

export function make(name, classes, text = "") {
  const element = document.createElement(name);
  element.className = classes;
  element.textContent = text;
  return element;
}
