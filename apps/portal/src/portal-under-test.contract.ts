import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import { type ApiClient, createApiClient, type FetchLike } from "@tms/contracts";
import { type CustomerKeys, portalRoutes } from "@tms/contracts/portal";
import { type CustomerId, newId, type Sha256 } from "@tms/records";
import { createClosing, createLogger } from "@tms/server-kit";
import { type Ed25519Key, holdCeremony, makeEd25519 } from "@tms/signing";
import { createEmptyDatabase, createTestEventStore, FakeAgent, type FakePortal } from "@tms/testkit";
import { type PortalReady, startPortal } from "./app.ts";
import type { PortalConfig } from "./config.ts";

// A whole portal on real stores for tests: every listener on a free loopback port.

export type Api = ApiClient<typeof portalRoutes>;

export interface CeremonyForTest {
  keys: CustomerKeys;
  experts: { name: string; key: Ed25519Key }[];
}

/** The key ceremony of a customer with two experts, all in memory. */
export function ceremonyFor(name: string): CeremonyForTest {
  const customer = { id: newId<CustomerId>(), name };
  const [snapshot, timestamp] = [makeEd25519(), makeEd25519()];
  const experts = ["expert.heron", "expert.wren"].map((one) => ({ name: one, key: makeEd25519() }));
  const repository = holdCeremony({
    customer,
    offline: [makeEd25519(), makeEd25519(), makeEd25519()],
    experts,
    snapshot: snapshot.publicSpki,
    timestamp: timestamp.publicSpki,
    targets: { regular: [{ path: "regular/RP-regular.json", bytes: Buffer.from('{"for":"tests"}') }] },
    at: new Date(Date.now() - 60_000),
  });
  const base64 = (files: Map<string, Uint8Array>) =>
    Object.fromEntries([...files].map(([path, bytes]) => [path, Buffer.from(bytes).toString("base64")]));
  const onlineKeys = { snapshot: snapshot.privatePkcs8Pem, timestamp: timestamp.privatePkcs8Pem };
  const keys: CustomerKeys = {
    schema: "tms.customer-keys/1",
    customer,
    demo: false,
    metadata: base64(repository.metadata),
    targets: base64(repository.targets),
    onlineKeys,
  };
  return { keys, experts };
}

export interface CustomerForTest {
  id: CustomerId;
  userName: string;
  password: string;
  patternRoot: Sha256;
  experts: CeremonyForTest["experts"];
}

export class PortalUnderTest {
  readonly ready: PortalReady;
  readonly eventStore: { url: string; user: string; password: string };
  readonly databaseUrl: string;
  readonly #close: () => Promise<void>;

  private constructor(parts: {
    ready: PortalReady;
    eventStore: PortalUnderTest["eventStore"];
    databaseUrl: string;
    close: () => Promise<void>;
  }) {
    this.ready = parts.ready;
    this.eventStore = parts.eventStore;
    this.databaseUrl = parts.databaseUrl;
    this.#close = parts.close;
  }

  static async start(changes: Partial<PortalConfig> = {}): Promise<PortalUnderTest> {
    const dataDir = await mkdtemp(join(tmpdir(), "tms-portal-"));
    const [database, events] = await Promise.all([createEmptyDatabase(), createTestEventStore()]);
    const opened = createClosing();
    const eventStore = { url: events.url, user: events.user, password: events.password };
    const anywhere = { host: "127.0.0.1", port: 0 };
    const close = async () => {
      await opened.closeAll();
      await Promise.all([database.drop(), events.drop()]);
      await rm(dataDir, { recursive: true, force: true });
    };
    const ready = await startPortal(
      {
        dataDir,
        edition: "hosted",
        name: "Portal under test",
        zone: "Europe/Vienna",
        listen: { console: anywhere, statusServer: anywhere, logServerSsl: anywhere, logServerSsh: anywhere },
        publicHost: "127.0.0.1",
        database: { url: database.url },
        eventStore,
        roles: ["console", "status-server", "log-server", "worker"],
        metricsFrom: ["127.0.0.1"],
        limits: {
          bytesPerDay: 2 ** 40,
          customerBytesPerDay: 2 ** 40,
          packageBytes: 2 ** 32,
          requestsPerSecond: 1000,
        },
        demo: false,
        logLevel: "error",
        ...changes,
      },
      createLogger({ name: "portal", level: "error" }),
      opened,
    );
    return new PortalUnderTest({ ready, eventStore, databaseUrl: database.url, close });
  }

  /** As it lies there now: it may have rolled over. */
  get caPem(): string {
    return readFileSync(this.ready.caPem, "utf8");
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** An API client; `cookie` or `token` say who speaks. */
  api(headers: Record<string, string> = {}): Api {
    return createApiClient(portalRoutes, { baseUrl: this.ready.console ?? "", fetch: this.fetch, headers });
  }

  readonly fetch: FetchLike = async (url, init) => {
    const answer = await this.raw(url, init);
    return { status: answer.status, text: async () => answer.body.toString("utf8") };
  };

  raw(
    url: string,
    init: { method: string; headers: Record<string, string>; body?: string },
  ): Promise<{ status: number; headers: Record<string, string | string[] | undefined>; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const target = url.startsWith("/") ? `${this.ready.console}${url}` : url;
      const sent = httpsRequest(target, { method: init.method, headers: init.headers, ca: this.caPem }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        );
        answer.on("error", reject);
      });
      sent.on("error", reject);
      sent.end(init.body);
    });
  }

  /** Makes the first administrator by the set-up link and gives the cookie. */
  async setUp(): Promise<{ cookie: string }> {
    const token = /token=(.+)$/.exec(this.ready.setUpLink ?? "")?.[1] ?? "";
    return this.#logOn("/api/v1/setup", { token, userName: "admin", password: "correct horse battery" });
  }

  /** Adds an expert and gives the cookie and the CLI's token. */
  async expert(administrator: Api, userName: string): Promise<{ cookie: string; token: string }> {
    const password = "correct horse battery";
    await administrator.addAccount({ body: { userName, password, role: "expert" } });
    const { cookie } = await this.#logOn("/api/v1/session", { userName, password });
    const { token } = await this.api().issueToken({ body: { userName, password } });
    return { cookie, token };
  }

  async #logOn(path: string, body: object): Promise<{ cookie: string }> {
    const answer = await this.raw(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const cookie = String(answer.headers["set-cookie"]).split(";")[0] ?? "";
    if (answer.status !== 200) throw new Error(`log-on answered ${answer.status}: ${answer.body.toString("utf8")}`);
    return { cookie };
  }

  async addCustomer(administrator: Api, name: string): Promise<CustomerForTest> {
    const { keys, experts } = ceremonyFor(name);
    const validUntil = new Date(Date.now() + 86_400_000).toISOString();
    const { customer, password } = await administrator.addCustomer({ body: { keys, validUntil } });
    return { id: customer.id, userName: customer.userName, password, patternRoot: customer.patternRoot, experts };
  }

  /** A lower party with real keys, spool and link, registered at this portal. */
  async product(administrator: Api, customer: CustomerForTest, protocol: "ssl" | "ssh" = "ssl"): Promise<FakeAgent> {
    const details = await administrator.connectionDetails({ params: { id: customer.id } });
    const portal = {
      host: details.statusServer.host,
      ports: {
        status: details.statusServer.port,
        ssl: details.logServer.ssl.port,
        ssh: details.logServer.ssh.port,
      },
      authority: { spkiPin: details.caPins[0] },
      patternRoot: details.patternRoot,
      userName: details.userName,
      password: customer.password,
    };
    // The fake agent reads addresses, pins and credentials of its portal and nothing else.
    return FakeAgent.create({ portal: portal as unknown as FakePortal, protocol, maxWaitSeconds: 2 });
  }

  eventClient() {
    return createClient({
      url: this.eventStore.url,
      username: this.eventStore.user,
      password: this.eventStore.password,
    });
  }
}

/** Asks until it is so; the bound is for a hang, never an assertion about time. */
export async function eventually<T>(ask: () => Promise<T>, isSo: (value: T) => boolean, tries = 200): Promise<T> {
  let value = await ask();
  for (let count = 0; !isSo(value) && count < tries; count += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    value = await ask();
  }
  return value;
}
