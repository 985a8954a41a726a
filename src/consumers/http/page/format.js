// How numbers and times are written.

const NONE = "–";
/** Units of time with their seconds, and the next smaller ones. */
const LARGE = [["d", 86_400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const known = (show) => (value) => (Number.isFinite(value) ? show(value) : NONE);

export const count = known((number) => (Math.abs(number) < 100_000 ? whole : short).format(number));
export const rate = known((number) => (Math.abs(number) < 10 ? digits.format(number) : count(number)));
export const exact = known((number) => (Math.abs(number) < 1 ? digits.format(number) : number.toLocaleString("en")));
export const percent = known((number) => `${rate(number)} %`);
export const millis = known((time) => (time < 1000 ? `${whole.format(time)} ms` : seconds(time / 1000)));

export const bytes = known((size) => {
  const power = Math.min(4, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  return `${digits.format(size / 1000 ** power)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
});

export const seconds = known((time) => {
  if (time < 60) return `${time < 10 ? digits.format(time) : whole.format(time)} s`;
  const [unit, size, next, of] = LARGE.find(([, size]) => time >= size);
  const rest = Math.floor((time % size) / of);
  return `${Math.floor(time / size)} ${unit}${rest > 0 ? ` ${rest} ${next}` : ""}`;
});

const formats = [["time", { timeStyle: "medium" }], ["minute", { timeStyle: "short" }], ["day", { dateStyle: "short" }]];
const written = Object.fromEntries(formats.map(([name, format]) => [name, new Intl.DateTimeFormat("sv", format)]));

/** A time on an axis whose marks are so many seconds apart. */
export function mark(time, apart) {
  return written[apart < 60 ? "time" : apart < 86_400 ? "minute" : "day"].format(time * 1000);
}

/** A time: of today without its day. */
export function when(text) {
  const time = new Date(text);
  const day = written.day.format(time);
  return `${day === written.day.format(new Date()) ? "" : `${day} `}${written.time.format(time)}`;
}

export const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
