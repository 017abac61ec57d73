import { type ChainNode, MITIGATION_STATUS_TABLE, type MitigationStatus } from "@tms/records";
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
  chains: readonly {
    nodes: readonly ChainNode[];
    edges: readonly { from: string; to: string; kind: string; at?: string | undefined; quality: string }[];
    rootCause: string | null;
    rootCauseReason: string;
    path: readonly string[];
  }[];
  story: readonly { shortId: string; occurredAt: string; kind: string; status: MitigationStatus; host: string }[];
  dataComplete: { complete: boolean; text: string };
}

/** One report, ready to be set: every text is safe to show. */
export interface Report {
  title: string;
  subtitle: string;
  madeAt: string;
  zone: string;
  summary: string;
  facts: { name: string; value: string }[];
  malicious: { text: string; evidence: string[] }[];
  chains: { reason: string; rows: ChainRow[] }[];
  done: { at: string; text: string; evidence: string[] }[];
  recommended: { text: string; why: string }[];
  story: { id: string; at: string; kind: string; status: string }[];
  dataComplete: string;
}

export interface ChainRow {
  at: string;
  text: string;
  detail: string;
  mark: string;
}

export function reportOf(source: ReportSource, made: { at: Date; zone: string }): Report {
  const time = (text: string) => zoned(text, made.zone);
  const report: Report = {
    title: `Incident ${source.shortId}`,
    subtitle: source.title,
    madeAt: time(made.at.toISOString()),
    zone: made.zone,
    summary: source.summary,
    facts: [
      { name: "Customer", value: source.customer.name },
      { name: "Severity", value: source.severity },
      { name: "Endpoints", value: source.endpoints.map((one) => `${one.host} (${one.id})`).join(", ") },
      { name: "First event", value: time(source.firstEventAt) },
      { name: "Last event", value: time(source.lastEventAt) },
    ],
    malicious: source.malicious.map((one) => ({ text: one.text, evidence: [...one.evidence] })),
    chains: source.chains.map((chain) => ({ reason: chain.rootCauseReason, rows: chainRows(chain, time) })),
    done: source.done.map((one) => ({ at: time(one.at), text: one.text, evidence: [...one.evidence] })),
    recommended: source.recommended.map((one) => ({ ...one })),
    story: source.story.map((event) => ({
      id: event.shortId,
      at: time(event.occurredAt),
      kind: event.kind,
      status: MITIGATION_STATUS_TABLE[event.status].text,
    })),
    dataComplete: source.dataComplete.text,
  };
  return visibleDeep(report);
}

/** The chain as a table, first cause first, each step with the edge that led to it. */
function chainRows(chain: ReportSource["chains"][number], time: (text: string) => string): ChainRow[] {
  const place = new Map(chain.path.map((id, index) => [id, index]));
  const ordered = [...chain.nodes].sort((one, other) => {
    const [a, b] = [place.get(one.id) ?? Number.MAX_SAFE_INTEGER, place.get(other.id) ?? Number.MAX_SAFE_INTEGER];
    return a - b;
  });
  return ordered.map((node) => {
    const incoming = chain.edges.filter((edge) => edge.to === node.id);
    const names = incoming.map((edge) => {
      const from = chain.nodes.find((one) => one.id === edge.from);
      return `${EDGE_TEXT[edge.kind] ?? edge.kind} ${from === undefined ? "?" : shortName(from)}${edge.quality === "inferred" ? " (inferred)" : ""}`;
    });
    const at = node.startedAt ?? incoming.find((edge) => edge.at !== undefined)?.at;
    return {
      at: at === undefined ? "" : time(at),
      text: `${node.kind} ${shortName(node)}`,
      detail: [...names, ...(node.commandLine === undefined ? [] : [node.commandLine]), node.reason ?? ""]
        .filter((part) => part !== "")
        .join(" · "),
      mark: node.id === chain.rootCause ? "first cause" : node.detected === true ? "detected" : "",
    };
  });
}

/** How a node came out of the one before it; edges run from cause to effect. */
const EDGE_TEXT: Record<string, string> = {
  started: "started by",
  wrote: "written by",
  read: "had read",
  connected: "connected by",
  persisted: "line written by",
  executed: "executed from",
};

function shortName(node: ChainNode): string {
  const name = node.image ?? node.path ?? node.remote ?? node.line ?? node.kind;
  return node.pid === undefined ? name : `${name} (${node.pid})`;
}

function zoned(text: string, zone: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const shown = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    dateStyle: "medium",
    timeStyle: "medium",
  }).format(at);
  return `${shown} ${zone}`;
}
