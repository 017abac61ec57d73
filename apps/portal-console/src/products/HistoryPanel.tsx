import { dateText, Panel, ProblemLine, useClock } from "@tms/console-kit";
import type { ProductHistory, ProductView } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { type BandPart, DayAxis, HistoryBand, SpoolCurve } from "./HistoryBands.tsx";
import { HistoryIncidents } from "./HistoryIncidents.tsx";

/** What the product was over the last days: two bands and a curve, and the same told as sentences below. */
export function HistoryPanel(props: { product: ProductView }): ReactNode {
  const words = useWords();
  const { now, zone } = useClock();
  const history = api.useRead("productHistory", { params: { id: props.product.id }, query: {} });
  const since =
    history.data === undefined
      ? words("product.judged")
      : words("history.since", { date: dateText(new Date(history.data.from), now, zone) });
  return (
    <Panel title={words("state")} note={since} right={<Legend />} padded={false}>
      {history.data === undefined ? (
        <div className="tms-panel-body">
          <ProblemLine error={history.error} />
        </div>
      ) : (
        <>
          <Bands history={history.data} />
          <HistoryIncidents history={history.data} />
        </>
      )}
    </Panel>
  );
}

const HEARTBEAT_LOOK = {
  online: { tone: "ok", height: "full" },
  late: { tone: "wait", height: "half" },
  offline: { tone: "fail", height: "quarter" },
  "portal-away": { tone: "gap", height: "full" },
  "sending-disabled": { tone: "still", height: "line" },
  "not-known": { tone: "gap", height: "full" },
} as const;

const READY_LOOK = {
  ready: { tone: "ok", height: "full" },
  "not-ready": { tone: "wait", height: "half" },
  "not-known": { tone: "gap", height: "full" },
} as const;

function Bands(props: { history: ProductHistory }): ReactNode {
  const words = useWords();
  const { history } = props;
  const span = { from: new Date(history.from).getTime(), to: new Date(history.to).getTime() };
  const heartbeat: BandPart[] = history.heartbeat.map((period) => ({
    ...HEARTBEAT_LOOK[period.state],
    ...inMs(period),
    text: words(`history.state.${period.state}`),
  }));
  const ready: BandPart[] = history.ready.map((period) => ({
    ...READY_LOOK[period.state],
    ...inMs(period),
    text: words(`history.state.${period.state}`),
  }));
  return (
    <div className="tms-bands">
      <HistoryBand name={words("history.heartbeat")} parts={heartbeat} span={span} />
      <HistoryBand name={words("history.ready")} parts={ready} span={span} />
      <SpoolCurve points={history.spool} span={span} />
      <DayAxis span={span} />
    </div>
  );
}

function inMs(period: { from: string; to: string }) {
  return { from: new Date(period.from).getTime(), to: new Date(period.to).getTime() };
}

const LEGEND = [
  { key: "history.legend.ok", tone: "ok", height: "full" },
  { key: "history.legend.wait", tone: "wait", height: "half" },
  { key: "history.legend.fail", tone: "fail", height: "quarter" },
  { key: "history.legend.still", tone: "still", height: "line" },
  { key: "history.legend.gap", tone: "gap", height: "full" },
] as const;

function Legend(): ReactNode {
  const words = useWords();
  return (
    <ul className="tms-band-legend">
      {LEGEND.map((one) => (
        <li key={one.key}>
          <span className="tms-band-swatch" aria-hidden="true">
            <span className="tms-band-part" data-tone={one.tone} data-height={one.height} />
          </span>
          {words(one.key)}
        </li>
      ))}
    </ul>
  );
}
