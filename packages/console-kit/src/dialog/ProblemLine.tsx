import { ApiError } from "@tms/contracts";
import type { ReactNode } from "react";
import { ToneShape } from "../state/ToneShape.tsx";
import { useKitWords } from "../words/kit-words.ts";

/** What went wrong and the cure, as the server's table of errors says it. */
export function ProblemLine(props: { error: Error | null }): ReactNode {
  const words = useKitWords();
  const { error } = props;
  if (error === null) return null;
  return (
    <div role="alert" className="tms-problem">
      <ToneShape tone="fail" />
      <div>
        {error instanceof ApiError ? (
          <>
            <strong>{error.message}</strong> {error.cure}
            <span className="tms-cell-second tms-mono">
              {error.code}
              {error.requestId === "" ? "" : ` ${error.requestId}`}
            </span>
          </>
        ) : (
          <strong>{words("problem.noAnswer")}</strong>
        )}
      </div>
    </div>
  );
}
