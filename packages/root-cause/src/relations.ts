import type { ChainEdge, ChainEdgeKind, ChainQuality } from "@tms/records";
import { betterQuality, compareText, type Facts, type ProcessFact, type Touch } from "./facts.ts";
import { fileId, networkId, persistenceId, processId } from "./node-ids.ts";
import { keyText } from "./telemetry-event.ts";

// Edges run from cause to effect: a process started, wrote, persisted or connected to something; a file was executed as
// a process, or was read by one.

const INTERPRETERS =
  /^(?:(?:ba|da|z|k|a|c|tc|fi)?sh|busybox|node|nodejs|bun|deno|python[\d.]*|perl[\d.]*|ruby[\d.]*|php[\d.]*|lua[\d.]*|tclsh[\d.]*)$/;
/** Options of interpreters after which the program stands on the command line itself, not in a file. */
const INLINE_PROGRAM = /^(?:-c|-e|-p|-pe|--eval|--print)$/;

export type Edge = ChainEdge & { at: string; quality: ChainQuality };

/** All edges that the facts support, each once, in a fixed order. */
export function relationsOf(facts: Facts): Edge[] {
  const edges = new Map<string, Edge>();
  const add = (from: string, to: string, rest: { kind: ChainEdgeKind; at: string; quality: ChainQuality }): void => {
    if (from === to) return;
    const key = `${from} ${to} ${rest.kind}`;
    const known = edges.get(key);
    if (known === undefined) edges.set(key, { from, to, ...rest });
    else {
      known.quality = betterQuality(known.quality, rest.quality);
      known.at = known.at < rest.at ? known.at : rest.at;
    }
  };
  addStarts(facts, add);
  addFileEdges(facts, add);
  addPersistence(facts, add);
  for (const { process, remote, at, quality } of facts.connections) {
    add(processId(process), networkId(remote), { kind: "connected", at, quality });
  }
  return [...edges.values()].sort(compareEdges);
}

export function compareEdges(a: Edge, b: Edge): number {
  return (
    compareText(a.at, b.at) || compareText(a.kind, b.kind) || compareText(a.from, b.from) || compareText(a.to, b.to)
  );
}

type Add = (from: string, to: string, rest: { kind: ChainEdgeKind; at: string; quality: ChainQuality }) => void;

function addStarts(facts: Facts, add: Add): void {
  for (const [text, process] of facts.processes) {
    if (process.parent.kind !== "process") continue;
    const parent = keyText(process.parent.key);
    const at = process.startedAt ?? "";
    add(processId(parent), processId(text), { kind: "started", at, quality: process.quality });
  }
}

function addFileEdges(facts: Facts, add: Add): void {
  for (const touch of facts.writes) {
    const id = processId(touch.process);
    const { at, quality, path } = touch;
    if (isInheritedDescriptor(facts, touch)) add(fileId(path), id, { kind: "read", at, quality });
    else add(id, fileId(path), { kind: "wrote", at, quality });
  }
  for (const { process, path, at, quality } of facts.reads) {
    add(fileId(path), processId(process), { kind: "read", at, quality });
  }
  for (const rename of facts.renames) {
    for (const touch of facts.writes.filter((write) => write.path === rename.from)) {
      add(processId(touch.process), fileId(rename.to), { kind: "wrote", at: rename.at, quality: "inferred" });
    }
  }
  for (const [text, process] of facts.processes) {
    const at = process.startedAt ?? "";
    const executed = executedPath(process, facts);
    if (executed !== null) add(fileId(executed), processId(text), { kind: "executed", at, quality: process.quality });
    for (const path of namedPaths(process, facts)) {
      if (path !== executed) add(fileId(path), processId(text), { kind: "read", at, quality: "inferred" });
    }
  }
}

/**
 * A descriptor open for writing that an ancestor held first was most likely inherited: holding is no proof of writing.
 * Only writers that are themselves concluded from descriptors are doubted so.
 */
function isInheritedDescriptor(facts: Facts, touch: Touch): boolean {
  if (touch.quality === "observed") return false;
  const ancestors = ancestorsOf(facts, touch.process);
  return facts.writes.some(
    (other) => other.path === touch.path && ancestors.has(other.process) && other.at <= touch.at,
  );
}

function ancestorsOf(facts: Facts, start: string): Set<string> {
  const found = new Set<string>();
  let process = facts.processes.get(start);
  while (process?.parent.kind === "process") {
    const parent = keyText(process.parent.key);
    if (parent === start || found.has(parent)) break;
    found.add(parent);
    process = facts.processes.get(parent);
  }
  return found;
}

/** The file of the chain that a process is a run of: its image, or the script its interpreter was given. */
function executedPath(process: ProcessFact, facts: Facts): string | null {
  if (process.image !== null && facts.files.has(process.image)) return process.image;
  const [, ...rest] = process.argv ?? [];
  if (!INTERPRETERS.test(baseName(process.image ?? process.argv?.[0] ?? ""))) return null;
  for (const argument of rest) {
    if (INLINE_PROGRAM.test(argument)) return null;
    if (argument.startsWith("-")) continue;
    const path = resolved(argument, process.cwd);
    return facts.files.has(path) ? path : null;
  }
  return null;
}

function namedPaths(process: ProcessFact, facts: Facts): string[] {
  const [, ...rest] = process.argv ?? [];
  const named = rest.map((argument) => resolved(argument, process.cwd)).filter((path) => facts.files.has(path));
  return [...new Set(named)].sort(compareText);
}

function addPersistence(facts: Facts, add: Add): void {
  for (const entry of facts.persistence) {
    const id = persistenceId(entry.path, entry.line);
    const writers = entry.writers.length > 0 ? entry.writers : likelyWriter(facts, entry);
    for (const { process, at, quality } of writers) add(processId(process), id, { kind: "persisted", at, quality });
  }
}

/**
 * Nobody was seen holding the crontab open: if just one process wrote the file that the line names, and lived when the
 * line appeared, it is taken for the writer, as an inference. Two candidates are none.
 */
function likelyWriter(facts: Facts, entry: { path: string; line: string; at: string }) {
  const named = new Set(pathsInLine(entry.line, [...facts.files.keys()]));
  const candidates = new Set(
    facts.writes
      .filter(
        (write) =>
          named.has(write.path) && !isInheritedDescriptor(facts, write) && livedAt(facts, write.process, entry.at),
      )
      .map((write) => write.process),
  );
  return [...candidates].length === 1
    ? [...candidates].map((process) => ({ process, at: entry.at, quality: "inferred" as const }))
    : [];
}

function livedAt(facts: Facts, process: string, at: string): boolean {
  const fact = facts.processes.get(process);
  if (fact === undefined) return false;
  return (fact.startedAt === null || fact.startedAt <= at) && (fact.endedAt === null || fact.endedAt >= at);
}

/** Which of the paths a line of a crontab names as a whole word. */
export function pathsInLine(line: string, paths: readonly string[]): string[] {
  return paths.filter((path) => {
    let from = line.indexOf(path);
    while (from !== -1) {
      const before = from === 0 ? " " : (line[from - 1] ?? " ");
      const after = line[from + path.length] ?? " ";
      if (!/[\w./-]/.test(before) && !/[\w/-]/.test(after)) return true;
      from = line.indexOf(path, from + 1);
    }
    return false;
  });
}

function resolved(argument: string, cwd: string | null): string {
  if (argument.startsWith("/")) return normal(argument);
  return cwd === null ? argument : normal(`${cwd}/${argument}`);
}

function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
