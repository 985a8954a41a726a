// The last rows that a consumer gave out: as a table, and as a chart where they have times and numbers.

import { Chart } from "./chart.js";
import { by, h, put } from "./dom.js";
import { exact, isTime, when } from "./format.js";

/** No more lines are in the chart. */
const MOST = 6;

let chart;
let lines = "";
let text = "";
let table = { columns: [], rows: [] };

const picker = () => by("pick").lastElementChild;

/** Makes what does not depend on the rows. */
export function prepare() {
  picker().addEventListener("change", draw);
}

/** Forgets what is shown: another consumer comes. */
export function clear() {
  text = "";
  fill({ columns: [], rows: [] });
}

/** Shows these rows, where they are others than those that are shown. */
export function show(windows) {
  const now = JSON.stringify(windows);
  if (now === text) return;
  text = now;
  fill(windows);
}

function fill(windows) {
  table = windows;
  const element = by("windows").querySelector("table");
  const numbers = new Set([...table.columns.keys()].filter(isNumber));
  const head = (name, at) => h("th", { scope: "col", className: numbers.has(at) ? "num" : "" }, name);
  element.tHead.replaceChildren(h("tr", {}, ...table.columns.map(head)));
  const cell = (value, at) => h("td", { className: numbers.has(at) ? "num" : "" }, written(value, numbers.has(at)));
  element.tBodies[0].replaceChildren(...table.rows.toReversed().map((row) => h("tr", {}, ...row.map(cell))));
  element.hidden = table.rows.length === 0;
  pick([...numbers]);
  draw();
}

/** A value as text. */
function written(value, isNumber) {
  if (value === null) return "null";
  if (isTime(value)) return when(value);
  if (!isNumber) return String(value);
  // A decimal number keeps its digits.
  return typeof value === "number" ? exact(value) : value.replace(/^-?\d+/, (whole) => exact(Number(whole)));
}

/** Offers the columns with numbers; leaves the list alone where it is as it was, as somebody may look at it. */
function pick(columns) {
  const names = columns.map((at) => table.columns[at]);
  if (names.join() === [...picker().options].map(({ value }) => value).join()) return;
  picker().replaceChildren(...names.map((name) => new Option(name, name)));
}

const values = (at) => table.rows.map((row) => row[at]).filter((value) => value !== null);

/** Decimal numbers come as text, as they have more digits than a number of JSON keeps. */
function isNumber(at) {
  const known = values(at);
  return known.length > 0 && known.every((value) => typeof value === "number" || /^-?\d+\.\d+$/.test(value));
}

/** The windows by group: the newest row of each time counts. */
function groups(time, number) {
  const key = [...table.columns.keys()].filter((at) => !isNumber(at) && !values(at).every(isTime));
  const found = new Map();
  for (const row of table.rows) {
    const name = key.map((at) => String(row[at])).join(", ") || table.columns[number];
    if (!found.has(name)) found.set(name, new Map());
    if (row[time] !== null) found.get(name).set(Date.parse(row[time]) / 1000, row[number] === null ? null : Number(row[number]));
  }
  const size = ([, points]) => [...points.values()].reduce((total, value) => total + Math.abs(value ?? 0), 0);
  return [...found].sort((one, other) => size(other) - size(one));
}

function draw() {
  const time = table.columns.findIndex((_, at) => values(at).length > 0 && values(at).every(isTime));
  const number = table.columns.indexOf(picker().value);
  const all = time < 0 || number < 0 ? [] : groups(time, number);
  // By name, so that a line keeps its colour while others grow.
  const drawn = all.slice(0, MOST).sort(([one], [other]) => (one < other ? -1 : 1));
  by("pick").hidden = drawn.length === 0;
  const names = JSON.stringify([table.columns[number], drawn.map(([name]) => name)]);
  if (names !== lines || drawn.length === 0) {
    chart?.remove();
    const series = drawn.map(([label]) => ({ label, show: exact }));
    chart = drawn.length === 0 ? undefined : new Chart(by("windows-chart"), table.columns[number], series, { points: true });
    lines = names;
  }
  const times = [...new Set(drawn.flatMap(([, points]) => [...points.keys()]))].sort((one, other) => one - other);
  chart?.draw(times, drawn.map(([, points]) => times.map((at) => points.get(at) ?? null)));
  const rest = all.length > MOST ? `The chart has the ${MOST} largest of ${all.length} groups. ` : "";
  put(by("windows-note"), table.rows.length === 0 ? "Nothing was given out yet." : rest);
}
