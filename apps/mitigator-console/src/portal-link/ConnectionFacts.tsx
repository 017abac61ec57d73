import {
  bytesText,
  countText,
  durationText,
  type Fact,
  FactsStrip,
  longDateText,
  TimeAbsolute,
  TimeAgo,
  TimeBoth,
  ToneShape,
  useClock,
} from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import type { StateRow } from "@tms/records";
import type { ReactNode } from "react";
import { useWords } from "../words.ts";
import { frequencyText } from "./FrequencyField.tsx";

export function useLinkState(connection: PortalConnection): StateRow {
  const words = useWords();
  switch (connection.state) {
    case "connected":
      return connection.lastHeartbeatAt === null
        ? { text: words("portal.state.registered"), tone: "move" }
        : { text: words("portal.state.online"), tone: "ok" };
    case "not-answering":
      return { text: words("link.not-answering"), tone: "fail" };
    case "refused":
      return { text: words("link.refused"), tone: "fail" };
    case "sending-disabled":
      return { text: words("link.sending-disabled"), tone: "still", still: "paused" };
    case "not-registered":
      return { text: words("link.not-registered"), tone: "still", still: "away" };
  }
}

export function ConnectionFacts(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { zone, now } = useClock();
  const { registration, lastHeartbeatAt, lastLogsAt, spool, settings, schedule } = props.connection;
  if (registration === null) {
    return (
      <div className="tms-line-note">
        <ToneShape tone="still" still="away" />
        <span>{words("portal.howToRegister")}</span>
      </div>
    );
  }
  const facts: Fact[] = [
    {
      label: words("fact.registeredAs"),
      value: `${registration.customer.name ?? settings?.userName ?? registration.customer.id} / ${settings?.name ?? ""}`,
      small: words("fact.sinceDate", { date: longDateText(new Date(registration.registeredAt), zone) }),
    },
    lastHeartbeatAt === null
      ? { label: words("fact.heartbeat"), value: words("fact.notYet"), small: words("fact.heartbeatSoon") }
      : {
          label: words("fact.heartbeat"),
          value: <TimeAgo at={lastHeartbeatAt} />,
          small: words.rich("fact.portalClock", { time: <TimeAbsolute at={lastHeartbeatAt} /> }),
        },
    lastLogsAt === null
      ? { label: words("fact.logs"), value: words("fact.notYet"), small: words("fact.logsSoon") }
      : { label: words("fact.logs"), value: <TimeAbsolute at={lastLogsAt} />, small: <TimeAgo at={lastLogsAt} /> },
    {
      label: words("fact.spool"),
      value: words("fact.records", { count: spool.records, shown: countText(spool.records) }),
      small:
        spool.oldestAt === null
          ? words("fact.spoolEmpty", { size: bytesText(spool.bytes) })
          : words.rich("fact.spoolOldest", { time: <TimeBoth at={spool.oldestAt} />, size: bytesText(spool.bytes) }),
    },
    ...(schedule === null ? [] : [nextLogsFact(words, schedule, now)]),
    {
      label: words("fact.certificate"),
      value: longDateText(new Date(registration.certificateNotAfter), zone),
      small: words(registration.pinned ? "fact.pinned" : "fact.notPinned"),
    },
  ];
  return <FactsStrip facts={facts} />;
}

function nextLogsFact(
  words: ReturnType<typeof useWords>,
  schedule: NonNullable<PortalConnection["schedule"]>,
  now: Date,
): Fact {
  const label = words("fact.nextLogs");
  if (schedule.nextAt === null) return { label, value: words("fact.atOnce"), small: words("frequency.immediately") };
  const leftMs = Math.max(0, new Date(schedule.nextAt).getTime() - now.getTime());
  return {
    label,
    value: words("fact.in", { time: durationText(leftMs) }),
    small: words.rich("fact.atEvery", {
      time: <TimeAbsolute at={schedule.nextAt} />,
      frequency: frequencyText(words, schedule.everyMinutes),
    }),
  };
}

/** What failed last, while it is still so: what happened, and the cure. */
export function LastErrorLine(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { lastError, state } = props.connection;
  if (lastError === null || (state !== "not-answering" && state !== "refused")) return null;
  return (
    <div className="tms-line-note" role="status">
      <ToneShape tone="fail" />
      <span>
        <strong>{lastError.text}</strong> {lastError.cure}
        <span className="tms-cell-second">
          {words.rich("fact.errorAt", { time: <TimeBoth at={lastError.at} /> })}{" "}
          <span className="tms-mono">{lastError.code}</span>
        </span>
      </span>
    </div>
  );
}
