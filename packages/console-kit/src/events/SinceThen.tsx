import type { EventRow } from "@tms/contracts";
import type { ReactNode } from "react";
import { StateBlock } from "../state/StateBadge.tsx";
import { useKitWords } from "../words/kit-words.ts";
import { statusRow } from "./event-columns.tsx";

/** The last word about an event's threat: an old failure alone would let a reader act twice. */
export function lastOf(event: EventRow, story: readonly EventRow[]): EventRow {
  return story.at(-1) ?? event;
}

export function SinceThen(props: { event: EventRow; story: readonly EventRow[] }): ReactNode {
  const words = useKitWords();
  const last = lastOf(props.event, props.story);
  if (last.status === props.event.status) return null;
  const row = statusRow(last);
  const status = row.text.charAt(0).toLowerCase() + row.text.slice(1);
  return <StateBlock state={{ ...row, text: words("event.now", { status }) }} />;
}
