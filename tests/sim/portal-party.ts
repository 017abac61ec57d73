import { LOGS_PATH, linkHeartbeat, streamSchema } from "@tms/contracts/link";
import type { Disk } from "@tms/link";
import {
  type BatchIntake,
  createBatchIntake,
  createTakeHeartbeat,
  type IntakeStore,
  type Peer,
  problemOf,
  readBatchRecords,
} from "@tms/link/upper";
import { AppError, type DirectiveId, type ProductId, type ProviderScope, type Sha256 } from "@tms/records";
import type { StreamPlace } from "../../apps/portal/src/event-index/batch-to-index.ts";
import { createIndexStream, type IndexStreamDeps } from "../../apps/portal/src/event-index/index-stream.ts";
import { createGiveDirectives } from "../../apps/portal/src/heartbeats/give-directives.ts";
import { acceptanceOf } from "../../apps/portal/src/heartbeats/heartbeat.ts";
import { HeartbeatMemory } from "../../apps/portal/src/heartbeats/heartbeat-memory.ts";
import { heartbeatHandlers } from "../../apps/portal/src/heartbeats/heartbeat-routes.ts";
import { createLastSeenWriter, type LastSeenWriter } from "../../apps/portal/src/heartbeats/last-seen-writer.ts";
import { createRecordHeartbeat } from "../../apps/portal/src/heartbeats/record-heartbeat.ts";
import { createNewsWaiters } from "../../apps/portal/src/heartbeats/wait-for-news.ts";
import { type DatabaseImage, ModelDatabase } from "./model-database.ts";
import type { Mutation } from "./mutations.ts";
import type { Observer } from "./observer.ts";
import type { Random } from "./random.ts";
import { type DiskImage, never, VirtualDisk } from "./virtual-disk.ts";
import type { LineAnswer, LineRequest } from "./virtual-line.ts";
import type { VirtualTime } from "./virtual-time.ts";

// The portal: its shipped intake, heartbeat, directive and indexing use cases over a disk and a database in memory.
// A line stands for the TLS connection of one product, so the peer follows from it.

export const BLOBS = "/portal/blobs";
const PROVIDER: ProviderScope = { provider: true };
/** The shipped writer flushes once a second; here so often that days stay cheap, and well within what liveness counts. */
const FLUSH_EVERY_MS = 20_000;
const INDEX_AFTER_MS = { from: 200, to: 4000 };
const INDEX_AGAIN_MS = 30_000;

interface PortalProcess {
  alive: boolean;
  /** Rejects when the process dies under a machine that lives: its connections are reset. */
  reset: PromiseWithResolvers<never>;
  intake: BatchIntake;
  takeHeartbeat: ReturnType<typeof createTakeHeartbeat>;
  giveDirective: ReturnType<typeof createGiveDirectives>;
  indexing: Map<string, Promise<unknown>>;
  index: ReturnType<typeof createIndexStream>;
}

export interface PortalDeps {
  time: VirtualTime;
  random: Random;
  peers: readonly Peer[];
  observer: Observer;
  mutation: Mutation | null;
}

export class PortalParty {
  readonly disk: VirtualDisk;
  readonly database: ModelDatabase;
  #process: PortalProcess | null = null;
  readonly #deps: PortalDeps;

  constructor(deps: PortalDeps) {
    this.#deps = deps;
    const now = () => deps.time.clock().now();
    this.disk = new VirtualDisk({ time: deps.time, random: deps.random.fork(), now, holdsBatches: true });
    this.disk.install([BLOBS]);
    this.database = new ModelDatabase({ time: deps.time, random: deps.random.fork() });
  }

  get isUp(): boolean {
    return this.#process !== null;
  }

  start(): void {
    if (this.#process !== null) return;
    const { time } = this.#deps;
    time.note("portal starts");
    this.#process = this.#compose();
    this.#deps.observer.portalStarted();
    for (const peer of this.#deps.peers) {
      for (const { stream } of this.database.positions(peer.product))
        this.#indexSoon({ product: peer.product, stream });
    }
  }

  /** Ends the process in the middle of whatever it does; `power` = the machine, with what its disk had not synced. */
  crash(how: "kill" | "power"): void {
    const process = this.#process;
    if (process === null) return;
    this.#deps.time.note(`portal ${how}`);
    process.alive = false;
    this.#process = null;
    this.database.crash();
    if (how === "power") this.disk.losePower();
    else process.reset.reject(new AppError("link.unreachable", { reason: "ECONNRESET" }));
    this.#deps.observer.portalCrashed(this);
  }

  image(): { disk: DiskImage; database: DatabaseImage } {
    return { disk: this.disk.image(), database: this.database.image() };
  }

  /** Puts a backup back; the portal must be down. */
  restore(image: { disk: DiskImage; database: DatabaseImage }): void {
    this.#deps.time.note("portal restored");
    this.disk.restore(image.disk);
    this.database.restore(image.database);
  }

  async giveHint(lower: number): Promise<DirectiveId | null> {
    const peer = this.#peer(lower);
    const hint = { kind: "send-now" as const, payload: {} };
    return (await this.#process?.giveDirective({ customer: peer.customer }, peer.product, hint)) ?? null;
  }

  /** What the status and the log server answer to bytes of one product's connection. */
  readonly answer = async (lower: number, request: LineRequest, signal: AbortSignal): Promise<LineAnswer> => {
    const process = this.#process;
    if (process === null) throw new AppError("link.unreachable", { reason: "ECONNREFUSED" });
    const answered = this.#answerAlive(process, lower, { request, signal });
    const answer = await Promise.race([answered, process.reset.promise]);
    // What a dead process computes reaches nobody.
    return process.alive ? answer : never();
  };

  async #answerAlive(
    process: PortalProcess,
    lower: number,
    { request, signal }: { request: LineRequest; signal: AbortSignal },
  ): Promise<LineAnswer> {
    try {
      const answer =
        request.path === linkHeartbeat.path
          ? await this.#takeHeartbeat(process, lower, { request, signal })
          : await this.#takeBatch(process, lower, request);
      return { status: 200, body: Buffer.from(JSON.stringify(answer), "utf8") };
    } catch (error) {
      if (!process.alive) return never();
      this.#deps.observer.portalRefused(error);
      const problem = problemOf(error, "simulated");
      return { status: problem.status, body: Buffer.from(JSON.stringify(problem), "utf8") };
    }
  }

  async #takeHeartbeat(
    process: PortalProcess,
    lower: number,
    { request, signal }: { request: LineRequest; signal: AbortSignal },
  ) {
    const body: unknown = JSON.parse(request.body.toString("utf8"));
    const peer = async () => this.#peer(lower);
    return process.takeHeartbeat(body, { peer, address: `10.0.0.${lower}`, signal });
  }

  async #takeBatch(process: PortalProcess, lower: number, request: LineRequest) {
    const stream = streamSchema.parse(request.path.slice(LOGS_PATH.length + 1));
    const stated = { stream, statedDigest: request.digest as Sha256 | null, protocol: "ssl" as const };
    const answer = await process.intake.receive(this.#peer(lower), stated, inParts(request.body, this.#deps.time));
    if (process.alive) this.#deps.observer.batchAnswered(lower, { stream, answer, digest: request.digest });
    return answer;
  }

  #compose(): PortalProcess {
    const { time, random, mutation, observer } = this.#deps;
    const session = { alive: true };
    const timers = time.timers(session);
    const clock = time.clock();
    const heartbeats = this.database.heartbeatsFor(session, (product) => waiters.wake(product));
    const waiters = createNewsWaiters(timers);
    const lastSeen = createLastSeenWriter({
      store: heartbeats,
      scope: PROVIDER,
      node: random.uuid(),
      monotonicMs: timers.monotonicMs,
      onError: (error) => observer.broken(error),
    });
    const record = createRecordHeartbeat({
      store: heartbeats,
      lastSeen,
      memory: new HeartbeatMemory(),
      acceptance: acceptanceOf,
      // What a clone loses is the registration's care; here it is a violation that the observer counts.
      onClone: async () => undefined,
      newChallenge: random.uuid,
      clock,
    });
    const handlers = heartbeatHandlers({
      recordHeartbeat: async (scope, from, heartbeat) => {
        const acceptance = await record(scope, from, heartbeat);
        observer.heartbeatAccepted(from.product, { acceptance, heartbeat });
        return acceptance;
      },
      waitingDirectives: heartbeats.waitingDirectives,
      positions: async (_, product) => this.database.positions(product),
      waiters,
      clock,
    });
    const disk = mutation?.portalDisk?.(this.disk.of(session), time) ?? this.disk.of(session);
    const reset = Promise.withResolvers<never>();
    // With no request open nobody minds.
    reset.promise.catch(() => undefined);
    const process: PortalProcess = Object.assign(session, {
      reset,
      intake: createBatchIntake({
        directory: BLOBS,
        store: this.#intakeStore(session),
        clock,
        disk,
        newName: random.uuid,
      }),
      takeHeartbeat: createTakeHeartbeat({ heartbeats: handlers, trust: null, timers }),
      giveDirective: createGiveDirectives({ store: heartbeats, clock, newId: random.uuid }),
      indexing: new Map<string, Promise<unknown>>(),
      index: createIndexStream(this.#indexDeps(session, disk)),
    });
    this.#flushRegularly(lastSeen, session);
    return process;
  }

  #intakeStore(session: { alive: boolean }): IntakeStore {
    return this.database.intakeFor(session, (place) => {
      this.#deps.observer.batchCommitted(place, this.database.batches(place.product, place.stream).at(-1));
      this.#indexSoon(place);
    });
  }

  #indexDeps(session: { alive: boolean }, disk: Disk): IndexStreamDeps {
    const { mutation, observer } = this.#deps;
    const index = this.database.indexFor(session);
    const events = mutation?.indexedEvents?.(index.events) ?? index.events;
    return {
      ...index,
      events: {
        ...events,
        insert: async (place, rows, firstShortNumber) => {
          await events.insert(place, rows, firstShortNumber);
          observer.eventsInserted(place, this.database.events(place.product, place.stream).slice(-rows.length));
        },
      },
      readRecords: (_, blobKey) => readBatchRecords(`${BLOBS}/${blobKey}`, disk),
      handOn: {},
    };
  }

  #flushRegularly(lastSeen: LastSeenWriter, session: { alive: boolean }): void {
    if (!session.alive) return;
    void lastSeen.flush().catch((error: unknown) => this.#deps.observer.broken(error));
    this.#deps.time.after(FLUSH_EVERY_MS, () => this.#flushRegularly(lastSeen, session));
  }

  /** The job of the outbox: serial per stream, again later if it failed. */
  #indexSoon(place: StreamPlace, afterMs?: number): void {
    const process = this.#process;
    if (process === null) return;
    const { time, random, observer } = this.#deps;
    const key = `${place.product} ${place.stream}`;
    time.after(afterMs ?? random.between(INDEX_AFTER_MS.from, INDEX_AFTER_MS.to), () => {
      if (!process.alive) return;
      const before = process.indexing.get(key) ?? Promise.resolve();
      const scope = { customer: this.#customerOf(place.product) };
      const running = before.then(() => process.index(scope, place));
      const met = running.catch((error: unknown) => {
        if (!process.alive) return;
        observer.indexingFailed(error);
        this.#indexSoon(place, INDEX_AGAIN_MS);
      });
      process.indexing.set(key, met);
    });
  }

  #customerOf(product: ProductId) {
    const peer = this.#deps.peers.find((one) => one.product === product);
    if (peer === undefined) throw new Error(`no product ${product}`);
    return peer.customer;
  }

  #peer(lower: number): Peer {
    const peer = this.#deps.peers[lower];
    if (peer === undefined) throw new Error(`no line ${lower}`);
    return peer;
  }
}

/** A body comes in as it does over TCP: in parts that mean nothing. */
async function* inParts(body: Buffer, time: VirtualTime): AsyncGenerator<Uint8Array> {
  const third = Math.max(1, Math.ceil(body.length / 3));
  for (let at = 0; at < body.length; at += third) {
    time.awaitThreads();
    yield body.subarray(at, at + third);
  }
}
