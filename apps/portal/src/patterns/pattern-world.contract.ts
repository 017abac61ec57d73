import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parsePattern, planDigest } from "@tms/patterns";
import { type CaseId, type CustomerId, type CustomerScope, type EndpointId, newId, type Sha256 } from "@tms/records";
import { createSecretBox } from "@tms/server-kit";
import { addTarget, holdCeremony, makeEd25519, roleExpiry, sha256Of, signRole } from "@tms/signing";
import { createTestDatabase, TestClock, type TestDatabase } from "@tms/testkit";
import { createDraftPattern, type DraftCase } from "./draft-pattern.ts";
import { createOpenRepository } from "./open-repository.ts";
import { createPatternStore, type IssuedJob } from "./pattern-store.ts";
import { createRepositoryStore } from "./repository-store.ts";
import { createSignPattern, type SignPatternDeps } from "./sign-pattern.ts";

// The slice's real stores over a real database, customers with keys of their own, and what the experts' tools send.

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];

export interface PatternWorld {
  database: TestDatabase;
  clock: TestClock;
  store: ReturnType<typeof createPatternStore>;
  repositories: ReturnType<typeof createRepositoryStore>;
  openRepository: ReturnType<typeof createOpenRepository>;
  draftPattern: ReturnType<typeof createDraftPattern>;
  signPattern: ReturnType<typeof createSignPattern>;
  /** Signing with another way into the transaction: for holding it open. */
  signingThrough(lockedForSigning: SignPatternDeps["lockedForSigning"]): ReturnType<typeof createSignPattern>;
  issued: IssuedJob[];
  /** What the queue does instead of taking the job; null: it takes it. */
  queue: { refusal: Error | null };
  close(): Promise<void>;
}

export async function openPatternWorld(): Promise<PatternWorld> {
  const directory = await mkdtemp(join(tmpdir(), "tms-patterns-"));
  const database = await createTestDatabase({ migrations: MIGRATIONS });
  const db = database.databases;
  const secrets = createSecretBox({ keyFile: join(directory, "secret.key") });
  const clock = new TestClock();
  const issued: IssuedJob[] = [];
  const queue: PatternWorld["queue"] = { refusal: null };
  const store = createPatternStore({
    db,
    secrets,
    enqueueIssued: async (job) => {
      if (queue.refusal !== null) throw queue.refusal;
      issued.push(job);
    },
  });
  const repositories = createRepositoryStore(db, secrets);
  const putBlob = async (scope: CustomerScope, name: string) => `${scope.customer}/${name}`;
  const signingThrough = (lockedForSigning: SignPatternDeps["lockedForSigning"]) =>
    createSignPattern({ lockedForSigning, putBlob, clock });
  return {
    database,
    clock,
    store,
    repositories,
    openRepository: createOpenRepository({ repositories, putBlob, clock }),
    draftPattern: createDraftPattern({ patterns: store }),
    signPattern: signingThrough(store.lockedForSigning),
    signingThrough,
    issued,
    queue,
    async close() {
      await database.drop();
      await rm(directory, { recursive: true });
    },
  };
}

/** A key ceremony in memory; `bundle` is what an administrator brings into the portal. */
export function heldCeremony(at: Date) {
  const customer = { id: newId<CustomerId>(), name: "Mill" };
  const [snapshot, timestamp] = [makeEd25519(), makeEd25519()];
  const experts = ["heron", "wren", "kite"].map((name) => ({ name, key: makeEd25519() }));
  const { patternRoot, metadata, targets } = holdCeremony({
    customer,
    offline: [makeEd25519(), makeEd25519(), makeEd25519()],
    experts,
    snapshot: snapshot.publicSpki,
    timestamp: timestamp.publicSpki,
    targets: { regular: [{ path: "regular/RP-regular.json", bytes: Buffer.from('{"for":"tests"}') }] },
    at,
  });
  const bundle = {
    customer,
    metadata: new Map<string, Buffer>([...metadata].map(([name, bytes]) => [name, Buffer.from(bytes)])),
    targets: new Map<string, Buffer>([...targets].map(([path, bytes]) => [path, Buffer.from(bytes)])),
    onlineKeys: { snapshot: snapshot.privatePkcs8Pem, timestamp: timestamp.privatePkcs8Pem },
  };
  return { scope: { customer: customer.id }, experts, patternRoot, bundle };
}

export interface CustomerWithKeys {
  scope: CustomerScope;
  experts: ReturnType<typeof heldCeremony>["experts"];
  patternRoot: Sha256;
}

export async function customerWithKeys(world: PatternWorld): Promise<CustomerWithKeys> {
  const { scope, experts, patternRoot, bundle } = heldCeremony(world.clock.now());
  await world.openRepository(scope, bundle);
  return { scope, experts, patternRoot };
}

export function someCase(): DraftCase {
  return { id: newId<CaseId>(), shortId: "C-1", endpoint: newId<EndpointId>() };
}

/** A draft as `tms pattern import` sends it; `change` goes into the manifest. */
export function draftOf(scope: CustomerScope, of: DraftCase, change: Record<string, unknown> = {}) {
  const manifest = {
    schema: "tms.pattern/1",
    id: `CP-${randomBytes(6).toString("hex")}`,
    version: 1,
    title: "Marker cleanup",
    customer: scope.customer,
    case: null,
    severity: "high",
    expires: "2030-01-01T00:00:00Z",
    endpoints: [of.endpoint],
    limits: { maxKills: 4, maxFiles: 4, maxBytes: 1_000_000, deadlineSeconds: 60 },
    rules: [
      {
        id: "marker",
        kind: "yara",
        title: "Marker file",
        severity: "high",
        severityReason: "made for a test",
        source: 'rule marker { strings: $a = "made-up-marker" condition: $a }',
      },
    ],
    cleanup: [{ step: "q1", verb: "file.quarantine", detection: "marker", target: { from: "detected-file" } }],
    ...change,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const check = { ok: true, digest: sha256Of(bytes), planDigest: planDigest(parsePattern(bytes)) };
  return { bytes, check, by: "heron" };
}

/** The role file that says what is in force plus the pattern as it now stands, signed by these experts. */
export async function roleFileFor(
  world: PatternWorld,
  by: { scope: CustomerScope; id: string; version?: number; signers: CustomerWithKeys["experts"] },
): Promise<Buffer> {
  const pattern = await world.store.find(by.scope, by.id, by.version ?? 1);
  const inForce = await roleInForce(world, by.scope);
  const now = world.clock.now();
  const target = { path: pattern?.targetPath ?? "", bytes: pattern?.bytes ?? Buffer.alloc(0) };
  const unsigned = addTarget(inForce, target, { signedAt: now, expires: roleExpiry(now) });
  return by.signers.reduce((file, { key }) => signRole(file, key.privatePkcs8Pem), unsigned);
}

export async function roleInForce(world: PatternWorld, scope: CustomerScope): Promise<Buffer | null> {
  const version = (await world.repositories.state(scope))?.roles["custom-act"] ?? 0;
  return world.repositories.metadata(scope, `${version}.custom-act.json`);
}

/** Everything that the portal would serve this customer's products. */
export async function servedMetadata(world: PatternWorld, scope: CustomerScope): Promise<Map<string, Buffer>> {
  const state = await world.repositories.state(scope);
  const { root = 0, targets = 0, online = 0, roles = {} } = state ?? {};
  const names = [`${root}.root.json`, `${targets}.targets.json`, `${online}.snapshot.json`, "timestamp.json"];
  for (const [role, version] of Object.entries(roles)) names.push(`${version}.${role}.json`);
  const files = new Map<string, Buffer>();
  for (const name of names) {
    const bytes = await world.repositories.metadata(scope, name);
    if (bytes !== null) files.set(name, bytes);
  }
  return files;
}
