import { type ChildProcess, fork } from "node:child_process";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { AppError, isErrorCode } from "@tms/records";
import { loopbackPort } from "../loopback-port.ts";
import { directoryError, makePrivateDirectory, readTextIfThere, writePrivateFile } from "../private-directory.ts";
import { type StoreLog, silentLog } from "../store-log.ts";
import { claimDirectory, startTicksOf } from "../store-owner.ts";
import { type StoreLaunch, superviseProcess } from "../supervised-process.ts";

const READY_WITHIN_MS = 120_000;
const LEFT_OVER_WITHIN_MS = 10_000;

export interface EventStoreOptions {
  /** The caller's private directory for this store; made if absent. */
  directory: string;
  /** 0 or absent = any free port. */
  port?: number;
  user: string;
  password: string;
  log?: StoreLog;
}

export interface EmbeddedEventStore {
  /** Base address of a ClickHouse HTTP interface, for @clickhouse/client. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  /** Resolves when a restart after a crash is over; at once if none is under way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
  /** Stops and deletes all data; for tests. */
  remove(): Promise<void>;
}

/**
 * Starts chDB in a child process that serves the ClickHouse HTTP interface on loopback, and starts it again on the
 * same port if it crashes. What was acknowledged survives a kill -9.
 *
 * Known differences from a server: no SET and USE; database `default` alone; answers are made whole (at most 256 MiB);
 * rows of an insert come in JSONEachRow, JSONCompactEachRow, TabSeparated or CSV.
 *
 * @throws {AppError} `start.port_in_use`, `start.directory_*`, `start.package_missing`, `start.store_failed`.
 */
export async function startEventStore(options: EventStoreOptions): Promise<EmbeddedEventStore> {
  const { directory, user, password } = options;
  await makePrivateDirectory(directory);
  const release = await claimDirectory(directory);
  const { port, supervised } = await startSupervised(options).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  const stop = async () => {
    await supervised.stop();
    await release();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    user,
    password,
    get pid() {
      return supervised.pid() ?? 0;
    },
    settled: supervised.settled,
    stop,
    remove: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startSupervised(options: EventStoreOptions) {
  const { directory, user, password } = options;
  await endLeftOver(directory);
  const port = await loopbackPort(options.port ?? 0);
  const supervised = await superviseProcess({
    name: "event store",
    log: options.log ?? silentLog,
    stopSignal: "SIGTERM",
    launch: () => launch({ directory, port, user, password }),
  });
  return { port, supervised };
}

async function launch(settings: {
  directory: string;
  port: number;
  user: string;
  password: string;
}): Promise<StoreLaunch> {
  const logFile = join(settings.directory, "event-store.log");
  const output = await open(logFile, "w", 0o600).catch((error: unknown) => {
    throw directoryError(error, settings.directory);
  });
  try {
    const child = fork(new URL("./event-store-main.ts", import.meta.url), [], {
      // Detached: Ctrl-C reaches a whole process group, and the store must outlive those who use it.
      detached: true,
      execArgv: [],
      env: { PATH: process.env.PATH, TZ: "UTC" },
      stdio: ["ignore", output.fd, output.fd, "ipc"],
    });
    const ready = readiness(child, logFile);
    child.send({ ...settings, directory: join(settings.directory, "data") });
    const startTicks = child.pid === undefined ? null : await startTicksOf(child.pid);
    await writePrivateFile(join(settings.directory, "child.json"), JSON.stringify({ pid: child.pid, startTicks }));
    return { child, ready };
  } finally {
    await output.close();
  }
}

function readiness(child: ChildProcess, logFile: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (details: Record<string, unknown>, code = "start.store_failed") => {
      clearTimeout(timer);
      reject(
        new AppError(isErrorCode(code) ? code : "start.store_failed", { store: "event store", logFile, ...details }),
      );
    };
    const timer = setTimeout(() => failed({ reason: "no answer in time" }), READY_WITHIN_MS);
    child.once("message", ({ type, code, ...details }: { type?: unknown; code?: unknown }) => {
      if (type !== "ready") return failed(details, String(code));
      clearTimeout(timer);
      resolve();
    });
    child.once("error", (error) => failed({ reason: error.message }));
    // What it said before may still be in the channel when its end is known.
    child.once("exit", (exitCode, signal) => {
      if (child.connected) child.once("disconnect", () => failed({ exitCode, signal }));
      else failed({ exitCode, signal });
    });
  });
}

/** The child of a killed program may still drain; SIGKILL loses nothing that it acknowledged. */
async function endLeftOver(directory: string): Promise<void> {
  const kept = await readTextIfThere(join(directory, "child.json"));
  if (kept === null) return;
  const left = JSON.parse(kept) as { pid?: number; startTicks?: string | null };
  if (typeof left.pid !== "number" || typeof left.startTicks !== "string") return;
  const deadline = Date.now() + LEFT_OVER_WITHIN_MS;
  while ((await startTicksOf(left.pid)) === left.startTicks) {
    if (Date.now() > deadline) throw new AppError("start.directory_locked", { directory, pid: left.pid });
    process.kill(left.pid, "SIGKILL");
    await wait(20);
  }
}
