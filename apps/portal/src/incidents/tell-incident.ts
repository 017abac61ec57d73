// What an incident says to people: malicious, done, recommended, each claim with its evidence.
// Pure: events and chains in, sentences out. Names and paths from endpoints are quoted, never interpreted.

import {
  MITIGATION_STATUS_TABLE,
  type MitigationStatus,
  type RootCauseChain,
  type StepResult,
  type ThreatEventBody,
  type ThreatEventKind,
} from "@tms/records";
import { type Claim, nameOf, tellChain } from "./tell-chain.ts";

export interface StoryEvent {
  shortId: string;
  kind: ThreatEventKind;
  status: MitigationStatus;
  occurredAt: string;
  body: ThreatEventBody;
}

export interface ToldIncident {
  summary: string;
  malicious: Claim[];
  done: { text: string; at: string; evidence: string[] }[];
  recommended: { text: string; why: string }[];
}

export function tellIncident(
  host: string,
  story: readonly StoryEvent[],
  chains: readonly RootCauseChain[],
  openCase: string | null,
): ToldIncident {
  return {
    summary: summaryOf(host, story),
    malicious: [...threatClaims(host, story), ...chains.flatMap(tellChain)],
    done: story.flatMap(deedsOf),
    recommended: recommendationsOf(host, story, chains, openCase),
  };
}

function summaryOf(host: string, story: readonly StoryEvent[]): string {
  const [first, last] = [story[0], story.at(-1)];
  if (first === undefined || last === undefined) return `Nothing is known yet about ${host}.`;
  const found = `“${first.body.threat.name}” was found on ${host}`;
  const row = MITIGATION_STATUS_TABLE[last.status];
  if (last.status === "all-threats-resolved") return `${found} and removed; no part of it is known to be left.`;
  if (last.status === "rollback-successful") return `${found}; its cleanup was undone, so it is there again.`;
  if (last.status === "unresolved-threats-remain") return `${found} and is still there: no pattern has removed it yet.`;
  if (row.group === "in progress") return `${found}; it is being worked on: ${row.text.toLowerCase()}.`;
  return `${found}; the last result is: ${row.text.toLowerCase()}.`;
}

function threatClaims(host: string, story: readonly StoryEvent[]): Claim[] {
  const claims = new Map<string, Claim>();
  for (const event of story) {
    const { threat, file, parts } = event.body;
    if (file !== undefined) {
      const text = `The file ${lastPart(file.path)} on ${host} matches the rule “${threat.name}”.`;
      const full = [
        `path: ${file.path}`,
        `SHA-256: ${file.sha256}`,
        `severity ${threat.severity}: ${threat.severityReason}`,
      ];
      const known = claims.get(`file ${file.path}`);
      const evidence = [...(known?.evidence.filter((one) => one.startsWith("E-")) ?? []), event.shortId, ...full];
      claims.set(`file ${file.path}`, { text, evidence });
    }
    if (parts !== undefined) {
      const things = [
        count(parts.processes, "process", "processes"),
        count(parts.files, "file", "files"),
        count(parts.persistence, "entry that starts it again", "entries that start it again"),
      ];
      const text = `${things[0]}, ${things[1]} and ${things[2]} belong to it.`;
      claims.set(`parts ${event.body.threatId}`, { text, evidence: [event.shortId] });
    }
  }
  return [...claims.values()];
}

function deedsOf(event: StoryEvent): ToldIncident["done"] {
  const { occurredAt: at, body, shortId } = event;
  const steps = (body.deployment?.steps ?? []).filter(({ outcome }) => outcome !== "nothing-to-do");
  const deeds = steps.map((step) => ({
    text: stepText(step),
    at,
    evidence: [shortId, `step ${step.step}: ${step.target}`, ...(step.code === undefined ? [] : [step.code])],
  }));
  const closing = closingText(event);
  return closing === null ? deeds : [...deeds, { text: closing, at, evidence: [shortId] }];
}

function closingText(event: StoryEvent): string | null {
  const { pattern, deployment } = event.body;
  if (event.kind === "forensics" && event.status !== "forensic-upload-failed")
    return "Collected a forensic package and encrypted it for the experts; nothing on the endpoint was changed.";
  if (event.kind === "rollback")
    return `Undo of the cleanup: ${MITIGATION_STATUS_TABLE[event.status].text.toLowerCase()}.`;
  if (event.kind !== "cleanup") return null;
  const by = pattern === undefined ? "" : ` by ${pattern.id} v${pattern.version}`;
  const undo = deployment?.undo === "possible" ? "; the whole of it can be undone" : "";
  return `Cleanup${by} ended: ${MITIGATION_STATUS_TABLE[event.status].text.toLowerCase()}${undo}.`;
}

/** What a step did, in the past tense; the whole target stands in its evidence. */
function stepText(step: StepResult): string {
  const thing = targetText(step);
  switch (step.outcome) {
    case "failed":
      return `Could not ${WOULD[step.verb]} ${thing}.`;
    case "refused":
      return `Refused to ${WOULD[step.verb]} ${thing}.`;
    case "undone":
      return `Put back: ${thing}.`;
    default:
      return step.verb === "verify" ? `Looked again: ${thing}.` : `${DID[step.verb]} ${thing}.`;
  }
}

const DID = {
  "process.kill": "Ended",
  "persist.removeLine": "Removed",
  "file.quarantine": "Moved to quarantine:",
  verify: "Looked again:",
} as const;
const WOULD = {
  "process.kill": "end",
  "persist.removeLine": "remove",
  "file.quarantine": "quarantine",
  verify: "verify",
} as const;

function targetText(step: StepResult): string {
  const { verb, target } = step;
  if (verb === "process.kill") {
    const [, pid, name] = /^pid (\d+) \((.*)\)$/su.exec(target) ?? [];
    return pid === undefined ? target : `${name} (pid ${pid})`;
  }
  if (verb === "file.quarantine") return lastPart(target);
  if (verb === "persist.removeLine") {
    const [, path] = /^(\/.*?): /su.exec(target) ?? [];
    const user = /\/crontabs\/([^/]+)$/.exec(path ?? "")?.[1];
    if (path !== undefined)
      return user === undefined ? `a line from ${lastPart(path)}` : `a line from the crontab of ${user}`;
  }
  if (verb === "verify" && /^nothing that .* finds$/s.test(target))
    return "nothing that the pattern’s rule finds is left";
  return target;
}

function recommendationsOf(
  host: string,
  story: readonly StoryEvent[],
  chains: readonly RootCauseChain[],
  openCase: string | null,
): ToldIncident["recommended"] {
  const last = story.at(-1);
  if (last === undefined) return [];
  const row = MITIGATION_STATUS_TABLE[last.status];
  const recommended: ToldIncident["recommended"] = [];
  if (last.status === "unresolved-threats-remain" && openCase !== null) {
    const why = "No pattern removes it yet; until one does, it keeps running.";
    recommended.push({ text: `Wait for the experts’ answer to ${openCase}.`, why });
  } else if (row.needsAction)
    recommended.push({ text: row.recommendedAction, why: `The last result is: ${row.text.toLowerCase()}.` });
  for (const step of last.body.deployment?.steps ?? []) {
    if (step.outcome !== "failed" && step.outcome !== "refused") continue;
    recommended.push({
      text: `Look at ${targetText(step)} by hand.`,
      why: `The step ${step.step} ${step.outcome === "failed" ? "failed" : "was refused"}.`,
    });
  }
  for (const chain of chains) recommended.push(...fromChain(host, chain));
  return recommended;
}

function fromChain(host: string, chain: RootCauseChain): ToldIncident["recommended"] {
  const byId = new Map(chain.nodes.map((node) => [node.id, node]));
  const blocked = chain.edges.flatMap((edge) => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    if (from === undefined || to?.kind !== "network" || to.remote === undefined) return [];
    return [{ text: `Block ${to.remote} at the border.`, why: `${nameOf(from)} connected to it.` }];
  });
  const root = byId.get(chain.rootCause ?? "");
  if (root === undefined) return blocked;
  const text = `Find out what started ${nameOf(root)} on ${host}, and close that way.`;
  const why = "The cleanup removes what came, not the way by which it came; it may come again.";
  return [...blocked, { text, why }];
}

function lastPart(path: string): string {
  return path.split("/").findLast((part) => part !== "") ?? path;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
