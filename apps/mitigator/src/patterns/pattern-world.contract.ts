import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AppError,
  type CustomerId,
  type DirectiveId,
  type EndpointId,
  type ErrorCode,
  newId,
  type ThreatEventRecord,
} from "@tms/records";
import { makeEd25519 } from "@tms/signing";
import { createTestDatabase, TestClock } from "@tms/testkit";
import { onTestFinished } from "vitest";
import { makeManifest, serveRepository } from "#app/test-repository.contract.ts";
import { createDeployPatterns } from "./deploy-patterns.ts";
import { createFetchPatterns } from "./fetch-patterns.ts";
import { createPatternSource } from "./pattern-source.ts";
import { createPatternStore, type PatternTables } from "./pattern-store.ts";
import { createServePatterns } from "./serve-patterns.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
export const DAY_MS = 86_400_000;

export type Order = Parameters<Parameters<typeof createDeployPatterns>[0]["giveOrder"]>[0];

/** A mitigator's patterns between a signed repository, whose bytes a test may bend, and agents that take orders. */
export async function openWorld() {
  const database = await createTestDatabase<PatternTables>({ migrations: MIGRATIONS });
  const directory = await mkdtemp(join(tmpdir(), "tms-patterns-"));
  onTestFinished(async () => {
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  });
  const customer = newId<CustomerId>();
  const files = new Map<string, Buffer>();
  const repository = serveRepository({ customer, patternFiles: files });
  const clock = new TestClock(new Date());
  const store = createPatternStore(database.databases.app);
  const consentKey = makeEd25519();
  const endpoints: EndpointId[] = [newId<EndpointId>(), newId<EndpointId>()];
  const orders: Order[] = [];
  const refused: { path: string; code: ErrorCode }[] = [];
  const asked: EndpointId[] = [];
  const settings = { byPolicy: true, refuses: new Map<EndpointId, ErrorCode>() };
  const source = createPatternSource({
    directory,
    pins: async () => ({ customer, patternRoot: repository.patternRoot }),
    fetch: {
      metadata: async (name) => files.get(name) ?? null,
      target: async (path, { from, to }) => (files.get(`targets/${path}`) ?? Buffer.alloc(0)).subarray(from, to),
      nextSlice: async () => 1_000_000,
    },
    clock,
  });
  const fetchPatterns = createFetchPatterns({
    source,
    patterns: store,
    customer: async () => customer,
    ownEndpoints: async (ids) => endpoints.filter((id) => ids.includes(id)).map((id) => ({ id, host: "host-1" })),
    subjectOf: async () => null,
    onNewDeployments: () => undefined,
    onChanged: async () => undefined,
    onRefused: ({ path }, error) => void refused.push({ path, code: error.code }),
    clock,
  });
  const deploy = createDeployPatterns({
    patterns: store,
    source,
    customer: async () => customer,
    consentKey: { privatePem: consentKey.privatePkcs8Pem, publicSpki: Buffer.from(consentKey.publicSpki) },
    consentsByPolicy: async () => settings.byPolicy,
    giveOrder: async (order) => {
      const code = settings.refuses.get(order.endpoint);
      if (code !== undefined) throw new AppError(code, {});
      orders.push(order);
      return order.id ?? newId<DirectiveId>();
    },
    flushOutbox: async () => undefined,
    clock,
  });
  const serve = createServePatterns({
    source,
    patterns: store,
    countRequest: async (endpoint) => void asked.push(endpoint),
  });
  const issue = (of: EndpointId[], change: Record<string, unknown> = {}) =>
    repository.issue(makeManifest({ customer, endpoints: of, ...change }));
  const states = async () => {
    const { rows } = await store.list({ page: 1, pageSize: 100 });
    return new Map(rows.map((row) => [row.endpoint, row.state]));
  };
  const told = async (): Promise<ThreatEventRecord[]> => (await store.outbox(1000)).map(({ record }) => record);
  return {
    ...{ customer, files, clock, store, consentKey, endpoints, orders, refused, asked, settings, source },
    ...{ fetchPatterns, deploy, serve, issue, states, told },
  };
}

export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
