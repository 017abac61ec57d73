import type { ReactNode } from "react";
import { useClock } from "./clock-context.tsx";
import { absoluteText, agoText, dateText, durationText, timeLines, utcText } from "./format-time.ts";

interface TimeProps {
  at: string;
  /** What stands instead when there is no time: a reason, never a dash. */
}

/** Two lines for a table cell: relative over absolute, the other way round after 24 h. */
export function TimeCell(props: TimeProps): ReactNode {
  const { now, zone } = useClock();
  const at = new Date(props.at);
  const { first, second } = timeLines(at, now, zone);
  return (
    <time dateTime={props.at} title={utcText(at)} className="tms-tabular">
      {first}
      <span className="tms-cell-second">{second}</span>
    </time>
  );
}

/** The absolute form alone, where the relative one stands beside it. */
export function TimeAbsolute(props: TimeProps): ReactNode {
  const { now, zone } = useClock();
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={utcText(at)} className="tms-tabular">
      {absoluteText(at, now, zone)}
    </time>
  );
}

/** `11 s ago`. */
export function TimeAgo(props: TimeProps): ReactNode {
  const { now } = useClock();
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={utcText(at)} className="tms-tabular">
      {agoText(now.getTime() - at.getTime())}
    </time>
  );
}

/** Absolute and how long ago, in one line: `08:58:12, 48 min`. */
export function TimeBoth(props: TimeProps): ReactNode {
  const { now, zone } = useClock();
  const at = new Date(props.at);
  const age = now.getTime() - at.getTime();
  return (
    <time dateTime={props.at} title={utcText(at)} className="tms-tabular">
      {absoluteText(at, now, zone)}, {age < 0 ? `in ${durationText(age)}` : agoText(age).replace(" ago", "")}
    </time>
  );
}

export function DateOnly(props: TimeProps): ReactNode {
  const { now, zone } = useClock();
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={utcText(at)}>
      {dateText(at, now, zone)}
    </time>
  );
}
