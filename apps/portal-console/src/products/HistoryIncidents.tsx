import { Button } from "@mantine/core";
import { bytesText, durationText, ForeignText, ToneShape } from "@tms/console-kit";
import type { ProductHistory } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { useWords } from "../words.ts";
import { SpanText } from "./SpanText.tsx";

type Incident = ProductHistory["incidents"][number];

const TONES = {
  offline: "fail",
  late: "wait",
  "portal-away": "gap",
  "not-ready": "wait",
  "sending-disabled": "still",
} as const;

/** So many stand under the bands; more are one press away. */
const SHOWN = 5;

/** The incidents as sentences: what the bands show, in words. */
export function HistoryIncidents(props: { history: ProductHistory }): ReactNode {
  const words = useWords();
  const [all, setAll] = useState(false);
  const { incidents } = props.history;
  const hidden = all ? 0 : Math.max(0, incidents.length - SHOWN);
  if (incidents.length === 0) return <p className="tms-band-quiet">{words("history.quiet")}</p>;
  return (
    <>
      <ul className="tms-list tms-incidents">
        {incidents.slice(hidden).map((incident) => (
          <li key={`${incident.kind}/${incident.from}`}>
            <ToneShape tone={TONES[incident.kind]} still="paused" />
            <span>
              <SpanText from={incident.from} to={incident.to} />
              <span>
                <Story incident={incident} end={incident.to ?? props.history.to} />
              </span>
            </span>
          </li>
        ))}
      </ul>
      {hidden === 0 ? null : (
        <p className="tms-band-quiet">
          <Button variant="default" size="compact-sm" onClick={() => setAll(true)}>
            {words("history.more", { count: hidden })}
          </Button>
        </p>
      )}
    </>
  );
}

function Story(props: { incident: Incident; end: string }): ReactNode {
  const words = useWords();
  const { incident } = props;
  const duration = durationText(new Date(props.end).getTime() - new Date(incident.from).getTime());
  switch (incident.kind) {
    case "portal-away":
      return (
        <>
          {words("history.portalAway")} <Waited bytes={incident.spooledBytes} />
        </>
      );
    case "not-ready":
      return words.rich("history.notReady", { reasons: <Reasons incident={incident} /> });
    case "sending-disabled":
      return words("history.disabled", { duration });
    case "late":
    case "offline":
      return (
        <>
          {words("history.silent", { duration })} <LastKnown incident={incident} />{" "}
          {incident.cameBackAs === null ? words("history.stillSilent") : words(`history.back.${incident.cameBackAs}`)}{" "}
          <Waited bytes={incident.spooledBytes} />
        </>
      );
  }
}

/** Why it fell silent can only be told from what it said last. */
function LastKnown(props: { incident: Incident }): ReactNode {
  const words = useWords();
  const { lastKnown } = props.incident;
  if (lastKnown === null) return null;
  const said = {
    version: <ForeignText text={lastKnown.version} />,
    address: <ForeignText text={lastKnown.address} mono />,
  };
  if (lastKnown.ready.ok) return words.rich("history.knownReady", said);
  return words.rich("history.knownNotReady", { ...said, reasons: <Reasons incident={props.incident} /> });
}

function Reasons(props: { incident: Incident }): ReactNode {
  const words = useWords();
  const reasons = props.incident.lastKnown?.ready.reasons ?? [];
  if (reasons.length === 0) return words("history.noReason");
  return <ForeignText text={reasons.map((reason) => reason.text).join("; ")} />;
}

function Waited(props: { bytes: number | null }): ReactNode {
  const words = useWords();
  if (props.bytes === null || props.bytes === 0) return null;
  return words("history.waited", { bytes: bytesText(props.bytes) });
}
