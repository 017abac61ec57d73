import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageDownloadPath } from "@tms/contracts/portal";
import { createLowerLink, openSpool } from "@tms/link/lower";
import {
  type CaseId,
  type EndpointId,
  newId,
  type PackageId,
  type Sha256,
  systemClock,
  type ThreatId,
} from "@tms/records";
import { type ContentDigest, contentInStore, createContentDigest } from "../intake/content-digest.ts";
import { realisticEvents } from "../intake/realistic-events.ts";
import { STREAM } from "../intake/template.ts";
import { type CrashWorld, frontVictim, jobOf, Lower, storeVictim } from "./crash-world.ts";
import type { LowerJob } from "./lower-process.ts";
import { passed, underFire } from "./under-fire.ts";

/** What one piece of work under fire came to. */
export interface PhaseRun {
  kills: Record<string, number>;
  /** Things that had to arrive, and those that arrived equal. */
  sent: number;
  stored: number;
  /** Bytes that the work alone takes, and bytes that passed; one direction. */
  bytes: { work: number; passed: number; chunk: number } | null;
}

interface Fire {
  maxKills: number;
}

const EVENTS = 20_000;
const BATCH_RECORDS = 1_000;
const APPEND = 1_000;
const UPLOAD_KBITS = 20_000;
const DOWNLOAD_KBITS = 5_000;
const PACKAGE_BYTES = 4 * 1024 * 1024;
/** Between the first bytes after a start and the next kill. */
const WITHIN_MS = 300;
const UNDER_WAY_BYTES = 10_000;

/** Everything that was ever sent as events: what the store must hold in the end. */
export class EventLedger {
  readonly digest: ContentDigest = createContentDigest();
  sent = 0;

  /** Fills a spool with the next events. */
  async fill(directory: string): Promise<void> {
    const limits = { sealRecords: BATCH_RECORDS };
    const spool = await openSpool({ directory, streams: [STREAM], clock: systemClock, limits });
    for (let end = this.sent + EVENTS; this.sent < end; this.sent += APPEND) {
      const records = realisticEvents(this.sent, APPEND);
      for (const record of records) this.digest.add(record.id, JSON.stringify(record));
      await spool.append(STREAM, records);
    }
    await spool.close();
  }
}

/** Batches on their way to the log server; sender, portal and PostgreSQL fall. */
export async function intakePhase(
  world: CrashWorld,
  ledger: EventLedger,
  fire: Fire & { protocol: "ssl" | "ssh" },
): Promise<PhaseRun> {
  const spool = join(world.directory, "lower", "spool");
  const before = await batchBytes(spool);
  await ledger.fill(spool);
  const job = jobOf(world, { protocol: fire.protocol, kbits: UPLOAD_KBITS, work: { kind: "deliver", spool } });
  const run = await lowerUnderFire(world, job, { ...fire, direction: "up", lines: [world.lines[fire.protocol]] });
  const after = await batchBytes(spool);
  const fresh = [...after].filter(([name]) => !before.has(name)).map(([, bytes]) => bytes);
  return {
    kills: run.kills,
    sent: EVENTS,
    stored: EVENTS,
    bytes: { work: sum(fresh), passed: run.passed, chunk: Math.max(...fresh) },
  };
}

/** What waits is written to the event store; worker, event store and PostgreSQL fall. */
export async function indexingPhase(world: CrashWorld, ledger: EventLedger, fire: Fire): Promise<PhaseRun> {
  const { portal, random } = world;
  const product = world.product.identity.product;
  const worker = await portal.startWorker();
  let indexed = 0;
  const look = async () => {
    // PostgreSQL may be the one that fell.
    indexed = await portal.indexed(product).catch(() => indexed);
    return indexed;
  };
  try {
    const kills = await underFire(
      {
        victims: [
          {
            name: "worker",
            weight: 70,
            kill: async () => {
              await worker.kill();
              await worker.start();
            },
          },
          storeVictim(world, "eventStore", 20),
          storeVictim(world, "postgres", 10),
        ],
        isDone: () => indexed >= ledger.sent,
        progress: look,
        underWay: 0,
        // Each look is a query.
        lookEveryMs: 50,
      },
      { maxKills: fire.maxKills, withinMs: 2 * WITHIN_MS, random },
    );
    return { kills, sent: 0, stored: 0, bytes: null };
  } finally {
    await worker.stop();
  }
}

/** Whether the store holds just what was sent. */
export async function eventsInStore(world: CrashWorld, ledger: EventLedger) {
  const product = world.product.identity.product;
  const stored = await contentInStore(world.portal.events, { table: "threat_events", product });
  return { stored: stored.distinct, digestEqual: stored.digest === ledger.digest.text() };
}

/** A forensic package on its way; sender and portal fall. */
export async function uploadPhase(world: CrashWorld, fire: Fire): Promise<PhaseRun> {
  const { portal } = world;
  const opened = { id: newId<CaseId>(), endpoint: newId<EndpointId>(), package: newId<PackageId>() };
  await openCase(world, opened);
  const bytes = randomBytes(PACKAGE_BYTES);
  const file = join(world.directory, `${opened.package}.age`);
  await writeFile(file, bytes);
  const sha256 = hashOf(bytes);
  const meta = { case: opened.id, package: opened.package, endpoint: opened.endpoint, sha256, recipients: "age1bench" };
  const job = jobOf(world, { kbits: UPLOAD_KBITS, work: { kind: "upload", file, meta } });
  const run = await lowerUnderFire(world, job, { ...fire, direction: "up", lines: [world.lines.status] });
  const path = packageDownloadPath.replace(":id", opened.id).replace(":packageId", opened.package);
  const stored = hashOf(await portal.person.download(path)) === sha256;
  await rm(file);
  return {
    kills: run.kills,
    sent: 1,
    stored: stored ? 1 : 0,
    bytes: { work: PACKAGE_BYTES, passed: run.passed, chunk: PACKAGE_BYTES },
  };
}

/** A pattern on its way down; receiver and portal fall. */
export async function downloadPhase(world: CrashWorld, fire: Fire): Promise<PhaseRun> {
  const mirror = join(world.directory, "lower", "mirror");
  const to = join(world.directory, "lower", "targets");
  for (const place of [mirror, to]) await rm(place, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  const job = jobOf(world, { kbits: DOWNLOAD_KBITS, work: { kind: "download", mirror, to } });
  const run = await lowerUnderFire(world, job, { ...fire, direction: "down", lines: [world.lines.status] });
  const names = await readdir(to);
  let equal = 0;
  let work = 0;
  for (const name of names) {
    const bytes = await readFile(join(to, name));
    work += bytes.length;
    if (hashOf(bytes) === name) equal += 1;
  }
  // A slice takes a quarter of a second at the line's rate.
  const chunk = (DOWNLOAD_KBITS * 1000) / 8 / 4;
  return { kills: run.kills, sent: names.length, stored: equal, bytes: { work, passed: run.passed, chunk } };
}

async function lowerUnderFire(
  world: CrashWorld,
  job: LowerJob,
  how: Fire & { direction: "up" | "down"; lines: Parameters<typeof passed>[0] },
) {
  const { direction, lines, maxKills } = how;
  const lower = new Lower(job);
  const before = passed(lines, direction);
  const kills = await underFire(
    {
      victims: [lower.victim, frontVictim(world), storeVictim(world, "postgres", 5)],
      isDone: () => lower.isDone,
      progress: () => passed(lines, direction),
      underWay: UNDER_WAY_BYTES,
      lookEveryMs: 5,
    },
    { maxKills, withinMs: WITHIN_MS, random: world.random },
  );
  await lower.ended();
  return { kills, passed: passed(lines, direction) - before };
}

async function openCase(world: CrashWorld, opened: { id: CaseId; endpoint: EndpointId }): Promise<void> {
  const { portal, product } = world;
  const spool = await openSpool({
    directory: join(world.directory, "no-spool"),
    streams: [STREAM],
    clock: systemClock,
  });
  const link = createLowerLink({
    keys: product.keys,
    identity: product.identity,
    statusServer: portal.details.statusServer,
    logServer: null,
    spool,
    describe: () => {
      throw new Error("this link sends no heartbeat");
    },
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  await link.request.putCase(opened.id, {
    endpoint: opened.endpoint,
    host: "bench",
    threats: [newId<ThreatId>()],
    events: [],
    note: "a package for the bench",
    openedBy: "bench",
    openedAt: new Date().toISOString(),
    state: "submitted",
  });
  await link.stop();
  await spool.close();
}

/** Sealed batches by file name, with their bytes. */
async function batchBytes(spool: string): Promise<Map<string, number>> {
  await mkdir(spool, { recursive: true });
  const names = await readdir(spool, { recursive: true });
  const batches = names.filter((name) => name.includes("/batches/"));
  const sizes = await Promise.all(
    batches.map(async (name): Promise<[string, number]> => {
      const found = await stat(join(spool, name));
      return [name, found.isFile() ? found.size : 0];
    }),
  );
  return new Map(sizes.filter(([, bytes]) => bytes > 0));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function hashOf(bytes: Uint8Array): Sha256 {
  return createHash("sha256").update(bytes).digest("hex") as Sha256;
}
