import type { ChainEdge, ChainNode } from "@tms/records";
import { compareText, type Facts, type ProcessFact } from "./facts.ts";
import { fileId, networkId, notObservedId, persistenceId, processId } from "./node-ids.ts";
import { shortText } from "./path-text.ts";

/** The nodes of the wanted ids, from the facts. */
export function nodesOf(wanted: ReadonlySet<string>, facts: Facts): ChainNode[] {
  const nodes = new Map<string, ChainNode>();
  const keep = (node: ChainNode): void => {
    if (wanted.has(node.id)) nodes.set(node.id, node);
  };
  for (const [text, process] of facts.processes) keep(processNode(text, process));
  for (const [path, file] of facts.files) {
    keep({
      id: fileId(path),
      kind: "file",
      path: shortText(path),
      quality: "observed",
      ...(file.sha256 === null ? {} : { sha256: file.sha256 }),
      ...(file.at === "" ? {} : { startedAt: file.at }),
    });
  }
  for (const { path, line, at, quality } of facts.persistence) {
    const id = persistenceId(path, line);
    keep({ id, kind: "persistence", path: shortText(path), line: shortText(line), startedAt: at, quality });
  }
  for (const { remote, quality } of facts.connections) {
    keep({ id: networkId(remote), kind: "network", remote: remote.slice(0, 300), quality });
  }
  return [...nodes.values()].sort((a, b) => compareText(a.id, b.id));
}

/** An explicit node above everything whose cause nobody saw (I3 of build-chain). */
export function missingCauses(
  nodes: readonly ChainNode[],
  edges: readonly ChainEdge[],
  facts: Facts,
): { nodes: ChainNode[]; edges: ChainEdge[] } {
  const explained = new Set(edges.map((edge) => edge.to));
  const processes = new Map([...facts.processes].map(([text, process]) => [processId(text), process]));
  const made = nodes
    .filter((node) => !explained.has(node.id))
    .flatMap((node) => {
      const reason = whyMissing(node, processes.get(node.id));
      if (reason === null) return [];
      const id = notObservedId(node.id);
      const kind = node.kind === "process" ? "started" : node.kind === "file" ? "wrote" : "persisted";
      return [
        {
          node: { id, kind: "not-observed", reason, quality: "inferred" } satisfies ChainNode,
          edge: { from: id, to: node.id, kind, quality: "inferred" } satisfies ChainEdge,
        },
      ];
    });
  return { nodes: made.map((entry) => entry.node), edges: made.map((entry) => entry.edge) };
}

function whyMissing(node: ChainNode, process: ProcessFact | undefined): string | null {
  if (node.kind === "file") return "Who wrote this file was not observed.";
  if (node.kind === "persistence") return "Who wrote this line was not observed.";
  if (process === undefined || process.parent.kind === "none") return null;
  return process.parent.kind === "not-observed" ? process.parent.reason : null;
}

function processNode(text: string, process: ProcessFact): ChainNode {
  return {
    id: processId(text),
    kind: "process",
    pid: process.key.pid,
    quality: process.quality,
    ...(process.image === null ? {} : { image: shortText(process.image) }),
    ...(process.argv === null ? {} : { commandLine: shortText(commandLine(process.argv)) }),
    ...(process.user === null ? {} : { user: process.user.slice(0, 255) }),
    ...(process.startedAt === null ? {} : { startedAt: process.startedAt }),
    ...(process.endedAt === null ? {} : { endedAt: process.endedAt }),
    ...(process.isSeen ? {} : { reason: "Known only because another event names it." }),
  };
}

function commandLine(argv: readonly string[]): string {
  return argv.map((part) => (/^[^\s"']+$/.test(part) ? part : JSON.stringify(part))).join(" ");
}
