// The last ten minutes of some numbers, in memory.

const KEPT = 600;

/** Rows of numbers by name, each at its time in seconds; the oldest are forgotten. */
export class Track {
  times = [];
  columns = {};

  /** Adds what is known at a time; nothing where that is not later than what is there. A clock that was set back begins anew. */
  add(time, values) {
    const last = this.times.at(-1) ?? 0;
    if (time < last - 60) [this.times, this.columns] = [[], {}];
    else if (time <= last) return;
    this.#insert(this.times.length, time, values);
    const old = this.times.findIndex((known) => known > time - KEPT);
    for (const column of [this.times, ...Object.values(this.columns)]) column.splice(0, old);
  }

  /** Notes that nothing is known from here on, so that no line is drawn across. */
  pause() {
    const last = this.times.at(-1);
    if (last) this.add(last + 0.001, {});
  }

  /** Adds what was before: rows of a time and its numbers, the oldest first. */
  before(rows) {
    const first = this.times[0] ?? Infinity;
    const from = (this.times.at(-1) ?? Date.now() / 1000) - KEPT;
    const fitting = rows.filter(([time]) => time > from && time < first);
    fitting.forEach(([time, values], at) => this.#insert(at, time, values));
  }

  /** The numbers of this name, one for each time. */
  of(name) {
    return this.columns[name] ?? this.times.map(() => null);
  }

  #insert(at, time, values) {
    for (const name of Object.keys(values)) this.columns[name] ??= this.times.map(() => null);
    for (const [name, column] of Object.entries(this.columns)) column.splice(at, 0, values[name] ?? null);
    this.times.splice(at, 0, time);
  }
}

/** The numbers of a batch's progress report, as far as it has them, with its time in seconds. */
export function ofBatch(report) {
  const at = Date.parse(report.timestamp) + report.durationMs.triggerExecution;
  const total = (list, name) => list.reduce((total, one) => total + one[name], 0);
  const watermark = report.eventTime.watermark;
  return [at / 1000, {
    input: report.inputRowsPerSecond,
    processed: report.processedRowsPerSecond,
    batch: report.durationMs.triggerExecution,
    delay: watermark ? Math.max(0, at - Date.parse(watermark)) : null,
    state: total(report.stateOperators, "numRowsTotal"),
    memory: total(report.stateOperators, "memoryUsedBytes"),
  }];
}
