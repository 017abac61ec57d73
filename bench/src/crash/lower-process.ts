import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PackageMetadata } from "@tms/contracts/link";
import {
  createDial,
  createLowerKeys,
  createLowerLink,
  createPatternMirror,
  type LowerLink,
  loadIdentity,
  openSpool,
  Pace,
  type Spool,
  type StoredIdentity,
} from "@tms/link/lower";
import { systemClock } from "@tms/records";
import { STREAM } from "../intake/template.ts";

// The lower party that is killed: a process that does one piece of work with the product's own link and goes on with it
// when it is started again on the same directory.

export interface LowerJob {
  /** Holds keys and identity. */
  directory: string;
  instanceId: string;
  statusServer: { host: string; port: number };
  logServer: { host: string; port: number; protocol: "ssl" | "ssh" };
  /** kbit/s of each direction. */
  kbits: number;
  work:
    | { kind: "deliver"; spool: string }
    | { kind: "upload"; file: string; meta: PackageMetadata }
    | { kind: "download"; mirror: string; to: string };
}

/** All of it is acknowledged, or verified and on the disk. */
export type LowerNews = "done";

async function main(job: LowerJob): Promise<void> {
  const keys = await createLowerKeys(join(job.directory, "keys"));
  const identity = await loadIdentity(keys);
  if (identity === null) throw new Error("not registered");
  const pace = () => {
    const made = new Pace();
    made.set(job.kbits * 1000);
    return made;
  };
  const paces = { up: pace(), down: pace() };
  const spool = await openSpool({
    directory: job.work.kind === "deliver" ? job.work.spool : join(job.directory, "no-spool"),
    streams: [STREAM],
    clock: systemClock,
  });
  const drained = Promise.withResolvers<void>();
  const link = createLowerLink({
    keys,
    identity,
    dial: createDial({ paces }),
    paces,
    statusServer: job.statusServer,
    logServer: job.work.kind === "deliver" ? job.logServer : null,
    spool: {
      ...spool,
      async acknowledge(stream, digest) {
        await spool.acknowledge(stream, digest);
        if (isEmpty(spool)) drained.resolve();
      },
    },
    describe: () => ({
      version: "1.0.0",
      host: "bench",
      instanceId: job.instanceId,
      ready: { ok: true, reasons: [] },
      sending: "on",
      agents: 0,
    }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  if (isEmpty(spool)) drained.resolve();
  await work(job, { link, identity, drained: drained.promise });
  await link.stop();
  await spool.close();
  process.send?.("done" satisfies LowerNews);
  process.disconnect();
}

async function work(
  { work }: LowerJob,
  { link, identity, drained }: { link: LowerLink; identity: StoredIdentity; drained: Promise<void> },
): Promise<void> {
  if (work.kind === "deliver") {
    link.start();
    await drained;
    return;
  }
  if (work.kind === "upload") {
    await again(() => link.request.uploadPackage({ file: work.file, meta: work.meta }));
    return;
  }
  const { patternRoot, customer } = identity;
  const fetch = {
    metadata: (name: string) => link.request.patternMetadata(name),
    target: (path: string, range: { from: number; to: number }) => link.request.patternTarget(path, range),
    nextSlice: () => link.request.nextSlice(),
  };
  const mirror = createPatternMirror({ directory: work.mirror, patternRoot, customer, fetch, clock: systemClock });
  const { targets } = await again(() => mirror.refresh());
  await mkdir(dirname(work.to), { recursive: true });
  for (const { path, sha256 } of targets) {
    await writeFile(join(work.to, sha256), await again(() => mirror.target(path)));
  }
}

const AGAIN_AFTER_MS = 100;
const MAX_TRIES = 600;

/** As the mitigator does: what failed for want of a portal is tried again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (tries >= MAX_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
    }
  }
}

function isEmpty(spool: Spool): boolean {
  return spool.report().every(({ spooledRecords }) => spooledRecords === 0);
}

if (process.send === undefined) throw new Error("started by the crash bench alone");
await main(JSON.parse(process.argv[2] ?? "") as LowerJob);
