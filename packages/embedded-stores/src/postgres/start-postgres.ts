import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { Client } from "pg";
import { loopbackPort } from "../loopback-port.ts";
import { readTextIfThere, writePrivateFile } from "../private-directory.ts";
import { type StoreLog, silentLog } from "../store-log.ts";
import { claimDirectory } from "../store-owner.ts";
import { superviseProcess } from "../supervised-process.ts";
import { type DataPlace, dataPlace, REACHABLE_ROOT } from "./data-place.ts";
import { type PostgresBinaries, postgresBinaries } from "./postgres-binaries.ts";
import { endLeftOver, initialiseData, launchServer } from "./postgres-process.ts";

// PostgreSQL from npm's binaries, started and stopped by us.
// I1  It listens on 127.0.0.1 alone and asks everybody for a password (scram-sha-256).
// I2  The password is random, made once, and lies in a 0600 file of the caller's.
// I3  Data are never initialised anew over existing ones: initdb works on a draft that is renamed when complete.
// I4  postmaster.pid is never touched: PostgreSQL itself knows whether it is stale.

export const OWNER_NAME = "tms_owner";
/** How often a start is tried when another program took the chosen free port in between. */
const PORT_TRIES = 3;

export interface PostgresOptions {
  /** The caller's private directory for this store; made if absent. */
  directory: string;
  /** 0 or absent = any free port. */
  port?: number;
  /** Made if absent; plain names. */
  databases: readonly string[];
  log?: StoreLog;
  /** More server settings; tests pass `{ fsync: "off" }`. */
  settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  readonly port: number;
  readonly pid: number;
  /** Where the database really lies (elsewhere than `directory` when we are root). */
  readonly place: string;
  /** The owner's address of a database; with it everything can be done. */
  url(database: string): string;
  /** Resolves when a restart after a crash is over; at once if none is under way. */
  settled(): Promise<void>;
  stop(): Promise<void>;
  /** Stops and deletes all data; for tests. */
  remove(): Promise<void>;
}

/**
 * Starts PostgreSQL 18 over a directory, and again by itself if it crashes.
 *
 * @throws {AppError} `start.port_in_use`, `start.directory_*`, `start.package_missing`, `start.platform_unsupported`,
 *   `start.account_missing`, `start.store_failed`.
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? silentLog;
  for (const name of options.databases) {
    if (!/^[a-z][a-z0-9_]{0,50}$/.test(name)) throw new AppError("start.config_invalid", { database: name });
  }
  const place = await dataPlace(options.directory);
  const release = await claimDirectory(options.directory);
  const { port, server, url } = await startOver(place, options, log).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  const stop = async () => {
    await server.stop();
    await release();
  };
  return {
    port,
    get pid() {
      return server.pid() ?? 0;
    },
    place: place.directory,
    url,
    settled: server.settled,
    stop,
    remove: async () => {
      await stop();
      await rm(place.directory, { recursive: true, force: true });
      await rm(options.directory, { recursive: true, force: true });
    },
  };
}

async function startOver(place: DataPlace, options: PostgresOptions, log: StoreLog) {
  const binaries = await postgresBinaries({
    directory: place.account === null ? join(options.directory, "binaries") : REACHABLE_ROOT,
    always: place.account !== null,
  });
  await endLeftOver(place, log);
  // Asked before anything is made: making a database takes seconds, and a taken port is soon told.
  await loopbackPort(options.port ?? 0);
  const password = await passwordOf(options.directory);
  await initialiseData({ place, binaries, password, userName: OWNER_NAME });
  const { port, server } = await startServer({ place, binaries, password, wanted: options.port ?? 0, log, options });
  const url = (database: string) =>
    `postgres://${OWNER_NAME}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  try {
    await createDatabases(url("postgres"), options.databases);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { port, server, url };
}

async function startServer(start: {
  place: DataPlace;
  binaries: PostgresBinaries;
  password: string;
  wanted: number;
  log: StoreLog;
  options: PostgresOptions;
}) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await loopbackPort(start.wanted);
    try {
      const server = await superviseProcess({
        name: "postgresql",
        log: start.log,
        // Fast shutdown: sessions are cut, everything committed is kept.
        stopSignal: "SIGINT",
        launch: () =>
          launchServer({
            place: start.place,
            binaries: start.binaries,
            port,
            userName: OWNER_NAME,
            password: start.password,
            settings: start.options.settings ?? {},
          }),
      });
      return { port, server };
    } catch (error) {
      if (start.wanted !== 0 || attempt === PORT_TRIES) throw error;
      start.log.warn({ err: error, attempt }, "PostgreSQL did not start; another port is tried");
    }
  }
}

async function passwordOf(directory: string): Promise<string> {
  const file = join(directory, "postgres-password");
  const kept = await readTextIfThere(file);
  if (kept !== null && kept.length >= 32) return kept;
  const made = randomBytes(24).toString("base64url");
  await writePrivateFile(file, made);
  return made;
}

async function createDatabases(url: string, names: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  // A lost connection also fails the query that waits; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    for (const name of names) {
      const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
      if (rowCount === 0) await client.query(`create database "${name}"`);
    }
  } finally {
    await client.end();
  }
}
