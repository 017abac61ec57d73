import {
  bytesText,
  countText,
  Page,
  Pairs,
  Panel,
  ProblemLine,
  StateBlock,
  TimeBoth,
  ToneShape,
} from "@tms/console-kit";
import type { PortalConnection } from "@tms/contracts/mitigator";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { ConnectionFacts, LastErrorLine, useLinkState } from "./ConnectionFacts.tsx";
import { frequencyText } from "./FrequencyField.tsx";
import { ServiceTabs } from "./ServiceTabs.tsx";

const POLL_MS = 2000;

/** What the link is doing now: state, schedule, spool, and what went wrong with its cure. */
export function ConnectionScreen(): ReactNode {
  const words = useWords();
  const connection = api.useRead("getPortalConnection", {}, { pollMs: POLL_MS });
  const { data } = connection;
  return (
    <Page
      crumbs={[{ label: words("menu.services") }, { label: words("menu.portal") }]}
      title={words("menu.portal")}
      plainTitle={words("menu.portal")}
      badges={data === undefined ? undefined : <LinkBadge connection={data} />}
    >
      <ProblemLine error={connection.error} />
      {data === undefined ? null : (
        <>
          <ConnectionFacts connection={data} />
          <ServiceTabs current="connection" />
          <LastErrorLine connection={data} />
          <div className="tms-columns" data-keep-order="">
            <div>
              <StreamsPanel connection={data} />
              <ErrorsPanel connection={data} />
            </div>
            <div>
              <NowPanel connection={data} />
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

function LinkBadge(props: { connection: PortalConnection }): ReactNode {
  return <StateBlock state={useLinkState(props.connection)} announce />;
}

function NowPanel(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { settings, schedule, proxy, disabled, spool } = props.connection;
  if (settings === null) return null;
  const pairs: [string, ReactNode][] = [
    [words("connection.doing"), doing(words, props.connection)],
    [words("portal.frequency"), frequencyText(words, settings.frequencyMinutes)],
    [
      words("connection.lastRun"),
      schedule?.lastRun == null ? words("connection.noRun") : <LastRun key="last" run={schedule.lastRun} />,
    ],
    [
      words("connection.nextRun"),
      schedule?.nextAt == null ? words("connection.noNext") : <TimeBoth key="next" at={schedule.nextAt} />,
    ],
    [words("portal.proxy"), proxy === null ? words("portal.noProxy") : `${proxy.host}:${proxy.port}`],
    [words("portal.upload"), kbitsText(words, settings.uploadKbits)],
    [words("portal.download"), kbitsText(words, settings.downloadKbits)],
    [
      words("connection.spool"),
      words("connection.spoolFill", { size: bytesText(spool.bytes), of: bytesText(spool.maxBytes) }),
    ],
  ];
  if (disabled !== null)
    pairs.splice(1, 0, [words("connection.disabledSince"), <TimeBoth key="since" at={disabled.since} />]);
  return (
    <Panel title={words("connection.now")}>
      <Pairs pairs={pairs} />
    </Panel>
  );
}

function doing(words: ReturnType<typeof useWords>, connection: PortalConnection): string {
  if (connection.state !== "connected") return words(`link.${connection.state}`);
  const run = connection.schedule?.lastRun;
  if (run !== undefined && run !== null && run.endedAt === null) return words("connection.sending");
  return words(connection.spool.records === 0 ? "connection.nothingWaits" : "connection.waits");
}

function LastRun(props: { run: NonNullable<NonNullable<PortalConnection["schedule"]>["lastRun"]> }): ReactNode {
  const words = useWords();
  const { run } = props;
  const tone = run.ok ? (run.endedAt === null ? "move" : "ok") : "fail";
  return (
    <span>
      <ToneShape tone={tone} size={12} /> <TimeBoth at={run.startedAt} />
      {run.code === null ? null : (
        <>
          {" "}
          <span className="tms-mono">{run.code}</span>
        </>
      )}
      {run.endedAt === null ? ` ${words("connection.goesOn")}` : null}
    </span>
  );
}

function kbitsText(words: ReturnType<typeof useWords>, kbits: number | null): string {
  return kbits === null ? words("bandwidth.unlimited") : words("bandwidth.kbits", { count: kbits });
}

function StreamsPanel(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  return (
    <Panel title={words("connection.streams")}>
      <div className="tms-table-scroll">
        <table className="tms-table">
          <thead>
            <tr>
              <th scope="col">{words("connection.stream")}</th>
              <th scope="col" className="tms-number">
                {words("connection.records")}
              </th>
              <th scope="col" className="tms-number">
                {words("connection.size")}
              </th>
              <th scope="col">{words("connection.oldest")}</th>
              <th scope="col">{words("connection.acked")}</th>
            </tr>
          </thead>
          <tbody>
            {props.connection.streams.map((stream) => (
              <tr key={stream.stream}>
                <td className="tms-strong">{words(`stream.${stream.stream}`)}</td>
                <td className="tms-number">{countText(stream.records)}</td>
                <td className="tms-number">{bytesText(stream.bytes)}</td>
                <td>{stream.oldestAt === null ? words("connection.nothing") : <TimeBoth at={stream.oldestAt} />}</td>
                <td>{stream.ackedAt === null ? words("fact.notYet") : <TimeBoth at={stream.ackedAt} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function ErrorsPanel(props: { connection: PortalConnection }): ReactNode {
  const words = useWords();
  const { errors } = props.connection;
  return (
    <Panel title={words("connection.errors")}>
      {errors.length === 0 ? (
        <p className="tms-small">{words("connection.noErrors")}</p>
      ) : (
        <ol className="tms-stack" style={{ listStyle: "none", margin: 0, padding: 0 }}>
          {errors.map((error) => (
            <li key={`${error.code} ${error.firstAt}`}>
              <div className="tms-row">
                <TimeBoth at={error.at} />
                {error.times === 1 ? null : (
                  <span className="tms-small">
                    {words.rich("connection.times", { since: <TimeBoth at={error.firstAt} /> }, error.times)}
                  </span>
                )}
              </div>
              <strong>{error.text}</strong> {error.cure} <span className="tms-mono tms-small">{error.code}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
