import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AppError } from "@tms/records";

// Supervisor: starts the product's processes in order, starts a fallen one again, stops them in reverse.
// I1  A child never outlives us: it has an IPC channel and stops when that closes, also after our kill -9.
// I2  Ctrl-C reaches us alone (children are detached), so that the order of stopping is ours.
// I3  A child that falls is started again with the same configuration, up to MAX_FALLS a minute; a start that fails
//     (the store it needs may be on its way back as well) is a fall like any other.

const APPS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const READY_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 15_000;
/** With the pauses below they cover some 16 s: a PostgreSQL that was killed recovers in less. */
const MAX_FALLS = 8;
const FALLS_WINDOW_MS = 60_000;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

export interface ChildSpec {
  name: string;
  app: "portal" | "mitigator" | "agent";
  configFile: string;
  logFile: string;
}

/** What a process says once it serves; the fields depend on the app. */
export type ReadyMessage = Record<string, unknown>;

export interface SupervisedChild {
  readonly name: string;
  readonly pid: () => number;
  /** What the newest incarnation said. */
  readonly ready: () => ReadyMessage;
  stop(): Promise<void>;
}

/**
 * Starts one app and waits until it serves.
 *
 * @throws {AppError} `start.process_failed` with the sentence that the process gave.
 */
export async function superviseChild(spec: ChildSpec, say: (line: string) => void): Promise<SupervisedChild> {
  await mkdir(dirname(spec.logFile), { recursive: true });
  let stopping = false;
  let falls: number[] = [];
  let current = await startChild(spec);
  let restarting: Promise<void> = Promise.resolve();

  const watch = () => {
    current.child.once("exit", (code, signal) => {
      restarting = restart(signal ?? `exit ${code}`).catch((error: unknown) =>
        say(`${spec.name} cannot be started again: ${String(error)}`),
      );
    });
  };
  const restart = async (end: string) => {
    let why = end;
    while (!stopping) {
      falls = [...falls.filter((at) => at > Date.now() - FALLS_WINDOW_MS), Date.now()];
      if (falls.length > MAX_FALLS)
        throw new AppError("start.process_failed", { name: spec.name, log: spec.logFile, falls: falls.length, why });
      say(`${spec.name} ended (${why}), starting it again.`);
      await pause(Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (falls.length - 1)));
      if (stopping) return;
      try {
        current = await startChild(spec);
      } catch (error) {
        why = String(error);
        continue;
      }
      watch();
      return;
    }
  };
  watch();
  return {
    name: spec.name,
    pid: () => current.child.pid ?? 0,
    ready: () => current.ready,
    stop: async () => {
      stopping = true;
      await stopChild(current.child);
      // One that was on its way back just now is stopped as well.
      await restarting;
      await stopChild(current.child);
    },
  };
}

/** Starts one app once and waits until it serves. @throws {AppError} `start.process_failed` */
export async function startChild(spec: ChildSpec): Promise<{ child: ChildProcess; ready: ReadyMessage }> {
  const log = createWriteStream(spec.logFile, { flags: "a", mode: 0o600 });
  const child = spawn(process.execPath, [join(APPS, spec.app, "src", "main.ts"), "--config", spec.configFile], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    cwd: dirname(spec.configFile),
    env: environmentOfChild(),
  });
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
  try {
    const ready = await Promise.race([readyOf(child, deadline), endOf(child, spec, deadline)]);
    return { child, ready };
  } catch (error) {
    child.kill("SIGKILL");
    if (error instanceof AppError) throw error;
    throw new AppError(
      "start.process_failed",
      { name: spec.name, log: spec.logFile, sentence: await lastSentence(spec.logFile) },
      { cause: error },
    );
  }
}

/** Our own TMS_… settings are the demo's; a child has everything in its configuration file. */
function environmentOfChild(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("TMS_")));
}

async function readyOf(child: ChildProcess, signal: AbortSignal): Promise<ReadyMessage> {
  for (;;) {
    const [message] = (await once(child, "message", { signal })) as [{ type?: unknown }];
    if (message.type === "ready") return message as ReadyMessage;
  }
}

async function endOf(child: ChildProcess, spec: ChildSpec, signal: AbortSignal): Promise<never> {
  const [code, ended] = (await once(child, "exit", { signal })) as [number | null, string | null];
  // Its last words may still be in the pipe.
  if (child.stderr !== null && !child.stderr.closed) await once(child.stderr, "close", { signal });
  const sentence = await lastSentence(spec.logFile);
  throw new AppError("start.process_failed", { name: spec.name, end: ended ?? code, log: spec.logFile, sentence });
}

async function lastSentence(logFile: string): Promise<string> {
  if (!existsSync(logFile)) return "";
  const text = await readFile(logFile, "utf8");
  const lines = text.trim().split("\n");
  // A log line or the last line for programs says the same less readably.
  return lines.findLast((line) => !line.startsWith("{"))?.slice(0, 600) ?? "";
}

/** Asks it to stop, and ends it if it does not in time. */
export async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const inTime = await Promise.race([ended.then(() => true), pause(STOP_DEADLINE_MS, false)]);
  if (inTime) return;
  child.kill("SIGKILL");
  await ended;
}
