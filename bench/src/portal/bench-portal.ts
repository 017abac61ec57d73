import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { ConnectionDetails } from "@tms/contracts/link";
import { createLowerKeys, type LowerKeys, registerLower, type StoredIdentity } from "@tms/link/lower";
import { newId, type ProductId } from "@tms/records";
import pg from "pg";
import { type DemoStores, startStores } from "../../../apps/cli/src/demo/demo-stores.ts";
import { rememberedPassword } from "../../../apps/cli/src/demo/log-ons.ts";
import { demoCeremony } from "../../../apps/cli/src/demo/once.ts";
import { atPortal, type PortalPerson } from "../../../apps/cli/src/demo/person.ts";
import { type Restartable, startRestartable } from "./restartable.ts";

const HOST = "127.0.0.1";
const DAY_MS = 24 * 3_600_000;

export interface BenchProduct {
  keys: LowerKeys;
  identity: StoredIdentity;
  instanceId: string;
}

/** A real portal: its stores, a front process without worker, and a worker process when it is asked for. */
export interface BenchPortal {
  details: ConnectionDetails;
  /** The customer's. */
  password: string;
  /** An administrator at the console. */
  person: PortalPerson;
  /** Log server, status server and console. A restart keeps their ports. */
  front: Restartable;
  stores: Pick<DemoStores, "pids">;
  events: ClickHouseClient;
  database: pg.Pool;
  registerProduct(directory: string): Promise<BenchProduct>;
  /** One more customer, with keys of its own. */
  addCustomer(directory: string): Promise<{ userName: string; password: string }>;
  startWorker(): Promise<Restartable>;
  /** Records whose indexing is committed. */
  indexed(product: ProductId): Promise<number>;
  /** Whether all that is indexed went on to deployments, cases and incidents. */
  handedOn(product: ProductId): Promise<boolean>;
  completenessOf(
    product: ProductId,
  ): Promise<{ sent: number | null; distinctIndexed: number; repeated: number; gaps: number; lost: number }>;
  close(): Promise<void>;
}

/** @param options.rules The regular pattern's, a directory of YARA files; default: the demo's */
export async function startBenchPortal(directory: string, options: { rules?: string } = {}): Promise<BenchPortal> {
  const opened = new AsyncDisposableStack();
  try {
    const ceremony = await demoCeremony(directory, options.rules);
    const stores = await startStores(directory);
    opened.defer(() => stores.stop());
    const start = (name: string, roles: string[]) =>
      startProcess({
        directory,
        name,
        roles,
        database: stores.databaseUrl("portal"),
        eventStore: stores.eventStore(),
      });
    const front = await start("front", ["console", "status-server", "log-server"]);
    opened.defer(() => front.stop());
    const person = await atPortal(String(front.ready().console), join(directory, "portal", "ca.pem"));
    const userName = "admin.owl";
    const token = new URLSearchParams(String(front.ready().setUpLink).split("?")[1]).get("token") ?? "";
    await person.setUp({
      body: { token, userName, password: await rememberedPassword(directory, "portal", userName) },
    });
    const validUntil = new Date(Date.now() + DAY_MS).toISOString();
    const added = await person.addCustomer({ body: { keys: ceremony.bundle, validUntil } });
    const details = await person.connectionDetails({ params: { id: added.customer.id } });
    const { url, user, password } = stores.eventStore();
    const events = createClient({
      url,
      username: user,
      password,
      request_timeout: 120_000,
      // What fails is thrown; a store that was killed on purpose need not be told of as well.
      log: { level: ClickHouseLogLevel.OFF },
      clickhouse_settings: { send_progress_in_http_headers: 1, http_headers_progress_interval_ms: "10000" },
    });
    opened.defer(() => events.close());
    const database = new pg.Pool({ connectionString: stores.databaseUrl("portal"), max: 1 });
    // A connection that lies idle and breaks, because PostgreSQL was killed on purpose: the next query opens another.
    database.on("error", () => undefined);
    opened.defer(() => database.end());
    return {
      details,
      password: added.password,
      person,
      front,
      stores,
      events,
      database,
      addCustomer: async (at) => {
        await mkdir(at, { recursive: true });
        const { bundle } = await demoCeremony(at);
        const made = await person.addCustomer({ body: { keys: bundle, validUntil } });
        const { userName } = await person.connectionDetails({ params: { id: made.customer.id } });
        return { userName, password: made.password };
      },
      registerProduct: (at) => registerProduct(details, added.password, at),
      startWorker: () => start("worker", ["worker"]),
      async indexed(product) {
        const { rows } = await database.query<{ n: string }>(
          "select coalesce(sum(new_ids + repeated + kept_aside), 0) as n from event_index_batches where product = $1",
          [product],
        );
        return Number(rows[0]?.n ?? 0);
      },
      async handedOn(product) {
        const { rows } = await database.query<{ done: boolean }>(
          "select bool_and(handed_on >= arrival) as done from event_index_streams where product = $1",
          [product],
        );
        return rows[0]?.done ?? false;
      },
      async completenessOf(product) {
        const { completeness } = await person.getProduct({ params: { id: product } });
        const found = completeness.find(({ stream }) => stream === "threat-events");
        if (found === undefined) throw new Error("the portal tells no completeness");
        return { ...found, gaps: found.gaps.length, lost: found.lost };
      },
      close: () => opened.disposeAsync(),
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}

interface ProcessOptions {
  directory: string;
  name: string;
  roles: string[];
  database: string;
  eventStore: object;
}

async function startProcess(options: ProcessOptions): Promise<Restartable> {
  const { directory, name, roles } = options;
  const anyPort = { host: HOST, port: 0 };
  const config = {
    dataDir: join(directory, "portal"),
    listen: { console: anyPort, statusServer: anyPort, logServerSsl: anyPort, logServerSsh: anyPort },
    database: { url: options.database },
    eventStore: options.eventStore,
    roles,
  };
  const configFile = join(directory, `${name}.json`);
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const logFile = join(directory, "logs", `${name}.log`);
  const started = await startRestartable({ name, app: "portal", configFile, logFile });
  // Whoever comes back finds the same ports.
  const { console: consoleUrl, statusServer, logServer } = started.ready() as ReadyPortal;
  const at = (port: number | undefined) => ({ host: HOST, port: port ?? 0 });
  const listen = {
    console: at(consoleUrl == null ? 0 : Number(new URL(consoleUrl).port)),
    statusServer: at(statusServer?.port),
    logServerSsl: at(logServer?.ssl.port),
    logServerSsh: at(logServer?.ssh.port),
  };
  await writeFile(configFile, JSON.stringify({ ...config, listen }), { mode: 0o600 });
  return started;
}

interface ReadyPortal {
  console?: string | null;
  statusServer?: { port: number } | null;
  logServer?: { ssl: { port: number }; ssh: { port: number } } | null;
}

async function registerProduct(details: ConnectionDetails, password: string, directory: string): Promise<BenchProduct> {
  await mkdir(directory, { recursive: true });
  const keys = await createLowerKeys(join(directory, "keys"));
  const instanceId = newId<string>();
  const identity = await registerLower({
    keys,
    statusServer: details.statusServer,
    caPins: details.caPins,
    patternRoot: details.patternRoot,
    request: {
      credentials: { kind: "password", userName: details.userName, password },
      kind: "mitigator",
      version: "1.0.0",
      host: "bench",
      instanceId,
    },
  });
  return { keys, identity, instanceId };
}
