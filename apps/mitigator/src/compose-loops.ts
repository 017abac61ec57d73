import { AppError } from "@tms/records";
import { startWorkerLoop, type WorkerLoop } from "./worker-loop.ts";

export interface LoopLog {
  error(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

export type LoopName = "relay" | "orders" | "cases" | "patterns" | "arrivals";

export interface Loops {
  wake(name: LoopName): void;
  stop(): Promise<void>;
  /** Why mitigation tasks could not be started; empty while all is well. */
  reasons(): { code: string; text: string }[];
}

/** Nothing depends on these times: events wake the loops, and the clock finds what an event missed. */
const EVERY_MS: Record<LoopName, number> = {
  relay: 15_000,
  orders: 15_000,
  cases: 15_000,
  patterns: 60_000,
  arrivals: 10_000,
};
/** Without these no agent can be driven; the others only need the portal. */
const NEEDED: readonly LoopName[] = ["relay", "orders"];

export type Pass = (signal: AbortSignal) => Promise<void>;

/** Starts a loop for each kind of work that goes on by itself. */
export function startLoops(passes: Record<LoopName, readonly Pass[]>, log: LoopLog): Loops {
  const failing = new Map<LoopName, { code: string; text: string }>();
  const names = Object.keys(passes) as LoopName[];
  const loops = new Map<LoopName, WorkerLoop>();
  for (const name of names) {
    const run = async (signal: AbortSignal) => {
      await runAll(passes[name], signal);
      failing.delete(name);
    };
    const onError = (error: unknown) => {
      const known = error instanceof AppError ? error : null;
      failing.set(name, { code: known?.code ?? "server.internal", text: known?.row.text ?? `${name} failed` });
      // A portal that is away is told by the line itself; everything else is for a person to look at.
      if (known === null) log.error({ err: error, loop: name }, "a pass failed");
      else log.warn({ code: known.code, details: known.details, loop: name }, "a pass failed");
    };
    loops.set(name, startWorkerLoop({ everyMs: EVERY_MS[name], run, onError }));
  }
  return {
    wake: (name) => loops.get(name)?.wake(),
    stop: async () => {
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
    },
    reasons: () => NEEDED.flatMap((name) => failing.get(name) ?? []),
  };
}

/** Each pass gets its turn even if one before it failed; the first failure is told. */
async function runAll(passes: readonly Pass[], signal: AbortSignal): Promise<void> {
  const failures: unknown[] = [];
  for (const pass of passes) {
    if (signal.aborted) return;
    try {
      await pass(signal);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
