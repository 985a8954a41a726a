// All consumers: figures of them together, two charts, and a row each that is made once and then only changed.

import { buttons, listen, setButton } from "./asking.js";
import { Chart } from "./chart.js";
import { by, h, put, putState } from "./dom.js";
import { MEASURES, shown } from "./measures.js";

const COLUMNS = ["input", "processed", "batch", "delay", "lag", "state", "dead"];
/** Left out where the screen is not wide, those of the second kind earlier. */
const LEFT_OUT = { batch: "lesser", processed: "least", state: "least" };
/** So many seconds are in the small line of a row. */
const SPARK = 60;
const SIZE = { width: 64, height: 18 };

const rows = new Map();
const charts = [["input", "Input rate, all consumers"], ["lag", "Lag, all consumers"]];
const totals = [
  ["healthy", "Healthy"], ["input", "Input rate"], ["lag", "Lag"], ["late", "Late records"], ["dead", "Dead letters"],
  ["memory", "Memory"],
];

/** Makes what does not depend on the consumers. */
export function prepare() {
  for (const total of totals) {
    total.push(h("dd"));
    by("totals").append(h("div", {}, h("dt", {}, total[1]), total[2]));
  }
  for (const chart of charts) {
    const each = (value) => shown(chart[0], value);
    chart.push(new Chart(by("total-charts"), chart[1], [{ label: "all", show: each }], { about: MEASURES[chart[0]].about }));
  }
  const head = (label, name) => {
    const className = name ? `num ${LEFT_OUT[name] ?? ""}` : "";
    return h("th", { scope: "col", role: "columnheader", title: MEASURES[name]?.about ?? "", className }, label);
  };
  const heads = COLUMNS.map((name) => head(MEASURES[name].label, name));
  by("list").tHead.append(h("tr", { role: "row" }, head("Consumer"), head("State"), ...heads, head("Actions")));
  listen(by("list"));
  by("filter").addEventListener("input", filter);
  by("filter").addEventListener("submit", (event) => event.preventDefault());
}

/** Shows the consumers as they are. */
export function show(status, consumers, values, sums, tracks, total) {
  put(totals[0][2], `${status.healthy_consumers} of ${status.total_consumers}`);
  for (const [name, , element] of totals.slice(1)) put(element, shown(name, sums[name]));
  for (const [name, , chart] of charts) chart.draw(total.times, [total.of(name)]);
  keep([...consumers.keys()]);
  for (const [name, details] of consumers) change(rows.get(name), details, values.get(name), tracks.get(name));
  filter();
}

/** The link of a consumer's row. */
export const link = (name) => rows.get(name)?.link;

/** Makes the rows those of these consumers, in their order. */
function keep(names) {
  const body = by("list").tBodies[0];
  for (const [name, row] of rows) {
    if (names.includes(name)) continue;
    row.element.remove();
    rows.delete(name);
  }
  names.forEach((name, at) => {
    if (!rows.has(name)) rows.set(name, make(name));
    const { element } = rows.get(name);
    if (body.rows[at] !== element) body.insertBefore(element, body.rows[at] ?? null);
  });
}

function make(name) {
  const link = h("a", { href: `#${encodeURIComponent(name)}` }, name);
  const [why, state] = [h("span", { className: "why" }), h("span", { className: "state" })];
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const spark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  spark.setAttribute("viewBox", `0 0 ${SIZE.width} ${SIZE.height}`);
  spark.setAttribute("aria-hidden", "true");
  spark.append(line);
  const cells = COLUMNS.map((column) => {
    const value = h("span");
    const className = `num ${LEFT_OUT[column] ?? ""}`;
    const cell = h("td", { role: "cell", className }, ...(column === "input" ? [spark] : []), value);
    cell.dataset.label = MEASURES[column].brief ?? MEASURES[column].label;
    return { value, cell };
  });
  const acts = buttons(name);
  // The roles are said, as a table that is shown as cards may lose them.
  const first = h("th", { scope: "row", role: "rowheader" }, link, why);
  const last = h("td", { role: "cell", className: "acts" }, ...acts);
  const all = [first, h("td", { role: "cell" }, state), ...cells.map(({ cell }) => cell), last];
  const element = h("tr", { role: "row" }, ...all);
  return { element, link, why, state, line, button: acts[0], values: cells.map(({ value }) => value) };
}

function change(row, details, values, track) {
  putState(row.state, details.status);
  put(row.why, details.status === "running" ? "" : details.last_error ?? "");
  COLUMNS.forEach((column, at) => put(row.values[at], shown(column, values[column])));
  setButton(row.button, details.status);
  row.line.setAttribute("points", points(track.of("input").slice(-SPARK)));
}

function points(numbers) {
  const most = Math.max(1, ...numbers);
  const point = (number, at) => {
    const across = SIZE.width * (1 - (numbers.length - 1 - at) / (SPARK - 1));
    return `${across.toFixed(1)},${(SIZE.height - 1 - (SIZE.height - 2) * (number / most)).toFixed(1)}`;
  };
  return numbers.map((number, at) => (number === null ? "" : point(number, at))).join(" ");
}

/** Hides the rows that are not wanted. */
function filter() {
  const wanted = by("wanted").value.trim().toLowerCase();
  let shown = 0;
  for (const [name, row] of rows) {
    const isWanted = name.includes(wanted) && !(by("unwell").checked && row.state.dataset.state === "running");
    // Who works in a row keeps it.
    row.element.hidden = !isWanted && !row.element.contains(document.activeElement);
    shown += row.element.hidden ? 0 : 1;
  }
  put(by("shown"), shown === rows.size ? `${shown} in all` : `${shown} of ${rows.size}`);
}
