// What an incident says to people: malicious, done, recommended, each claim with its evidence.
// Pure: events and chains in, sentences out. Names and paths from endpoints are quoted, never interpreted.

import {
  type ChainNode,
  MITIGATION_STATUS_TABLE,
  type MitigationStatus,
  type RootCauseChain,
  type ThreatEventBody,
  type ThreatEventKind,
  type Verb,
} from "@tms/records";

export interface StoryEvent {
  shortId: string;
  kind: ThreatEventKind;
  status: MitigationStatus;
  occurredAt: string;
  body: ThreatEventBody;
}

export interface ToldIncident {
  summary: string;
  malicious: { text: string; evidence: string[] }[];
  done: { text: string; at: string; evidence: string[] }[];
  recommended: { text: string; why: string }[];
}

export function tellIncident(
  host: string,
  story: readonly StoryEvent[],
  chains: readonly RootCauseChain[],
): ToldIncident {
  const last = story.at(-1);
  const malicious = [...threatClaims(story), ...chains.flatMap(chainClaims)];
  return {
    summary: summaryOf(host, story),
    malicious,
    done: story.flatMap(deedsOf),
    recommended: last === undefined ? [] : recommendationsOf(last, story),
  };
}

function summaryOf(host: string, story: readonly StoryEvent[]): string {
  const first = story[0];
  const last = story.at(-1);
  if (first === undefined || last === undefined) return `Nothing is known yet about ${host}.`;
  const outcome = MITIGATION_STATUS_TABLE[last.status].text.toLowerCase();
  return `${first.body.threat.name} was found on ${host}; the last word is: ${outcome}.`;
}

function threatClaims(story: readonly StoryEvent[]): ToldIncident["malicious"] {
  const claims = new Map<string, { text: string; evidence: string[] }>();
  for (const event of story) {
    const { threat, file, parts } = event.body;
    if (file !== undefined) {
      const evidence = [`${event.shortId}`, `SHA-256 ${file.sha256}`, threat.severityReason];
      claims.set(`file ${file.path}`, { text: `The file ${file.path} matches the rule "${threat.name}".`, evidence });
    }
    if (parts !== undefined) {
      const text = `Part of the threat: ${count(parts.processes, "process", "processes")}, ${count(parts.files, "file", "files")}, ${count(parts.persistence, "persistence entry", "persistence entries")}.`;
      claims.set(`parts ${event.body.threatId}`, { text, evidence: [event.shortId] });
    }
  }
  return [...claims.values()];
}

function chainClaims(chain: RootCauseChain): ToldIncident["malicious"] {
  const byId = new Map(chain.nodes.map((node) => [node.id, node]));
  const claims: ToldIncident["malicious"] = [];
  const root = chain.rootCause === null ? undefined : byId.get(chain.rootCause);
  if (root !== undefined) {
    claims.push({ text: `It began with ${nodeText(root)}.`, evidence: [chain.rootCauseReason, ...evidenceOf(root)] });
  }
  const inOrder = [...chain.edges].sort((one, other) => (one.at ?? "").localeCompare(other.at ?? ""));
  for (const edge of inOrder) {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    if (from === undefined || to === undefined) continue;
    const isTold = from.pathIndex !== undefined || to.kind === "network" || to.kind === "persistence";
    if (!isTold) continue;
    const inferred = edge.quality === "inferred" ? " (inferred)" : "";
    const evidence = [...(edge.at === undefined ? [] : [`at ${edge.at}`]), ...evidenceOf(to)];
    claims.push({
      text: `${capital(nodeText(from))} ${verbOf(edge.kind, from)} ${nodeText(to)}${inferred}.`,
      evidence,
    });
  }
  for (const gap of chain.nodes.filter((node) => node.kind === "gap" || node.kind === "not-observed")) {
    claims.push({ text: `Not observed: ${gap.reason ?? "what came before is older than the record"}.`, evidence: [] });
  }
  return claims;
}

const EDGE_VERBS = {
  started: "started",
  wrote: "wrote",
  read: "read",
  connected: "connected to",
  persisted: "wrote the line",
  executed: "executed",
} as const;

/** Edges run from cause to effect: a file is executed as, or read by, the process that it leads to. */
function verbOf(kind: keyof typeof EDGE_VERBS, from: ChainNode): string {
  if (from.kind === "file" && kind === "executed") return "was executed as";
  if (from.kind === "file" && kind === "read") return "was read by";
  return EDGE_VERBS[kind];
}

/** A node of a chain in a few words. */
export function nodeText(node: ChainNode): string {
  switch (node.kind) {
    case "process":
      return `the process ${node.image ?? "unknown"}${node.pid === undefined ? "" : ` (${node.pid})`}`;
    case "file":
      return `the file ${node.path ?? "unknown"}`;
    case "network":
      return `the address ${node.remote ?? "unknown"}`;
    case "persistence":
      return `"${node.line ?? "unknown"}" in ${node.path ?? "unknown"}`;
    case "gap":
      return "a gap in the record";
    case "not-observed":
      return "something that was not observed";
  }
}

function evidenceOf(node: ChainNode): string[] {
  const parts = [
    node.commandLine === undefined ? null : `command line: ${node.commandLine}`,
    node.sha256 === undefined ? null : `SHA-256 ${node.sha256}`,
    node.user === undefined ? null : `user ${node.user}`,
    node.quality === "observed" ? null : `quality: ${node.quality}`,
  ];
  return parts.filter((part) => part !== null);
}

const DEED_KINDS: Partial<Record<ThreatEventKind, string>> = {
  detection: "The threat was detected.",
  assessment: "The threat was assessed.",
  forensics: "A forensic package was collected for the experts.",
  rollback: "The cleanup was undone.",
};

const VERB_TEXT: Record<Verb, string> = {
  "process.kill": "Ended",
  "persist.removeLine": "Removed the line from",
  "file.quarantine": "Moved to quarantine:",
  verify: "Verified that it is gone:",
};

function deedsOf(event: StoryEvent): ToldIncident["done"] {
  const status = MITIGATION_STATUS_TABLE[event.status].text;
  const general = DEED_KINDS[event.kind];
  const deeds: ToldIncident["done"] = [];
  if (general !== undefined) {
    deeds.push({ text: `${general} ${status}.`, at: event.occurredAt, evidence: [event.shortId] });
  }
  for (const step of event.body.deployment?.steps ?? []) {
    if (step.outcome === "nothing-to-do") continue;
    const failed = step.outcome === "done" || step.outcome === "undone" ? "" : ` (${step.outcome})`;
    const text = `${VERB_TEXT[step.verb]} ${step.target}${step.outcome === "undone" ? ", undone" : failed}.`;
    const evidence = [event.shortId, `step ${step.step}`, ...(step.code === undefined ? [] : [step.code])];
    deeds.push({ text, at: event.occurredAt, evidence });
  }
  if (event.kind === "cleanup")
    deeds.push({ text: `Cleanup: ${status}.`, at: event.occurredAt, evidence: [event.shortId] });
  return deeds;
}

function recommendationsOf(last: StoryEvent, story: readonly StoryEvent[]): ToldIncident["recommended"] {
  const row = MITIGATION_STATUS_TABLE[last.status];
  const recommended = [{ text: row.recommendedAction, why: `The last status is: ${row.text}.` }];
  for (const step of last.body.deployment?.steps ?? []) {
    if (step.outcome !== "failed" && step.outcome !== "refused") continue;
    recommended.push({ text: `Look at ${step.target} by hand.`, why: `The step ${step.step} was ${step.outcome}.` });
  }
  const cleaned = story.some((event) => event.kind === "cleanup" && event.status === "all-threats-resolved");
  if (cleaned) {
    const why = "The cleanup removed what was found; how it came in is a question of its own.";
    recommended.push({ text: "Close the way by which it came in: see the first cause of the chain.", why });
  }
  return recommended;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
