import type { ChainEdge, ChainNode, RootCauseChain } from "@tms/records";
import { collectFacts, compareText, type Facts, type ProcessFact } from "./facts.ts";
import { type CausePath, climbToFirstCause } from "./first-cause.ts";
import { fileId, gapId, processId } from "./node-ids.ts";
import { missingCauses, nodesOf } from "./nodes.ts";
import { shortText } from "./path-text.ts";
import { compareEdges, type Edge, relationsOf } from "./relations.ts";
import { spreadFrom } from "./spread.ts";
import { type ChainQuestion, keyText, type TelemetryEvent } from "./telemetry-event.ts";

// I1  Pure and deterministic: shuffled and repeated events give the same ids, nodes, edges and path.
// I2  Identity is boot + pid + start: a reused pid never joins two processes.
// I3  What was not seen is a node that says so, never a silent hole.
// I4  The chain has no cycle; where events would make one, the later edge is cut.

/**
 * Builds the root cause chain of a detected file or process.
 *
 * @param events In any order, with repeats; those that have nothing to do with the question do no harm.
 * @returns A chain whose `path` runs from the first cause to the asked thing. `rootCause` is null if no process was seen
 * that leads to it.
 */
export function buildChain(events: readonly TelemetryEvent[], question: ChainQuestion): RootCauseChain {
  const facts = collectFacts(events);
  if (question.file !== undefined && !facts.files.has(question.file)) {
    facts.files.set(question.file, { sha256: null, at: "" });
  }
  const asked = askedNodes(question, facts);
  const [target] = asked;
  if (target === undefined) return { nodes: [], edges: [], rootCause: null, rootCauseReason: NOTHING_ASKED, path: [] };

  const relations = relationsOf(facts);
  const causes = climbToFirstCause(target, relations, facts);
  const spread = spreadFrom([...causes.nodes, ...asked], relations, facts);
  const edges = withoutCycles(
    causes.edges,
    relations.filter((edge) => spread.nodes.has(edge.from) && spread.nodes.has(edge.to)),
  );
  const known = nodesOf(spread.nodes, facts);
  const missing = missingCauses(known, edges, facts);
  const gaps = gapNodes(facts, known, spread.leftOut);
  const first = firstCause(causes, facts);
  const path = first.id === null ? [target] : causes.nodes;
  const nodes = [...known, ...missing.nodes, ...gaps].map((node) => ({
    ...node,
    ...(asked.includes(node.id) ? { detected: true } : {}),
    ...(node.id === first.id ? { rootCauseReason: first.reason } : {}),
    ...(path.includes(node.id) ? { pathIndex: path.indexOf(node.id) } : {}),
  }));
  return {
    nodes: nodes.sort(compareNodes),
    edges: [...edges.map(wireEdge), ...missing.edges].sort(
      (a, b) => compareText(a.from, b.from) || compareText(a.to, b.to) || compareText(a.kind, b.kind),
    ),
    rootCause: first.id,
    rootCauseReason: first.reason,
    path,
  };
}

const NOTHING_ASKED = "Neither a file nor a process was asked for that any event knows.";

function askedNodes(question: ChainQuestion, facts: Facts): string[] {
  const asked: string[] = [];
  if (question.file !== undefined) asked.push(fileId(question.file));
  if (question.process !== undefined && facts.processes.has(keyText(question.process))) {
    asked.push(processId(keyText(question.process)));
  }
  return asked;
}

/** The edges of the path first, then the others in order of time; one that would close a circle is left out (I4). */
function withoutCycles(path: readonly Edge[], others: readonly Edge[]): Edge[] {
  const kept: Edge[] = [];
  const next = new Map<string, string[]>();
  const onPath = new Set(path);
  for (const edge of [...path, ...others.filter((other) => !onPath.has(other)).sort(compareEdges)]) {
    if (reaches(next, edge.to, edge.from)) continue;
    kept.push(edge);
    next.set(edge.from, [...(next.get(edge.from) ?? []), edge.to]);
  }
  return kept;
}

function reaches(next: Map<string, string[]>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const waiting = [from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at === to) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    waiting.push(...(next.get(at) ?? []));
  }
  return false;
}

function firstCause(causes: CausePath, facts: Facts): { id: string | null; reason: string } {
  const [top] = causes.nodes;
  const known = (id: string | null | undefined) => [...facts.processes].find(([text]) => processId(text) === id)?.[1];
  const process = known(top);
  if (top === undefined || process === undefined) {
    return { id: null, reason: "No process was seen that wrote the detected file or led to it." };
  }
  return {
    id: top,
    reason: `The earliest process seen that touched what led to the detection. ${startOf(process, known(causes.starter))}`,
  };
}

function startOf(process: ProcessFact, starter: ProcessFact | undefined): string {
  if (process.parent.kind === "not-observed") return process.parent.reason;
  if (process.parent.kind === "none") return "The kernel itself starts it.";
  if (starter === undefined) return "What started it stands on the chain already.";
  const image = starter.image === null ? "" : ` (${shortText(starter.image).slice(0, 200)})`;
  return `Process ${starter.key.pid}${image} started it and did nothing else that was seen.`;
}

function gapNodes(facts: Facts, known: readonly ChainNode[], leftOut: number): ChainNode[] {
  const times = known.flatMap((node) => [node.startedAt, node.endedAt]).filter((time) => time !== undefined);
  const sorted = times.sort(compareText);
  const from = sorted[0] ?? "";
  const until = sorted.at(-1) ?? "9";
  const nodes: ChainNode[] = facts.gaps
    .filter((gap) => gap.at <= until && gap.until >= from)
    .map((gap) => ({
      id: gapId(gap.at, gap.until, gap.reason),
      kind: "gap",
      quality: "observed",
      startedAt: gap.at,
      endedAt: gap.until,
      reason: gap.lost === null ? gap.reason : `${gap.reason} (${gap.lost} events lost)`,
    }));
  if (leftOut > 0) {
    const reason = `${leftOut} more nodes are left out: the chain is larger than what is kept.`;
    nodes.push({ id: gapId("left-out"), kind: "gap", quality: "observed", reason });
  }
  return nodes;
}

function wireEdge({ from, to, kind, at, quality }: Edge): ChainEdge {
  return { from, to, kind, quality, ...(at === "" ? {} : { at }) };
}

function compareNodes(a: ChainNode, b: ChainNode): number {
  return (a.pathIndex ?? 1e9) - (b.pathIndex ?? 1e9) || compareText(a.id, b.id);
}
