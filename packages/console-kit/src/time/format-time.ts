// Times as people read them (design, section 8): relative and absolute, always both, in 24 h.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

interface Parts {
  weekday: string;
  day: string;
  month: string;
  year: string;
  hour: string;
  minute: string;
  second: string;
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function partsOf(at: Date, zone: string): Parts {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    formatters.set(zone, formatter);
  }
  const found: Record<string, string> = {};
  for (const { type, value } of formatter.formatToParts(at)) found[type] = value;
  return {
    weekday: found.weekday ?? "",
    day: found.day ?? "",
    month: (found.month ?? "").slice(0, 3),
    year: found.year ?? "",
    hour: found.hour ?? "",
    minute: found.minute ?? "",
    second: found.second ?? "",
  };
}

export function clockText(at: Date, zone: string): string {
  const p = partsOf(at, zone);
  return `${p.hour}:${p.minute}:${p.second}`;
}

export function isSameDay(a: Date, b: Date, zone: string): boolean {
  const left = partsOf(a, zone);
  const right = partsOf(b, zone);
  return left.day === right.day && left.month === right.month && left.year === right.year;
}

/** Today `09:46:21`, this year `Mon 23 Nov, 16:20`, else `3 Mar 2026`. */
export function absoluteText(at: Date, now: Date, zone: string): string {
  const p = partsOf(at, zone);
  if (isSameDay(at, now, zone)) return `${p.hour}:${p.minute}:${p.second}`;
  if (p.year === partsOf(now, zone).year) return `${p.weekday} ${p.day} ${p.month}, ${p.hour}:${p.minute}`;
  return `${p.day} ${p.month} ${p.year}`;
}

/** A date without its time, with the year when it is not this one: `Mon 23 Nov` or `3 Mar 2026`. */
export function dateText(at: Date, now: Date, zone: string): string {
  const p = partsOf(at, zone);
  if (p.year !== partsOf(now, zone).year) return `${p.day} ${p.month} ${p.year}`;
  return `${p.weekday} ${p.day} ${p.month}`;
}

/** `3 Mar 2026`, for dates that say how long something has been so. */
export function longDateText(at: Date, zone: string): string {
  const p = partsOf(at, zone);
  return `${p.day} ${p.month} ${p.year}`;
}

/** `Tue 24 Nov 2026`. */
export function fullDateText(at: Date, zone: string): string {
  const p = partsOf(at, zone);
  return `${p.weekday} ${p.day} ${p.month} ${p.year}`;
}

/** `11 s`, `3 min`, `3 h 8 min`, `4 days`; never a fraction. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < MINUTE) return `${Math.floor(size / 1000)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  if (size < DAY) {
    const minutes = Math.floor((size % HOUR) / MINUTE);
    return minutes === 0 ? `${Math.floor(size / HOUR)} h` : `${Math.floor(size / HOUR)} h ${minutes} min`;
  }
  const days = Math.floor(size / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

/** The coarse form for "… ago": one unit. */
export function agoText(ms: number): string {
  if (ms < 1000) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${durationText(ms)} ago`;
}

/** The two lines of a time cell; older than 24 h puts the absolute first. */
export function timeLines(at: Date, now: Date, zone: string): { first: string; second: string } {
  const age = now.getTime() - at.getTime();
  if (age < 0) return { first: `in ${durationText(age)}`, second: absoluteText(at, now, zone) };
  const p = partsOf(at, zone);
  const clock = `${p.hour}:${p.minute}:${p.second}`;
  if (age < DAY) {
    return { first: agoText(age), second: isSameDay(at, now, zone) ? clock : `${p.weekday} ${clock}` };
  }
  return { first: dateText(at, now, zone), second: p.year === partsOf(now, zone).year ? clock : agoText(age) };
}

/** UTC with milliseconds, for tooltips and exports. */
export function utcText(at: Date): string {
  return `${at.toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** `UTC+1`, `UTC-3:30`, `UTC`. */
export function offsetText(at: Date, zone: string): string {
  const name = new Intl.DateTimeFormat("en-GB", { timeZone: zone, timeZoneName: "shortOffset" })
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName")?.value;
  return (name ?? "UTC").replace("GMT", "UTC").replace(/^UTC\+0$/, "UTC");
}
