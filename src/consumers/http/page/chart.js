// A chart over time: uPlot, with a legend that is text, and a summary for who does not see it.

import { h, put } from "./dom.js";
import { mark, seconds } from "./format.js";

const { uPlot } = window;
/** An axis is not shorter: seconds, and whatever is counted. */
const LEAST = { time: 60, value: 4 };

/** Charts whose pointers go together. */
const together = uPlot.sync("charts");

/** How much room the texts of an axis need. */
const room = (_, texts) => 14 + 6.5 * Math.max(4, ...(texts ?? []).map((text) => text.length));

/** From when to when: of what grows the newest is at the right end. */
function span(times, isWhole) {
  const [from, to] = [times[0] ?? 0, times.at(-1) ?? LEAST.time];
  if (isWhole && from < to) return [from, to];
  return [Math.min(from, to - LEAST.time), to];
}

export class Chart {
  #figure;
  #title;
  #host = h("div", { className: "plot" });
  #series;
  #plot;

  /**
   * In `parent`: `series` are {label, show, steps}, the steps those between an axis' marks; `points` marks each point, for those
   * that are few.
   */
  constructor(parent, title, series, { points = false, about = "" } = {}) {
    this.#title = title;
    const legend = series.map((one, at) => {
      one.value = h("b");
      const key = h("span", { className: "key" });
      key.dataset.series = at + 1;
      return h("span", {}, ...(series.length > 1 ? [key, `${one.label} `] : []), one.value);
    });
    // With several series their names say it all.
    const what = series.length > 1 ? [] : [h("span", { className: "what" }, title)];
    const caption = h("figcaption", { title: about }, ...what, h("span", { className: "legend" }, ...legend));
    this.#series = series;
    this.#host.setAttribute("role", "img");
    this.#figure = h("figure", { className: "chart" }, caption, this.#host);
    parent.append(this.#figure);
    this.#plot = new uPlot(this.#options(points), [[], ...series.map(() => [])], this.#host);
    new ResizeObserver(() => this.#fit()).observe(this.#host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#plot.redraw());
  }

  /** Shows these: times in seconds, and the numbers of each series. */
  draw(times, columns) {
    this.#plot.setData([times, ...columns]);
    this.#host.dataset.points = times.length;
    this.#host.setAttribute("aria-label", this.#summary(times, columns));
    this.#values();
  }

  remove() {
    this.#plot.destroy();
    this.#figure.remove();
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (width > 0) this.#plot.setSize({ width, height });
  }

  /** In the legend: what is under the pointer, or else the newest. */
  #values() {
    const { data, cursor } = this.#plot;
    this.#series.forEach(({ value, show }, at) => {
      const known = data[at + 1];
      put(value, show((cursor.idx == null ? known.findLast((number) => number !== null) : known[cursor.idx]) ?? null));
    });
  }

  #summary(times, columns) {
    if (times.length === 0) return `${this.#title}: nothing yet`;
    const parts = this.#series.map(({ label, show }, at) => {
      const known = columns[at].filter((number) => number !== null);
      if (known.length === 0) return `${label} not known`;
      const [least, most] = [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))];
      return `${label} now ${show(known.at(-1))}, between ${show(least)} and ${show(most)}`;
    });
    return `${this.#title}, over ${seconds(times.at(-1) - times[0])}: ${parts.join("; ")}`;
  }

  #options(points) {
    const colour = (name) => () => getComputedStyle(this.#host).getPropertyValue(name);
    const grid = { stroke: colour("--grid"), width: 1 };
    const font = "11px system-ui, sans-serif";
    const axis = { stroke: colour("--muted"), font, grid, ticks: { show: false }, gap: 4 };
    const { show, steps } = this.#series[0];
    return {
      width: Math.max(this.#host.clientWidth, 100),
      height: Math.max(this.#host.clientHeight, 60),
      padding: [8, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false, x: false, y: false }, sync: points ? undefined : { key: together.key } },
      hooks: { setCursor: [() => this.#plot && this.#values()] },
      scales: {
        x: { range: ({ data: [times] }) => span(times, points) },
        y: { range: (_, least, most) => [Math.min(least ?? 0, 0), Math.max(most * 1.1, points ? 0 : LEAST.value) || 1] },
      },
      axes: [
        { ...axis, size: 26, gap: 8, space: 64, values: (_, marks, __, ___, apart) => marks.map((time) => mark(time, apart)) },
        { ...axis, size: room, space: 26, values: (_, marks) => marks.map(show), ...(steps && { incrs: steps }) },
      ],
      series: [{}, ...this.#series.map((_, at) => ({
        stroke: colour(`--series-${at + 1}`),
        fill: this.#series.length === 1 ? colour("--fill") : undefined,
        width: 1.5,
        points: { show: points, size: 5 },
      }))],
    };
  }
}
