// A root cause chain in plain sentences: who started what, who wrote what, what would start it again.
// Pure. Sentences use the short names of things; each claim's evidence holds them in full.

import type { ChainEdge, ChainNode, RootCauseChain } from "@tms/records";

export interface Claim {
  text: string;
  evidence: string[];
}

/** Names by which a file is taken for a script even if nobody was seen running it. */
const SCRIPT = /\.(sh|bash|py|pl|rb|js|ps1|bat|cmd|vbs)$/i;

export function tellChain(chain: RootCauseChain): Claim[] {
  const edges = inOrder(chain.edges);
  const view: ChainLook = {
    byId: new Map(chain.nodes.map((node) => [node.id, node])),
    into: (id) => edges.filter((edge) => edge.to === id),
    outOf: (id) => edges.filter((edge) => edge.from === id),
  };
  const processes = chain.nodes
    .filter((node) => node.kind === "process")
    .sort((one, other) => (one.startedAt ?? "").localeCompare(other.startedAt ?? ""));
  return [
    ...processes.map((node) => processClaim(node, chain, view)),
    ...filesWithoutWriter(chain, view),
    ...chain.nodes.filter((node) => node.kind === "gap").map(gapClaim),
  ];
}

interface ChainLook {
  byId: ReadonlyMap<string, ChainNode>;
  into(id: string): ChainEdge[];
  outOf(id: string): ChainEdge[];
}

/** One sentence for one process: how it came, and everything it did. */
function processClaim(node: ChainNode, chain: RootCauseChain, look: ChainLook): Claim {
  const isFirst = node.id === chain.rootCause;
  const deeds = deedsOf(node, look);
  const origin = originOf(node, look);
  const name = nameOf(node);
  const subject = isFirst ? `It began with ${name}` : `${capital(name)}${origin === "" ? "" : `, ${origin},`}`;
  const did = listOf(deeds.map((deed) => deed.text));
  const first = isFirst
    ? `${subject}${did === "" ? "" : `, which ${did}`}.`
    : `${subject} ${did === "" ? "was part of it" : did}.`;
  const unseen = isFirst ? unseenOrigin(node, look) : "";
  return {
    text: unseen === "" ? first : `${first} ${unseen}`,
    evidence: [
      ...(isFirst ? [chain.rootCauseReason] : []),
      ...factsOf(node),
      ...deeds.flatMap((deed) => factsOf(deed.node)),
    ],
  };
}

function originOf(node: ChainNode, look: ChainLook): string {
  const edges = look.into(node.id);
  const started = edges.find((edge) => edge.kind === "started" && look.byId.get(edge.from)?.kind === "process");
  const executed = edges.find((edge) => edge.kind === "executed");
  const parent = look.byId.get(started?.from ?? "");
  const script = look.byId.get(executed?.from ?? "");
  const parts = [
    parent === undefined ? "" : `started by ${nameOf(parent)}${inferred(started)}`,
    script === undefined
      ? ""
      : parent === undefined
        ? `started from ${shortName(script)}`
        : `to run ${shortName(script)}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function unseenOrigin(node: ChainNode, look: ChainLook): string {
  const unseen = look
    .into(node.id)
    .map((edge) => look.byId.get(edge.from))
    .find((from) => from?.kind === "not-observed" || from?.kind === "gap");
  return unseen === undefined ? "" : `What started it was not observed${because(unseen.reason)}.`;
}

function deedsOf(node: ChainNode, look: ChainLook): { text: string; node: ChainNode }[] {
  const did = look.outOf(node.id).flatMap((edge) => {
    const to = look.byId.get(edge.to);
    if (to === undefined || edge.kind === "started" || edge.kind === "executed") return [];
    return [{ text: `${deedText(edge, to, look)}${inferred(edge)}`, node: to }];
  });
  const wroteOrRan = new Set(look.outOf(node.id).map((edge) => edge.to));
  const ran = new Set(
    look
      .into(node.id)
      .filter((edge) => edge.kind === "executed")
      .map((edge) => edge.from),
  );
  const held = look.into(node.id).flatMap((edge) => {
    const from = look.byId.get(edge.from);
    const isNews = edge.kind === "read" && from !== undefined && !ran.has(from.id) && !wroteOrRan.has(from.id);
    return isNews ? [{ text: `held ${shortName(from)} open${inferred(edge)}`, node: from }] : [];
  });
  return [...did, ...held];
}

function deedText(edge: ChainEdge, to: ChainNode, look: ChainLook): string {
  switch (to.kind) {
    case "file":
      return `wrote ${fileText(to, look)}`;
    case "network":
      return `connected to ${to.remote ?? "an address that was not recorded"}`;
    case "persistence":
      return `wrote a line into ${listName(to)} that would start it again`;
    default:
      return `${edge.kind} ${nameOf(to)}`;
  }
}

function fileText(node: ChainNode, look: ChainLook): string {
  if (node.detected === true) return `the detected file ${shortName(node)}`;
  const isRun = look.outOf(node.id).some((edge) => edge.kind === "executed");
  return `the ${isRun || SCRIPT.test(node.path ?? "") ? "script" : "file"} ${shortName(node)}`;
}

function filesWithoutWriter(chain: RootCauseChain, look: ChainLook): Claim[] {
  return chain.nodes
    .filter((node) => node.kind === "file" && node.pathIndex !== undefined)
    .filter((node) => !look.into(node.id).some((edge) => look.byId.get(edge.from)?.kind === "process"))
    .map((node) => ({
      text: `Who wrote ${fileText(node, look)} was not observed.`,
      evidence: factsOf(node),
    }));
}

function gapClaim(node: ChainNode): Claim {
  return { text: `Part of the record is missing${because(node.reason)}.`, evidence: [] };
}

/** What a thing is called in a sentence; never a whole path. */
export function nameOf(node: ChainNode): string {
  switch (node.kind) {
    case "process":
      return `${shortName(node)}${node.pid === undefined ? "" : ` (pid ${node.pid})`}`;
    case "persistence":
      return `a line in ${listName(node)}`;
    case "gap":
      return "a gap in the record";
    case "not-observed":
      return "something that was not observed";
    default:
      return shortName(node);
  }
}

function shortName(node: ChainNode): string {
  const whole = node.image ?? node.path ?? node.remote ?? "something without a name";
  return whole.split("/").findLast((part) => part !== "") ?? whole;
}

/** `the crontab of ana` for `/var/spool/cron/crontabs/ana`, else the file's own name. */
function listName(node: ChainNode): string {
  const user = /\/crontabs\/([^/]+)$/.exec(node.path ?? "")?.[1];
  return user === undefined ? shortName(node) : `the crontab of ${user}`;
}

function factsOf(node: ChainNode): string[] {
  const facts = [
    node.commandLine === undefined ? null : `${nameOf(node)}, command line: ${node.commandLine}`,
    node.kind === "process" && node.image !== undefined ? `${nameOf(node)}, program: ${node.image}` : null,
    node.kind === "process" || node.path === undefined ? null : `${shortName(node)}, path: ${node.path}`,
    node.line === undefined ? null : `${listName(node)}, line: ${node.line}`,
    node.sha256 === undefined ? null : `${shortName(node)}, SHA-256: ${node.sha256}`,
    node.user === undefined ? null : `${nameOf(node)}, user: ${node.user}`,
  ];
  return facts.filter((fact) => fact !== null);
}

function inferred(edge: Pick<ChainEdge, "quality"> | undefined): string {
  return edge?.quality === "inferred" ? " (inferred)" : "";
}

function because(reason: string | undefined): string {
  const text = (reason ?? "it is older than the record").replace(/\.+$/, "");
  return `: ${/^(Its?|The|A|An|There) /.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text}`;
}

function listOf(parts: string[]): string {
  return parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

function inOrder(edges: readonly ChainEdge[]): ChainEdge[] {
  return [...edges].sort((one, other) => (one.at ?? "").localeCompare(other.at ?? ""));
}

/** Names of programs keep their own spelling: only our own first words become capital. */
function capital(text: string): string {
  return /^(something|a) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
