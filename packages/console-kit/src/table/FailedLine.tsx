import { ApiError } from "@tms/contracts";
import type { ReactNode } from "react";
import { POLL_MS } from "../api/create-hooks.ts";
import { ToneShape } from "../state/ToneShape.tsx";
import { useClock } from "../time/clock-context.tsx";
import { clockText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";

/** Old rows stay; this line says of when they are and what happens next. */
export function FailedLine(props: { error: Error | null; readAt: number | null; onTryNow(): void }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const { error } = props;
  if (error === null) return null;
  return (
    <div className="tms-failed" role="status">
      <ToneShape tone="fail" />
      <span>
        {props.readAt === null || props.readAt === 0
          ? ""
          : words("table.shownAsOf", { time: clockText(new Date(props.readAt), zone) })}{" "}
        {error instanceof ApiError
          ? `${error.message} ${error.cure}`
          : words("table.noAnswer", { seconds: POLL_MS / 1000 })}
      </span>
      <button type="button" className="tms-link" onClick={props.onTryNow}>
        {words("table.tryNow")}
      </button>
    </div>
  );
}
