// The numbers of a consumer: what each is called, where it stands in the status document, and how it is written.
// The list, the figures and the charts are all made from these.

import { bytes, count, millis, percent, rate } from "./format.js";

export const MEASURES = {
  input: { label: "Input rate", unit: "/s", of: (metrics) => metrics.input_rows_per_second, show: rate },
  processed: {
    label: "Processing rate", unit: "/s", of: (metrics) => metrics.processed_rows_per_second, show: rate,
    about: "Records per second of work",
  },
  batch: { label: "Batch time", of: (metrics) => metrics.batch_duration_ms, show: millis },
  delay: {
    label: "Watermark delay", brief: "Delay", show: millis, about: "How far the watermark is behind now",
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
