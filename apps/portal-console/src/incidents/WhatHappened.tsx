import { ForeignText, Panel } from "@tms/console-kit";
import type { IncidentDetail } from "@tms/contracts/portal";
import { type ReactNode, useRef } from "react";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** Plain words first; each number opens what its claim rests on, in full. */
export function WhatHappened(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  const evidence = useRef<HTMLDetailsElement>(null);
  const open = (number: number) => {
    const box = evidence.current;
    if (box === null) return;
    box.open = true;
    box.querySelectorAll("li")[number - 1]?.focus();
  };
  return (
    <Panel title={words("incident.what")} right={<span className="tms-small">{words("incident.whatNote")}</span>}>
      <div className="tms-prose">
        <p>
          <strong>
            <ForeignText text={incident.summary} />
          </strong>
        </p>
        <p style={{ marginTop: 8 }}>
          {incident.malicious.map((claim, index) => (
            <span key={claim.text}>
              <ForeignText text={claim.text} />{" "}
              {claim.evidence.length === 0 ? null : (
                <button
                  type="button"
                  className="tms-evidence"
                  aria-label={words("incident.evidence", { number: index + 1 })}
                  onClick={() => open(index + 1)}
                >
                  {index + 1}
                </button>
              )}{" "}
            </span>
          ))}
        </p>
      </div>
      <details ref={evidence} className="tms-evidence-list">
        <summary>{words("incident.evidenceList")}</summary>
        <ol>
          {incident.malicious.map((claim) => (
            <li key={claim.text} tabIndex={-1}>
              {claim.evidence.map((line) => (
                <EvidenceLine key={line} incident={incident} line={line} />
              ))}
            </li>
          ))}
        </ol>
      </details>
    </Panel>
  );
}

function EvidenceLine(props: { incident: IncidentDetail; line: string }): ReactNode {
  const event = props.incident.story.find((told) => told.id === props.line || told.shortId === props.line);
  return (
    <span className="tms-evidence-line">
      {event === undefined ? (
        <ForeignText text={props.line} />
      ) : (
        <a className="tms-link" href={paths.event(props.incident.customer.id, event.id)}>
          {event.shortId}
        </a>
      )}
    </span>
  );
}
