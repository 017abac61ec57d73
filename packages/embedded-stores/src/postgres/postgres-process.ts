import { type ChildProcess, spawn } from "node:child_process";
import { chown, open, readFile, readlink, rename, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { AppError } from "@tms/records";
import { Client } from "pg";
import { isMissing, readTextIfThere, writePrivateFile } from "../private-directory.ts";
import type { StoreLog } from "../store-log.ts";
import { exitOf, type StoreLaunch } from "../supervised-process.ts";
import type { DataPlace } from "./data-place.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";

/** A recovery after a crash replays at most a few log segments; minutes mean that something else is wrong. */
const READY_WITHIN_MS = 180_000;
const READY_POLL_MS = 40;
const LEFT_OVER_WITHIN_MS = 30_000;
const LOG_BYTES = 8 * 1024 * 1024;

/** Makes the data directory once, through a draft. */
export async function initialiseData(make: {
  place: DataPlace;
  binaries: PostgresBinaries;
  password: string;
  userName: string;
}): Promise<void> {
  const { place, binaries } = make;
  const data = join(place.directory, "data");
  if ((await readTextIfThere(join(data, "PG_VERSION"))) !== null) return;
  const draft = join(place.directory, "data.draft");
  const passwordFile = join(place.directory, "initdb-password");
  await rm(draft, { recursive: true, force: true });
  await writePrivateFile(passwordFile, make.password);
  if (place.account !== null) await chown(passwordFile, place.account.uid, place.account.gid);
  try {
    const args = [
      "-D",
      draft,
      "-U",
      make.userName,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
    ];
    const child = spawn(
      binaries.initdb,
      [...args, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"],
      {
        ...spawnAs(place),
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const [said, how] = await Promise.all([lastWords(child), exitOf(child)]);
    if (how.exitCode !== 0) throw new AppError("start.store_failed", { store: "initdb", ...how, said });
    await rename(draft, data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Starts the server and a watcher that ends it when this process dies without a word. */
export async function launchServer(launch: {
  place: DataPlace;
  binaries: PostgresBinaries;
  port: number;
  userName: string;
  password: string;
  settings: Readonly<Record<string, string>>;
}): Promise<StoreLaunch> {
  const { place } = launch;
  const logFile = join(place.directory, "postgres.log");
  await shorten(logFile);
  const output = await open(logFile, "a", 0o600);
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    password_encryption: "scram-sha-256",
    shared_buffers: "64MB",
    max_connections: "120",
    timezone: "UTC",
    log_timezone: "UTC",
    ...launch.settings,
  };
  const args = ["-D", join(place.directory, "data"), "-p", String(launch.port)];
  for (const [name, value] of Object.entries(settings)) args.push("-c", `${name}=${value}`);
  try {
    // Detached: Ctrl-C reaches a whole process group, and the store must outlive those who use it.
    const child = spawn(launch.binaries.postgres, args, {
      ...spawnAs(place),
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
    });
    watchParent(child, place);
    return { child, ready: answers(launch, child, logFile) };
  } finally {
    await output.close();
  }
}

/** Ends a server that outlived a killed program; a server of another living program was refused before. */
export async function endLeftOver(place: DataPlace, log: StoreLog): Promise<void> {
  const data = join(place.directory, "data");
  const file = await readTextIfThere(join(data, "postmaster.pid"));
  const pid = Number(file?.split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !(await servesData(pid, data))) return;
  log.warn({ pid }, "a PostgreSQL of an earlier start still runs; it is ended first");
  process.kill(pid, "SIGINT");
  const deadline = Date.now() + LEFT_OVER_WITHIN_MS;
  while (await servesData(pid, data)) {
    if (Date.now() > deadline) throw new AppError("start.directory_locked", { directory: data, pid });
    await wait(READY_POLL_MS);
  }
}

/** A number in a file may meanwhile be another program's: only a postgres that works in this very folder counts. */
export async function servesData(pid: number, data: string): Promise<boolean> {
  try {
    const [program, folder] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, "utf8"),
      readlink(`/proc/${pid}/cwd`),
    ]);
    return program.includes("postgres") && folder === data;
  } catch {
    // It ended meanwhile, or it is not ours to look at: nothing we may end.
    return false;
  }
}

function spawnAs(place: DataPlace) {
  const as = place.account === null ? {} : { uid: place.account.uid, gid: place.account.gid };
  return { ...as, cwd: place.directory, env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } };
}

/** A one-line shell waits on a pipe that closes with us, whatever kills us, and then asks the server to stop. */
function watchParent(server: ChildProcess, place: DataPlace): void {
  if (server.pid === undefined) return;
  const script = 'read -r _; kill -INT "$1"';
  const watcher = spawn("/bin/sh", ["-c", script, "tms-store-watcher", String(server.pid)], {
    ...spawnAs(place),
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // Without a watcher the next start ends the left-over; the store itself works.
  watcher.once("error", () => {});
  watcher.unref();
  server.once("exit", () => watcher.kill("SIGKILL"));
}

async function answers(
  launch: { port: number; userName: string; password: string },
  child: ChildProcess,
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && child.signalCode === null) {
    const refusal = await tryConnection(launch);
    if (refusal === null) return;
    if (Date.now() > deadline) {
      throw new AppError("start.store_failed", { store: "postgresql", logFile }, { cause: refusal });
    }
    await wait(READY_POLL_MS);
  }
  throw new AppError("start.store_failed", { store: "postgresql", logFile, exitCode: child.exitCode });
}

async function tryConnection(launch: { port: number; userName: string; password: string }): Promise<unknown> {
  const client = new Client({
    host: "127.0.0.1",
    port: launch.port,
    user: launch.userName,
    password: launch.password,
    database: "postgres",
    connectionTimeoutMillis: 5_000,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return null;
  } catch (error) {
    return error;
  } finally {
    await client.end();
  }
}

async function lastWords(child: ChildProcess): Promise<string> {
  let said = "";
  const take = (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-2_000);
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  await new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  return said;
}

async function shorten(logFile: string): Promise<void> {
  try {
    if ((await stat(logFile)).size > LOG_BYTES) await truncate(logFile, 0);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
