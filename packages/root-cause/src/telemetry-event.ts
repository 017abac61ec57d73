import type { ChainQuality } from "@tms/records";

/**
 * Identity of a process: the bare pid is reused, boot + pid + start is not. `start` is the start time in clock ticks
 * of `/proc`, or another sensor's own identity.
 */
export interface ProcessKey {
  boot: string;
  pid: number;
  start: string;
}

/** What is known of who started a process; `none` is for those the kernel itself starts. */
export type ParentClue =
  | { kind: "process"; key: ProcessKey }
  | { kind: "not-observed"; reason: string }
  | { kind: "none" };

interface Seen {
  /** RFC 3339. When it happened, as far as the sensor can tell. */
  at: string;
  /** RFC 3339. When the sensor saw it, if that is another time. */
  seenAt?: string | undefined;
  /** The sensor, as `proc-poll`. */
  sensor: string;
  quality: ChainQuality;
}

/** Paths and arguments are `pathText`: printable, and the same text only for the same bytes. */
export type TelemetryEvent = Seen &
  (
    | {
        kind: "process.start";
        process: ProcessKey;
        parent: ParentClue;
        image?: string | undefined;
        argv?: string[] | undefined;
        cwd?: string | undefined;
        user?: string | undefined;
      }
    | { kind: "process.exec"; process: ProcessKey; image: string; argv: string[]; cwd?: string | undefined }
    | { kind: "process.exit"; process: ProcessKey }
    | {
        kind: "file";
        op: "write" | "read";
        path: string;
        process: ProcessKey | null;
        sha256?: string | undefined;
      }
    | { kind: "file"; op: "rename"; path: string; to: string; process: ProcessKey | null }
    | { kind: "persistence"; path: string; line: string; process: ProcessKey | null }
    | { kind: "network"; remote: string; process: ProcessKey }
    | { kind: "gap"; reason: string; until: string; lost?: number | undefined }
  );

/** What the chain is to explain: a detected file, a detected process, or both. */
export interface ChainQuestion {
  file?: string | undefined;
  process?: ProcessKey | undefined;
}

export function keyText(key: ProcessKey): string {
  return `${key.boot}/${key.pid}/${key.start}`;
}
