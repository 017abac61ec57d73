import type { ChainView } from "@tms/contracts";
import type { ChainNode } from "@tms/records";
import { scriptOf } from "./process-name.ts";

/** What an entry would start again: the records say it by the entry's own line, not by an edge. */
export interface StartsAgain {
  /** The persistence entry. */
  from: string;
  /** What its line names; a process rather than its file. */
  to: string;
  atBoot: boolean;
}

/** The back edges of a chain: which entry would start which of its parts again. */
export function startsAgain(chain: ChainView): StartsAgain[] {
  return chain.nodes.flatMap((entry) => {
    if (entry.kind !== "persistence" || entry.line === undefined) return [];
    const { line } = entry;
    const named = chain.nodes.filter((node) => pathsOf(node).some((path) => names(line, path)));
    const [first] = [...named].sort((one, other) => rankOf(chain, other) - rankOf(chain, one));
    return first === undefined ? [] : [{ from: entry.id, to: first.id, atBoot: /^@reboot\b/.test(line.trim()) }];
  });
}

function pathsOf(node: ChainNode): string[] {
  if (node.kind === "file") return node.path === undefined ? [] : [node.path];
  if (node.kind !== "process") return [];
  return [node.image, scriptOf(node)].filter((path) => path !== undefined);
}

/** A word of the line is the path, or its end behind a `~`. An interpreter alone is no answer to what is started. */
function names(line: string, path: string): boolean {
  if (INTERPRETER_FOLDERS.some((folder) => path.startsWith(folder))) return false;
  return line
    .split(/[\s"';]+/)
    .some((word) => word === path || (word.startsWith("~/") && path.endsWith(word.slice(1))));
}

const INTERPRETER_FOLDERS = ["/bin/", "/usr/bin/", "/usr/local/bin/"];

/** The detected part before others, a process before a file, the path before what stands beside it. */
function rankOf(chain: ChainView, node: ChainNode): number {
  return (node.detected === true ? 4 : 0) + (node.kind === "process" ? 2 : 0) + (chain.path.includes(node.id) ? 1 : 0);
}
