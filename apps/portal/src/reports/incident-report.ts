import { MITIGATION_STATUS_TABLE, type MitigationStatus } from "@tms/records";
import { type ChainRow, type ChainSource, chainRows } from "./chain-rows.ts";
import { zonedTime, zoneName } from "./report-time.ts";
import { visibleDeep } from "./visible-text.ts";

/** What an incident report is made of: the page's own answer, whatever made it. */
export interface ReportSource {
  shortId: string;
  customer: { name: string };
  title: string;
  severity: string;
  endpoints: readonly { id: string; host: string }[];
  firstEventAt: string;
  lastEventAt: string;
  summary: string;
  malicious: readonly { text: string; evidence: readonly string[] }[];
  done: readonly { text: string; at: string; evidence: readonly string[] }[];
  recommended: readonly { text: string; why: string }[];
  chains: readonly ChainSource[];
  story: readonly {
    shortId: string;
    occurredAt: string;
    kind: string;
    status: MitigationStatus;
    host: string;
    detail?: string | null;
  }[];
  dataComplete: { complete: boolean; text: string };
}

/** One report, ready to be set: every text is safe to show. */
export interface Report {
  title: string;
  subtitle: string;
  customer: string;
  madeAt: string;
  zone: string;
  summary: string;
  facts: { name: string; value: string }[];
  /** Each claim with the number under which its evidence stands. */
  malicious: { text: string; number: string }[];
  chains: { reason: string; rows: ChainRow[] }[];
  done: { at: string; text: string; number: string }[];
  recommended: { text: string; why: string }[];
  story: { id: string; at: string; kind: string; status: string }[];
  dataComplete: { complete: boolean; text: string };
  evidence: { number: string; lines: string[] }[];
}

export function reportOf(source: ReportSource, made: { at: Date; zone: string }): Report {
  const time = (text: string) => zonedTime(text, made.zone);
  const evidence: Report["evidence"] = [];
  const numbered = (lines: readonly string[]) => {
    if (lines.length === 0) return "";
    const number = String(evidence.length + 1);
    const events = lines.filter((line) => EVENT_ID.test(line));
    const rest = lines.filter((line) => !EVENT_ID.test(line));
    evidence.push({ number, lines: events.length === 0 ? rest : [`Events: ${events.join(", ")}`, ...rest] });
    return number;
  };
  const report: Report = {
    title: `Incident ${source.shortId}`,
    subtitle: source.title,
    customer: source.customer.name,
    madeAt: time(made.at.toISOString()),
    zone: zoneName(made.at, made.zone),
    summary: source.summary,
    facts: [
      { name: "Customer", value: source.customer.name },
      { name: "Severity", value: source.severity.charAt(0).toUpperCase() + source.severity.slice(1) },
      { name: source.endpoints.length === 1 ? "Endpoint" : "Endpoints", value: hostsOf(source) },
      { name: "First seen", value: time(source.firstEventAt) },
      { name: "Last change", value: time(source.lastEventAt) },
    ],
    malicious: source.malicious.map((one) => ({ text: one.text, number: numbered(one.evidence) })),
    chains: source.chains.map((chain) => ({ reason: chain.rootCauseReason, rows: chainRows(chain, time) })),
    done: source.done.map((one) => ({ at: time(one.at), text: one.text, number: numbered(one.evidence) })),
    recommended: source.recommended.map((one) => ({ ...one })),
    story: source.story.map((event) => ({
      id: event.shortId,
      at: time(event.occurredAt),
      kind: EVENT_TEXT[event.kind] ?? event.kind,
      status: statusText(event),
    })),
    dataComplete: { ...source.dataComplete },
    evidence,
  };
  return visibleDeep(report);
}

const EVENT_ID = /^E-[0-9]+$/;

const EVENT_TEXT: Record<string, string> = {
  detection: "Detection",
  assessment: "Assessment",
  forensics: "Forensic package",
  deployment: "Pattern deployment",
  cleanup: "Cleanup",
  rollback: "Undo of the cleanup",
};

function hostsOf(source: ReportSource): string {
  return source.endpoints.map(({ host }) => host).join(", ");
}

function statusText(event: ReportSource["story"][number]): string {
  const status = MITIGATION_STATUS_TABLE[event.status].text;
  const detail = event.detail ?? "";
  return detail === "" ? status : `${status}. ${detail}`;
}
