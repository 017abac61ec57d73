import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Clock, type CustomerId, type Sha256 } from "@tms/records";
import {
  type HighestSeen,
  type RepositoryPin,
  rootFingerprint,
  sha256Of,
  TARGET_ROLES,
  type TrustedTarget,
  verifyRepository,
} from "@tms/signing";
import { Updater } from "tuf-js";
import { createMirrorStore, type MetadataFiles, type MirrorStore } from "./mirror-store.ts";
import { FETCH_BASE, type PatternFetch, RecordingFetcher } from "./pattern-fetch.ts";

// One customer's pattern repository at a lower party.
// M1  Everything is verified from the pinned root; what is served downwards is not trusted there either.
// M2  tuf-js fetches by the rules of TUF; what came is then judged again by `verifyRepository`, which holds the clock,
//     the highest versions and our stricter rules of keys, and gives every failure its code.
// M3  Nothing reaches the disk before both agree.
// M4  Offline, the stored state is judged by the time at which it was last found fresh: stale metadata stops new
//     patterns, never those that were verified (architecture, section 8).

/** A single pattern manifest or recipients list; the portal refuses larger drafts. */
const MAX_TARGET_BYTES = 4_000_000;

export interface PatternMirror {
  /**
   * Asks the hop above for news and verifies all of it.
   *
   * @returns `changed` when the list of targets differs from the one before.
   * @throws {AppError} `pattern.*` for what does not verify; a failed fetch is thrown as the fetch threw it.
   */
  refresh(): Promise<{ changed: boolean; targets: TrustedTarget[] }>;
  /** Verified bytes of a current target; fetched if they are not here. @throws {AppError} `pattern.unknown`, `pattern.digest_mismatch`. */
  target(path: string): Promise<Buffer>;
  /** A metadata file for the hop below, null if there is none (which is an answer: the next root is mostly absent). */
  metadataFile(name: string): Promise<Buffer | null>;
  /** The targets last verified, from disk if need be, without any connection. */
  currentTargets(): Promise<TrustedTarget[]>;
  /** How many stored states did not verify when they were read and were dropped. */
  damagedStates(): number;
}

export interface PatternMirrorOptions {
  directory: string;
  /** SHA-256 of root version 1, from the connection details or the enrolment token; never from an answer. */
  patternRoot: Sha256;
  customer: CustomerId;
  fetch: PatternFetch;
  clock: Clock;
}

export function createPatternMirror(options: PatternMirrorOptions): PatternMirror {
  const store = createMirrorStore(options.directory);
  const pin: RepositoryPin = { patternRoot: options.patternRoot, customer: options.customer };
  const queue = createQueue();
  const state: { loaded: Loaded | null; damaged: number } = { loaded: null, damaged: 0 };

  async function loaded(): Promise<Loaded> {
    if (state.loaded !== null) return state.loaded;
    const stored = await loadStored(store, pin);
    if (stored.problem !== null) state.damaged += 1;
    state.loaded = stored;
    return stored;
  }

  return {
    refresh: () =>
      queue(async () => {
        const before = await loaded();
        const next = await refreshFrom(store, pin, { ...options, stored: before.files });
        state.loaded = next;
        await store.pruneTargets(new Set(next.targets.map((target) => target.sha256)));
        return { changed: listOf(before.targets) !== listOf(next.targets), targets: next.targets };
      }),
    target: (path) =>
      queue(async () => {
        const target = (await loaded()).targets.find((candidate) => candidate.path === path);
        if (target === undefined) throw new AppError("pattern.unknown", { path });
        return (await store.target(target.sha256)) ?? (await fetchTarget(store, options.fetch, target));
      }),
    metadataFile: async (name) => (METADATA_NAME.test(name) ? store.metadataFile(name) : null),
    currentTargets: () => queue(async () => (await loaded()).targets),
    damagedStates: () => state.damaged,
  };
}

/** What the hop below may ask for: the timestamp, or a numbered file. Never a path. */
const METADATA_NAME = /^(timestamp|[1-9][0-9]{0,8}\.[a-z-]{1,40})\.json$/;

interface Loaded {
  files: MetadataFiles;
  targets: TrustedTarget[];
  problem: AppError | null;
}

const NOTHING_LOADED: Loaded = { files: new Map(), targets: [], problem: null };

/**
 * A stored state that does not verify is dropped and counted: the next refresh fetches it anew, and what must never be
 * forgotten, the highest versions, is not part of it.
 */
async function loadStored(store: MirrorStore, pin: RepositoryPin): Promise<Loaded> {
  await store.prepare();
  const files = await store.currentFiles();
  const { highest, verifiedAt } = await store.remembered();
  if (files.size === 0 || verifiedAt === null) return NOTHING_LOADED;
  try {
    return { files, targets: verifyRepository(pin, files, { now: verifiedAt, highest }).targets, problem: null };
  } catch (error) {
    if (error instanceof AppError) return { ...NOTHING_LOADED, problem: error };
    throw error;
  }
}

async function refreshFrom(
  store: MirrorStore,
  pin: RepositoryPin,
  { directory, fetch, clock, stored }: PatternMirrorOptions & { stored: MetadataFiles },
): Promise<Loaded> {
  const { highest } = await store.remembered();
  const at = { now: clock.now(), highest };
  const begun = new Map(stored);
  if (!begun.has("1.root.json")) begun.set("1.root.json", await fetchPinnedRoot(fetch, pin));

  const fetched = await fetchNews(begun, { directory, fetch, now: latest(at) }, (files) =>
    verifyRepository(pin, files, at),
  );
  const files: MetadataFiles = new Map([...begun, ...fetched]);
  const trusted = verifyRepository(pin, files, at);

  const kept: MetadataFiles = new Map(trusted.files.flatMap((name) => entryOf(files, name)));
  if (!sameFiles(kept, stored)) await store.swap(kept);
  await store.remember({ highest: trusted.highest, verifiedAt: at.now });
  return { files: kept, targets: trusted.targets, problem: null };
}

async function fetchPinnedRoot(fetch: PatternFetch, pin: RepositoryPin): Promise<Buffer> {
  const root = await fetch.metadata("1.root.json");
  if (root === null) throw new AppError("pattern.metadata_invalid", { file: "1.root.json", reason: "absent" });
  if (rootFingerprint(root) !== pin.patternRoot) {
    throw new AppError("pattern.root_differs", { expected: pin.patternRoot, got: rootFingerprint(root) });
  }
  return root;
}

/**
 * Runs tuf-js over a scratch directory.
 *
 * @param judge Our own verification, which names what is wrong when the library only says that something is.
 */
async function fetchNews(
  files: MetadataFiles,
  { directory, fetch, now }: { directory: string; fetch: PatternFetch; now: Date },
  judge: (files: MetadataFiles) => unknown,
): Promise<MetadataFiles> {
  const scratch = await mkdtemp(join(directory, "scratch-"));
  const fetcher = new RecordingFetcher(fetch);
  try {
    await layOut(scratch, files);
    const updater = new Updater({
      metadataDir: scratch,
      metadataBaseUrl: FETCH_BASE,
      fetcher,
      config: { maxRootRotations: 32, maxDelegations: TARGET_ROLES.length + 1 },
    });
    holdClock(updater, now);
    await updater.refresh();
    // Asking for any target of a role makes the library load and verify that role.
    for (const role of TARGET_ROLES) await updater.getTargetInfo(`${role}/-`);
    return fetcher.fetched;
  } catch (error) {
    if (fetcher.failure !== null) throw fetcher.failure;
    judge(new Map([...files, ...fetcher.fetched]));
    throw new AppError("pattern.metadata_invalid", {}, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The library's own layout: the newest root, and each role's file, without version in the name. */
async function layOut(scratch: string, files: MetadataFiles): Promise<void> {
  const newest = new Map<string, { version: number; bytes: Buffer }>();
  for (const [name, bytes] of files) {
    const [first = "", second = ""] = name.split(".");
    const role = second === "json" ? first : second;
    const version = second === "json" ? 0 : Number(first);
    if ((newest.get(role)?.version ?? -1) < version) newest.set(role, { version, bytes });
  }
  await Promise.all([...newest].map(([role, { bytes }]) => writeFile(join(scratch, `${role}.json`), bytes)));
}

/**
 * tuf-js takes the system clock at construction and has no parameter for another; the fields are private in its types
 * only (seen in 6.0.2). `verifyRepository` judges by the same time afterwards, so this is for agreement, not for trust.
 */
function holdClock(updater: Updater, now: Date): void {
  const trusted: unknown = Reflect.get(updater, "trustedSet");
  if (typeof trusted === "object" && trusted !== null) Reflect.set(trusted, "referenceTime", now);
}

async function fetchTarget(store: MirrorStore, fetch: PatternFetch, target: TrustedTarget): Promise<Buffer> {
  if (target.sizeBytes > MAX_TARGET_BYTES) throw new AppError("pattern.digest_mismatch", { path: target.path });
  const kept = await store.part(target.sha256);
  const bytes = await fetchRest(store, fetch, { target, kept });
  if (isTarget(bytes, target)) return keep(store, target, bytes);
  // A torn or lying start would spoil every further try; what was begun with it is fetched whole, once.
  await store.dropPart(target.sha256);
  const anew = kept.length === 0 ? bytes : await fetchRest(store, fetch, { target, kept: Buffer.alloc(0) });
  if (isTarget(anew, target)) return keep(store, target, anew);
  await store.dropPart(target.sha256);
  throw new AppError("pattern.digest_mismatch", { path: target.path });
}

/** Goes on where an earlier try ended, also after a kill: what came is kept until the whole was verified. */
async function fetchRest(
  store: MirrorStore,
  fetch: PatternFetch,
  { target, kept }: { target: TrustedTarget; kept: Buffer },
): Promise<Buffer> {
  const { path, sha256, sizeBytes } = target;
  const parts = [kept];
  for (let have = kept.length; have < sizeBytes; ) {
    const to = Math.min(sizeBytes, have + (await fetch.nextSlice()));
    const slice = await fetch.target(path, { from: have, to });
    if (slice.length !== to - have) break;
    await store.addToPart(sha256, slice);
    parts.push(slice);
    have = to;
  }
  return Buffer.concat(parts);
}

function isTarget(bytes: Buffer, target: TrustedTarget): boolean {
  return bytes.length === target.sizeBytes && sha256Of(bytes) === target.sha256;
}

async function keep(store: MirrorStore, target: TrustedTarget, bytes: Buffer): Promise<Buffer> {
  await store.keepTarget(target.sha256, bytes);
  await store.dropPart(target.sha256);
  return bytes;
}

function latest({ now, highest }: { now: Date; highest: HighestSeen }): Date {
  return highest.signedAt !== null && new Date(highest.signedAt) > now ? new Date(highest.signedAt) : now;
}

function entryOf(files: MetadataFiles, name: string): [string, Buffer][] {
  const bytes = files.get(name);
  return bytes === undefined ? [] : [[name, bytes]];
}

function sameFiles(a: MetadataFiles, b: MetadataFiles): boolean {
  return a.size === b.size && [...a].every(([name, bytes]) => b.get(name)?.equals(bytes) === true);
}

function listOf(targets: readonly TrustedTarget[]): string {
  return targets
    .map((target) => `${target.path} ${target.sha256}`)
    .sort()
    .join("\n");
}

/** One after the other: a target is never pruned while it is being written, and two refreshes never swap at once. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  const tail: { last: Promise<unknown> } = { last: Promise.resolve() };
  return (work) => {
    const next = tail.last.then(work, work);
    // The caller gets the failure; the queue only needs to know that the work has ended.
    tail.last = next.catch(() => undefined);
    return next;
  };
}
