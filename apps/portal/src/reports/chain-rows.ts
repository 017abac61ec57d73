import type { ChainNode } from "@tms/records";

export interface ChainSource {
  nodes: readonly ChainNode[];
  edges: readonly ChainSourceEdge[];
  rootCause: string | null;
  rootCauseReason: string;
  path: readonly string[];
}

interface ChainSourceEdge {
  from: string;
  to: string;
  kind: string;
  at?: string | undefined;
  quality: string;
}

export interface ChainRow {
  at: string;
  what: string;
  /** Kind and place, in small letters under the name. */
  place: string;
  how: string;
  mark: "" | "First cause" | "Detected" | "Not observed";
}

/** The chain as a table in order of time; what was not observed stands right before what came of it. */
export function chainRows(chain: ChainSource, time: (text: string) => string): ChainRow[] {
  const atOf = new Map(chain.nodes.map((node) => [node.id, timeOf(node, chain)]));
  const orderOf = (node: ChainNode) => {
    const own = atOf.get(node.id);
    if (own !== undefined) return `${own} 1`;
    const next = chain.edges.find(({ from }) => from === node.id);
    return `${next === undefined ? "" : (atOf.get(next.to) ?? "")} 0`;
  };
  const ordered = [...chain.nodes].sort((one, other) => orderOf(one).localeCompare(orderOf(other)));
  return ordered.map((node) => {
    const at = atOf.get(node.id);
    return {
      at: at === undefined ? "not known" : time(at),
      what: isUnseen(node) ? "Not observed" : nameOf(node),
      place: placeOf(node),
      how: howOf(node, chain),
      mark: markOf(node, chain),
    };
  });
}

function timeOf(node: ChainNode, chain: ChainSource): string | undefined {
  const text = node.startedAt ?? chain.edges.find((edge) => edge.to === node.id && edge.at !== undefined)?.at;
  return text === undefined || Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString();
}

function markOf(node: ChainNode, chain: ChainSource): ChainRow["mark"] {
  if (node.id === chain.rootCause) return "First cause";
  if (node.detected === true) return "Detected";
  return isUnseen(node) ? "Not observed" : "";
}

function isUnseen(node: ChainNode): boolean {
  return node.kind === "not-observed" || node.kind === "gap";
}

/** How a thing came out of the one before it; edges run from cause to effect. */
const CAME_BY: Record<string, string> = {
  started: "started by",
  wrote: "written by",
  connected: "connected to by",
  persisted: "written by",
  executed: "ran",
};

function howOf(node: ChainNode, chain: ChainSource): string {
  if (isUnseen(node)) return node.reason ?? "It is older than the record.";
  const incoming = chain.edges.filter((edge) => edge.to === node.id);
  const ran = new Set(incoming.filter(({ kind }) => kind === "executed").map(({ from }) => from));
  const parts = incoming.flatMap((edge) => {
    const from = chain.nodes.find(({ id }) => id === edge.from);
    if (from === undefined || (edge.kind === "read" && ran.has(edge.from))) return [];
    const inferred = edge.quality === "inferred" ? " (inferred)" : "";
    if (isUnseen(from)) return ["what started it was not observed"];
    if (edge.kind === "read") return [`held ${nameOf(from)} open${inferred}`];
    return [`${CAME_BY[edge.kind] ?? edge.kind} ${nameOf(from)}${inferred}`];
  });
  return parts.join(", ");
}

const KIND: Record<ChainNode["kind"], string> = {
  process: "process",
  file: "file",
  network: "network connection",
  persistence: "starts again by itself",
  gap: "gap in the record",
  "not-observed": "what came before",
};

function placeOf(node: ChainNode): string {
  const pathOrLine = node.kind === "persistence" ? node.line : node.path;
  const parts = [
    KIND[node.kind],
    pathOrLine === undefined ? "" : middle(pathOrLine),
    node.user === undefined ? "" : `user ${node.user}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function nameOf(node: ChainNode): string {
  const whole = node.image ?? node.path ?? node.remote ?? node.line ?? node.kind;
  const last = whole.split("/").findLast((part) => part !== "") ?? whole;
  const user = node.kind === "persistence" ? /\/crontabs\/([^/]+)$/.exec(node.path ?? "")?.[1] : undefined;
  if (user !== undefined) return `Line in the crontab of ${user}`;
  return node.pid === undefined ? last : `${last} (pid ${node.pid})`;
}

const SHOWN = 38;
const HEAD = 14;

/** The middle goes, the ends stay: they tell paths and command lines apart. The full text stands in the evidence. */
function middle(text: string): string {
  const characters = [...text];
  if (characters.length <= SHOWN) return text;
  return `${characters.slice(0, HEAD).join("")}…${characters.slice(HEAD - SHOWN + 1).join("")}`;
}
