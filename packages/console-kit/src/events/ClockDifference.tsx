import type { ReactNode } from "react";
import { durationText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";

/** From this difference on it is shown, and from the second it is a warning (design, section 8). */
const SHOWN_FROM_MS = 5000;
const WARNS_FROM_MS = 60_000;

/** How far the endpoint's clock was from ours, when it matters. */
export function ClockDifference(props: { ms: number | null }): ReactNode {
  const words = useKitWords();
  const size = Math.abs(props.ms ?? 0);
  if (props.ms === null || size <= SHOWN_FROM_MS) return null;
  return (
    <span className="tms-cell-second" {...(size > WARNS_FROM_MS ? { style: { color: "var(--tms-wait-text)" } } : {})}>
      {words(props.ms < 0 ? "event.clockBehind" : "event.clockAhead", { difference: durationText(size) })}
    </span>
  );
}
