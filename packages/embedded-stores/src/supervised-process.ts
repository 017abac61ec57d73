import type { ChildProcess } from "node:child_process";
import { AppError } from "@tms/records";
import type { StoreLog } from "./store-log.ts";

// Keeps one store process running.
// I1  `start` resolves only when the store answers; if it never does, its process has ended when `start` rejects.
// I2  A store that ends by itself is started again on the same port, at most MOST_RESTARTS times within a minute.
// I3  After `stop` nothing of it runs and nothing starts again.

/** A store that fails this often in a minute will fail again; someone has to look at its log. */
const MOST_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;
const STOP_GRACE_MS = 20_000;

export interface StoreLaunch {
  child: ChildProcess;
  /** Resolves when the store answers; rejects with what went wrong. */
  ready: Promise<void>;
}

export interface SupervisedProcess {
  /** The current process; another one after a restart. */
  pid(): number | undefined;
  /** True while the store answers. */
  running(): boolean;
  /** Resolves when a restart that is under way is over. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export async function superviseProcess(options: {
  name: string;
  log: StoreLog;
  launch: () => Promise<StoreLaunch>;
  stopSignal: NodeJS.Signals;
}): Promise<SupervisedProcess> {
  const { name, log } = options;
  const restartsAt: number[] = [];
  const state: { child: ChildProcess | null; stopping: boolean; running: boolean; restart: Promise<void> } = {
    child: null,
    stopping: false,
    running: false,
    restart: Promise.resolve(),
  };

  async function startOnce(): Promise<void> {
    const { child, ready } = await options.launch();
    state.child = child;
    const ended = exitOf(child);
    try {
      await Promise.race([
        ready,
        ended.then((how) => {
          throw new AppError("start.store_failed", { store: name, ...how });
        }),
      ]);
    } catch (error) {
      await endProcess(child, "SIGKILL");
      throw error;
    }
    state.running = true;
    void ended.then((how) => {
      state.running = false;
      if (state.stopping) return;
      log.error({ store: name, ...how }, "a store ended by itself; it is started again");
      state.restart = restart();
    });
  }

  async function restart(): Promise<void> {
    while (!state.stopping) {
      const now = Date.now();
      restartsAt.push(now);
      if (restartsAt.filter((at) => now - at < RESTART_WINDOW_MS).length > MOST_RESTARTS) {
        log.error({ store: name }, "a store ended too often; it is not started again");
        return;
      }
      try {
        await startOnce();
        log.info({ store: name, pid: state.child?.pid }, "the store answers again");
        return;
      } catch (error) {
        log.error({ store: name, err: error }, "a store did not start again");
      }
    }
  }

  await startOnce();
  return {
    pid: () => state.child?.pid,
    running: () => state.running,
    settled: async () => {
      let seen: Promise<void> | null = null;
      while (seen !== state.restart) {
        seen = state.restart;
        await seen;
      }
    },
    stop: async () => {
      state.stopping = true;
      if (state.child !== null) await endProcess(state.child, options.stopSignal);
      await state.restart;
      if (state.child !== null) await endProcess(state.child, options.stopSignal);
    },
  };
}

/** How a child ended; a child that never came to life counts as ended. */
export function exitOf(
  child: ChildProcess,
): Promise<{ exitCode: number | null; signal: string | null; reason?: string }> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve({ exitCode: child.exitCode, signal: child.signalCode });
    }
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    child.once("error", (error) => resolve({ exitCode: null, signal: null, reason: error.message }));
  });
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = exitOf(child);
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
  await ended;
  clearTimeout(timer);
}
