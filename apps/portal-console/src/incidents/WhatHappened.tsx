import { ForeignText, Panel } from "@tms/console-kit";
import type { IncidentDetail } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** Plain words; each number opens the record behind its claim. */
export function WhatHappened(props: { incident: IncidentDetail }): ReactNode {
  const words = useWords();
  const { incident } = props;
  const numbers = new Map(
    [...new Set(incident.malicious.flatMap((claim) => claim.evidence))].map((id, index) => [id, index + 1]),
  );
  return (
    <Panel title={words("incident.what")} right={<span className="tms-small">{words("incident.whatNote")}</span>}>
      <div className="tms-prose">
        <p>
          <strong>
            <ForeignText text={incident.summary} />
          </strong>
        </p>
        <p style={{ marginTop: 8 }}>
          {incident.malicious.map((claim) => (
            <span key={claim.text}>
              <ForeignText text={claim.text} />{" "}
              {claim.evidence.map((id) => (
                <Evidence key={id} incident={incident} id={id} number={numbers.get(id) ?? 0} />
              ))}{" "}
            </span>
          ))}
        </p>
      </div>
    </Panel>
  );
}

function Evidence(props: { incident: IncidentDetail; id: string; number: number }): ReactNode {
  const words = useWords();
  const event = props.incident.story.find((told) => told.id === props.id || told.shortId === props.id);
  if (event === undefined) {
    return (
      <span className="tms-evidence" title={props.id}>
        <span className="tms-hidden">{words("incident.record", { id: props.id })}</span>
        <span aria-hidden="true">{props.number}</span>
      </span>
    );
  }
  return (
    <a
      className="tms-evidence"
      href={paths.event(props.incident.customer.id, event.id)}
      aria-label={words("incident.evidence", { number: props.number, id: event.shortId })}
    >
      {props.number}
    </a>
  );
}
