// Keyboard: arrow keys inside a sentence, which is one tab stop, and the shortcuts.

import { reach } from "./sentence_list.js";

const list = document.getElementById("sentences");
const single = document.getElementById("single");
const help = document.getElementById("shortcuts");

/** Call `actions.tag()`, `.toggle(number)` and `.next()` on their shortcuts. */
export function listen(actions) {
  list.addEventListener("keydown", walk);
  list.addEventListener("focusin", (event) => stopAt(event.target));
  document.getElementById("help").addEventListener("click", () => help.showModal());
  single.checked = localStorage.getItem("single") !== "off";
  single.addEventListener("change", () => localStorage.setItem("single", single.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      actions.tag();
    } else if (single.checked && !event.ctrlKey && !event.metaKey && !event.altKey && !help.open && !typing(event.target)) {
      press(event, actions);
    }
  });
}

/** Move the focus to an element of a sentence. */
export function focusOn(place, selector) {
  const item = reach(place);
  item.scrollIntoView({ block: "center" });
  item.querySelector(selector)?.focus({ preventScroll: true });
}

function typing(element) {
  return element.matches("textarea, select, input:not([type=checkbox])");
}

function press(event, actions) {
  if (event.key === "?") help.showModal();
  else if (event.key === "/") document.getElementById("text").focus();
  else if (event.key === "n") actions.next();
  else if (/^[1-9]$/.test(event.key)) actions.toggle(Number(event.key));
  else return;
  event.preventDefault();
}

/** Move the focus with arrows, Home and End in a sentence. */
function walk(event) {
  const here = event.target.closest(".word > *");
  if (!here || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const word = here.parentElement;
  const words = [...word.parentElement.children];
  const row = [...word.children].indexOf(here);
  const forward = getComputedStyle(word.parentElement).direction === "rtl" ? -1 : 1;
  const at = words.indexOf(word);
  const target = {
    ArrowRight: () => words[at + forward]?.children[row],
    ArrowLeft: () => words[at - forward]?.children[row],
    ArrowDown: () => word.children[row + 1],
    ArrowUp: () => word.children[row - 1],
    Home: () => words[0].children[row],
    End: () => words.at(-1).children[row],
  }[event.key];
  if (!target) return;
  event.preventDefault();
  const found = target();
  found?.focus();
}

/** Let Tab return to the last focused element of a sentence. */
function stopAt(element) {
  const grid = element.closest(".words");
  if (!grid) return;
  for (const other of grid.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  element.tabIndex = 0;
}
