// One consumer: its figures, its charts, its reasons, and what is asked for only while it is looked at.

import { buttons, listen, setButton } from "./asking.js";
import { Chart } from "./chart.js";
import { by, h, put, putState, row } from "./dom.js";
import { count, exact, millis, percent, rate, seconds, when } from "./format.js";
import { ask } from "./live.js";
import { MEASURES, shown } from "./measures.js";
import { ofBatch } from "./track.js";
import * as windows from "./windows.js";

/** Milliseconds between two looks. */
const PAUSE = 3000;
const CHARTS = [["input"], ["processed"], ["batch"], ["delay"], ["lag"], ["late", "dead"], ["state"], ["cpu"]];
const FIGURES = [
  "input", "processed", "ratio", "batch", "delay", "p50", "p99", "lag", "late", "dead", "state", "memory", "cpu", "failures",
];
const LABELS = { ratio: "Processing ratio", p50: "Latency p50", p99: "Latency p99", failures: "Failures" };

const charts = [];
const figures = new Map();
let open;
let button;

/** Makes what does not depend on the consumer. */
export function prepare() {
  for (const name of FIGURES) {
    const value = h("dd");
    figures.set(name, value);
    const label = MEASURES[name]?.label ?? LABELS[name];
    by("numbers").append(h("div", { title: MEASURES[name]?.about ?? "" }, h("dt", {}, label), value));
  }
  for (const names of CHARTS) {
    const series = names.map((name) => {
      const { label, steps } = MEASURES[name];
      return { label, steps, show: (value) => shown(name, value) };
    });
    const title = names.map((name) => MEASURES[name].label).join(" and ").replace(" and Dead", " and dead");
    charts.push(new Chart(by("charts"), title, series, { about: MEASURES[names[0]].about }));
  }
  windows.prepare();
  listen(by("acts"));
}

/** Opens a consumer. */
export function enter(name, track) {
  leave();
  open = { name, stop: new AbortController() };
  put(by("name"), name);
  const [first, second] = buttons(name);
  button = first;
  by("acts").replaceChildren(first, second);
  for (const id of ["about", "windows-note"]) put(by(id), "");
  for (const id of ["partitions", "changes", "quality"]) body(id).replaceChildren();
  by("reasons").replaceChildren();
  delete body("changes").dataset.newest;
  latency(null);
  windows.clear();
  history(open, track);
  refresh(open);
}

/** Closes it: nothing more is asked for. */
export function leave() {
  open?.stop.abort();
  open = undefined;
}

/** What was before the page was opened. */
async function history(here, track) {
  const progress = await ask(here.name, "/progress", here.stop.signal);
  if (progress && here === open) track.before(progress.batch_metrics.map(ofBatch));
}

/** Asks for what stands in no status document, again and again while it is seen. */
async function refresh(here) {
  if (here !== open) return;
  if (!document.hidden) {
    const { signal } = here.stop;
    const [document, rows] = await Promise.all([ask(here.name, "", signal), ask(here.name, "/windows", signal)]);
    if (here !== open) return;
    if (document) tell(document);
    if (rows) windows.show(rows);
  }
  setTimeout(refresh, PAUSE, here);
}

/** Shows the newest numbers. */
export function show(details, values, track) {
  putState(by("state"), details.status);
  setButton(button, details.status);
  for (const [name, element] of figures) if (MEASURES[name]) put(element, shown(name, values[name]));
  put(figures.get("ratio"), rate(details.metrics.processing_ratio));
  put(figures.get("failures"), count(details.total_failures));
  CHARTS.forEach((names, at) => charts[at].draw(track.times, names.map((name) => track.of(name))));
}

/** Shows a consumer's own document. */
function tell(document) {
  const { type, topic, group, query, uptime_seconds: uptime, restarts, sink_retries: retries } = document;
  const parts = [type, topic && `topic ${topic}`, query && `query ${query}`, group && `group ${group}`,
    uptime > 0 && `up ${seconds(uptime)}`, restarts > 0 && `${count(restarts)} ${restarts === 1 ? "restart" : "restarts"}`,
    retries > 0 && `${count(retries)} ${retries === 1 ? "retry" : "retries"} of a sink`];
  put(by("about"), parts.filter(Boolean).join(" · "));
  reasons(document);
  latency(document.latency_ms);
  partitions(document.partitions ?? []);
  changes(document.changes ?? []);
  quality(document.quality ?? {});
}

function latency(known) {
  for (const part of ["p50", "p99"]) put(figures.get(part), millis(known?.[part]));
}

function reasons({ is_healthy: isHealthy, errors, warnings, last_error: last }) {
  const lines = [...errors.map((text) => ["bad", text]), ...warnings.map((text) => ["warn", text])];
  if (lines.length === 0) lines.push(["good", isHealthy ? "Healthy, without a warning" : "Not healthy"]);
  if (last && !errors.includes(last)) lines.push(["idle", `The last error, which is over: ${last}`]);
  const list = by("reasons");
  if (list.children.length !== lines.length) list.replaceChildren(...lines.map(() => h("li")));
  lines.forEach(([kind, text], at) => {
    list.children[at].className = kind;
    put(list.children[at], text);
  });
}

const body = (id) => by(id).querySelector("tbody");

function partitions(all) {
  const most = Math.max(1, ...all.map(({ lag }) => lag ?? 0));
  const rows = body("partitions");
  if (rows.rows.length !== all.length) {
    rows.replaceChildren(...all.map(() => {
      const bar = h("td", { className: "num bar" }, h("span"), h("i"));
      return h("tr", {}, h("td"), ...[1, 2, 3].map(() => h("td", { className: "num" })), bar);
    }));
  }
  all.forEach(({ topic, partition, next, end, lag }, at) => {
    const { cells } = rows.rows[at];
    // The end may be from before the last batch.
    const last = end === null ? end : Math.max(next, end);
    [topic, String(partition), exact(next), exact(last)].forEach((text, cell) => put(cells[cell], text));
    put(cells[4].firstChild, exact(lag));
    cells[4].lastChild.style.width = `${((lag ?? 0) / most) * 100}%`;
  });
  by("partitions").hidden = all.length === 0;
}

function changes(all) {
  const newest = `${all.length} ${all.at(-1)?.timestamp}`;
  const list = body("changes");
  by("changes").hidden = all.length === 0;
  if (list.dataset.newest === newest) return;
  list.dataset.newest = newest;
  list.replaceChildren(...all.toReversed().map(({ timestamp, status, error }) => {
    const state = h("span", { className: "state" });
    putState(state, status);
    return row([h("time", { dateTime: timestamp }, when(timestamp)), state, error ?? ""]);
  }));
}

function quality(topics) {
  const reason = ({ measure, column, share }) => `${measure}${column ? ` of ${column}` : ""}: ${percent(share * 100)}`;
  const rows = Object.entries(topics).map(([topic, { score, reasons }]) =>
    row([topic, rate(score), reasons.map(reason).join(", ") || "nothing"], [1]));
  body("quality").replaceChildren(...rows);
  by("quality").hidden = rows.length === 0;
}
