import { AppError, isErrorCode, startFailureOf } from "@tms/records";
import { type Closing, createClosing } from "./closing.ts";

// The frame of every server process.
// I1  A failed start prints one sentence with its cure on stderr and the same as one JSON line on stdout, ends with 1,
//     or with 2 if the configuration is at fault, and leaves nothing half-started.
// I2  SIGTERM, SIGINT and the loss of the parent end in the same orderly stop, in reverse order of opening.
// I3  A stop that hangs is cut after STOP_DEADLINE_MS; a second signal cuts it at once.

/** Long enough for PostgreSQL transactions and a flush; a supervisor usually kills after 10 s. */
const STOP_DEADLINE_MS = 9_000;

export interface Started {
  /** Sent to the parent and printed: addresses, the set-up link. */
  ready: object;
  close(): Promise<void>;
}

/**
 * Runs a process until it is told to stop.
 *
 * @param start Opens everything. What it hands to `opened` is closed in reverse, also when the start fails half-way;
 *   `stop` aborts when the process is told to end.
 */
export async function runMain(
  name: string,
  start: (stop: AbortSignal, opened: Closing) => Promise<Started>,
): Promise<void> {
  const stop = new AbortController();
  const opened = createClosing();
  const ended = new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
  listenForEnd(stop);
  try {
    const started = await start(stop.signal, opened);
    opened.add(() => started.close());
    announce(started.ready);
    await ended;
    await closeAll(opened);
    process.exit(0);
  } catch (error) {
    const failure = startFailureOf(asStartError(error) ?? error);
    if (!stop.signal.aborted) process.stderr.write(`${startSentence(name, error)}\n`);
    await closeAll(opened);
    if (stop.signal.aborted) process.exit(0);
    process.stdout.write(`${JSON.stringify(failure.line)}\n`, () => process.exit(failure.exit));
  }
}

function listenForEnd(stop: AbortController): void {
  const end = () => {
    if (stop.signal.aborted) process.exit(1);
    stop.abort();
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  // A supervisor that died cannot stop us any more: the closed channel is the order.
  process.on("disconnect", () => {
    if (!stop.signal.aborted) stop.abort();
  });
}

function announce(ready: object): void {
  process.stdout.write(`${JSON.stringify({ ready })}\n`);
  process.send?.({ type: "ready", ...ready });
}

async function closeAll(opened: Closing): Promise<void> {
  const deadline = setTimeout(() => {
    process.stderr.write("The process did not stop in time and was cut.\n");
    process.exit(1);
  }, STOP_DEADLINE_MS);
  deadline.unref();
  for (const error of await opened.closeAll()) {
    process.stderr.write(`Something did not close cleanly: ${String(error)}\n`);
  }
  clearTimeout(deadline);
}

/** What a person reads when a start fails: what happened, what to do, and the details that name the place. */
export function startSentence(name: string, error: unknown): string {
  const known = asStartError(error);
  if (known === null) {
    const shown = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `${name} did not start, because of an error in the program itself: ${shown}`;
  }
  const details = Object.entries(known.details)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([key, value]) => `${key}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
  return `${known.row.text} ${known.row.cure}${details === "" ? "" : ` (${details})`}`;
}

/** The operating system's own codes at start, told in our words. */
export function asStartError(error: unknown): AppError | null {
  if (error instanceof AppError) return error;
  const system = error as { code?: unknown; port?: unknown; address?: unknown; path?: unknown } | null;
  switch (system?.code) {
    case "EADDRINUSE":
      return new AppError("start.port_in_use", { port: system.port, address: system.address }, { cause: error });
    case "EADDRNOTAVAIL":
      return new AppError("start.config_invalid", {
        address: system.address,
        problem: "not an address of this machine",
      });
    case "EACCES":
    case "EROFS":
    case "EPERM":
      return new AppError("start.directory_unwritable", { path: system.path }, { cause: error });
    case "ENOSPC":
    case "EDQUOT":
      return new AppError("start.directory_full", { path: system.path }, { cause: error });
    case "ECONNREFUSED":
      return new AppError("store.unavailable", { address: system.address, port: system.port }, { cause: error });
    default:
      return typeof system?.code === "string" && isErrorCode(system.code) ? new AppError(system.code) : null;
  }
}
