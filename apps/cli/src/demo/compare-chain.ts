import type { ChainView } from "@tms/contracts";
import type { Planted } from "./plant/plant.ts";

const CLOCK_TOLERANCE_MS = 1500;

/**
 * Compares a root cause chain with what was planted. Pure.
 *
 * @returns One sentence for each difference; none when the chain tells the truth and nothing but the truth.
 */
export function differencesOfChain(chain: ChainView, planted: Planted): string[] {
  const problems: string[] = [];
  const idOfRole = new Map<string, string>();
  for (const process of planted.processes) {
    const node = chain.nodes.find(
      ({ kind, pid, startedAt }) =>
        kind === "process" &&
        pid === process.pid &&
        startedAt !== undefined &&
        Math.abs(Date.parse(startedAt) - Date.parse(process.startedAt)) < CLOCK_TOLERANCE_MS,
    );
    if (node === undefined) problems.push(`the chain lacks the ${process.role} (pid ${process.pid})`);
    else idOfRole.set(process.role, node.id);
  }
  const known = new Set(idOfRole.values());
  for (const { kind, id, pid, image } of chain.nodes) {
    if (kind === "process" && !known.has(id))
      problems.push(`the chain accuses pid ${pid} (${image}), which was not planted`);
  }
  const files = new Map(
    [...planted.scripts, planted.payload.path].map((path) => [path, nodeOfPath(chain, "file", path)]),
  );
  for (const [path, id] of files) if (id === undefined) problems.push(`the chain lacks the file ${path}`);
  const line = chain.nodes.find((node) => node.kind === "persistence" && node.line === planted.crontab.line);
  if (line === undefined) problems.push("the chain lacks the crontab line");
  for (const [from, kind, to] of expectedEdges(planted, idOfRole, files, line?.id)) {
    if (from === undefined || to === undefined) continue;
    if (!chain.edges.some((edge) => edge.from === from && edge.to === to && edge.kind === kind)) {
      problems.push(`the chain does not say that ${from} ${kind} ${to}`);
    }
  }
  if (chain.rootCause !== idOfRole.get("downloader")) problems.push("the first cause is not the downloader");
  const payload = files.get(planted.payload.path);
  if (payload === undefined || !chain.path.includes(payload))
    problems.push("the path does not reach the detected file");
  if (chain.path[0] !== chain.rootCause) problems.push("the path does not begin at the first cause");
  return problems;
}

function expectedEdges(
  planted: Planted,
  roles: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, string | undefined>,
  line: string | undefined,
): [string | undefined, string, string | undefined][] {
  const edges: [string | undefined, string, string | undefined][] = [];
  let writer = roles.get("downloader");
  for (const [index, script] of planted.scripts.entries()) {
    const runner = roles.get(`script-${index + 1}`);
    edges.push(
      [writer, "wrote", files.get(script)],
      [files.get(script), "executed", runner],
      [writer, "started", runner],
    );
    writer = runner;
  }
  edges.push(
    [writer, "wrote", files.get(planted.payload.path)],
    [writer, "started", roles.get("sleeper")],
    [writer, "persisted", line],
  );
  return edges;
}

function nodeOfPath(chain: ChainView, kind: string, path: string): string | undefined {
  return chain.nodes.find((node) => node.kind === kind && node.path === path)?.id;
}
