import type { Severity } from "@tms/records";
import { SEVERITIES } from "@tms/records";
import type { ReactNode } from "react";
import { useKitWords } from "../words/kit-words.ts";

/** Severity is ink bars and a word, never a colour: a colour would be taken for a state. */
export function SeverityBars(props: { severity: Severity }): ReactNode {
  const words = useKitWords();
  const level = SEVERITIES.indexOf(props.severity);
  return (
    <span className="tms-severity">
      <svg width="16" height="12" viewBox="0 0 16 12" aria-hidden="true">
        {[1, 2, 3, 4].map((bar) => (
          <rect
            key={bar}
            x={(bar - 1) * 4}
            y={12 - bar * 3}
            width="3"
            height={bar * 3}
            fill={bar <= level ? "var(--tms-ink)" : "var(--tms-line)"}
          />
        ))}
      </svg>
      {words(`severity.${props.severity}`)}
    </span>
  );
}
