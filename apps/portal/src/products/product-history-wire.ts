import type { ProductHistory } from "@tms/contracts/portal";
import type { ReadinessReason, Said } from "./read-products.ts";

interface Span {
  from: Date;
  to: Date;
}

/** What the heartbeats know of one product over time. */
export interface HistoryOfProduct extends Span {
  heartbeat: (Span & { state: ProductHistory["heartbeat"][number]["state"] })[];
  ready: (Span & { state: ProductHistory["ready"][number]["state"]; reasons: ReadinessReason[] })[];
  spool: { at: Date; bytes: number }[];
  incidents: {
    kind: ProductHistory["incidents"][number]["kind"];
    from: Date;
    to: Date | null;
    lastKnown: Said | null;
    cameBackAs: "same-start" | "other-start" | null;
  }[];
}

const MAX_INCIDENTS = 100;
/** What waited during a silence arrives soon after it; what is said of the spool then belongs to it. */
const AFTERWARDS_MS = 30 * 60_000;

export function historyView(history: HistoryOfProduct): ProductHistory {
  return {
    ...spanText(history),
    heartbeat: history.heartbeat.map((period) => ({ state: period.state, ...spanText(period) })),
    ready: history.ready.map(({ state, reasons, ...span }) => ({ state, reasons, ...spanText(span) })),
    spool: history.spool.map((point) => ({ at: point.at.toISOString(), bytes: point.bytes })),
    incidents: history.incidents.slice(-MAX_INCIDENTS).map((incident) => ({
      kind: incident.kind,
      from: incident.from.toISOString(),
      to: incident.to?.toISOString() ?? null,
      lastKnown: incident.lastKnown === null ? null : saidView(incident.lastKnown),
      cameBackAs: incident.cameBackAs,
      spooledBytes: fullest(history.spool, { from: incident.from, to: incident.to ?? history.to }),
    })),
  };
}

function saidView({ ready, version, host, address }: Said) {
  return { ready, version, host, address };
}

function fullest(points: HistoryOfProduct["spool"], { from, to }: Span): number | null {
  const end = to.getTime() + AFTERWARDS_MS;
  const inside = points.filter((point) => point.at >= from && point.at.getTime() <= end).map((point) => point.bytes);
  return inside.length === 0 ? null : Math.max(...inside);
}

function spanText({ from, to }: Span) {
  return { from: from.toISOString(), to: to.toISOString() };
}
