import { clockText, dateText, isSameDay, useClock } from "@tms/console-kit";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";

/** From when to when, to the second. */
export function SpanText(props: { from: string; to: string | null }): ReactNode {
  const words = useWords();
  const { now, zone } = useClock();
  const from = new Date(props.from);
  const begin = `${dateText(from, now, zone)} ${clockText(from, zone)}`;
  if (props.to === null) return <span className="tms-tabular">{words("history.open", { begin })}</span>;
  const to = new Date(props.to);
  const end = isSameDay(from, to, zone) ? clockText(to, zone) : `${dateText(to, now, zone)} ${clockText(to, zone)}`;
  return <span className="tms-tabular">{words("history.fromTo", { begin, end })}</span>;
}
