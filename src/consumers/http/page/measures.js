// The numbers of a consumer: what each is called, where it stands in the status document, and how it is written.
// The list, the figures and the charts are all made from these.

import { bytes, count, millis, percent, rate } from "./format.js";

/** Between marks of an axis of milliseconds: whole seconds, minutes, hours and days. */
const TIMES = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 216e5, 432e5, 864e5,
  1728e5, 864e6, 864e7,
];

export const MEASURES = {
  input: { label: "Input rate", unit: "/s", of: (metrics) => metrics.input_rows_per_second, show: rate },
  processed: {
    label: "Processing rate", unit: "/s", of: (metrics) => metrics.processed_rows_per_second, show: rate,
    about: "Records per second of work",
  },
  batch: { label: "Batch time", of: (metrics) => metrics.batch_duration_ms, show: millis, steps: TIMES },
  delay: {
    label: "Watermark delay", brief: "Delay", show: millis, steps: TIMES, about: "How far the watermark is behind now",
    of: (metrics, at) => metrics.watermark && Math.max(0, at - Date.parse(metrics.watermark)),
  },
  lag: { label: "Lag", of: (metrics) => metrics.lag, show: count, about: "Records that are there and were not read" },
  state: { label: "State rows", of: (metrics) => metrics.state_rows, show: count },
  memory: { label: "Memory", of: (metrics) => metrics.memory_bytes, show: bytes, about: "What the state takes" },
  late: { label: "Late records", of: (metrics) => metrics.late_rows, show: count },
  dead: { label: "Dead letters", of: (metrics) => metrics.dead_letters, show: count },
  cpu: { label: "Processor", of: (metrics) => metrics.cpu_percent, show: percent },
};

/** All numbers of a consumer by name, null where one is not known. */
export function measure(metrics, at) {
  const values = Object.entries(MEASURES).map(([name, { of }]) => [name, of(metrics, at) ?? null]);
  return Object.fromEntries(values);
}

/** A number as it is written, with its unit. */
export function shown(name, value) {
  const { show, unit } = MEASURES[name];
  return unit && value !== null ? show(value) + unit : show(value);
}

/** The numbers of all consumers together. */
export function sum(all) {
  const total = (name) => all.reduce((total, values) => (values[name] === null ? total : (total ?? 0) + values[name]), null);
  return Object.fromEntries(["input", "lag", "late", "dead", "memory"].map((name) => [name, total(name)]));
}
