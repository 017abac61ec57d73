import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type ChildSpec, type ReadyMessage, startChild, stopChild } from "../../../apps/cli/src/demo/supervisor.ts";

/** A process of the product. It falls and comes back only when it is told to. */
export interface Restartable {
  pid(): number;
  /** What the newest incarnation said. */
  ready(): ReadyMessage;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on what it left. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws {AppError} `start.process_failed` */
export async function startRestartable(spec: ChildSpec): Promise<Restartable> {
  await mkdir(dirname(spec.logFile), { recursive: true });
  let current = await startChild(spec);
  return {
    pid: () => current.child.pid ?? 0,
    ready: () => current.ready,
    kill: async () => {
      const gone = once(current.child, "exit");
      if (current.child.exitCode !== null || current.child.signalCode !== null) return;
      current.child.kill("SIGKILL");
      await gone;
    },
    start: async () => {
      current = await startChild(spec);
    },
    stop: () => stopChild(current.child),
  };
}
