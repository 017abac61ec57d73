import {
  type IntakeStore,
  type IntakeTransaction,
  isTaken,
  type Judgement,
  type KnownStart,
  type Peer,
} from "@tms/link/upper";
import type { CustomerScope, DirectiveId, Epoch, ProductId, RecordId, Stream } from "@tms/records";
import type { BatchToIndex, StreamPlace } from "../../apps/portal/src/event-index/batch-to-index.ts";
import type { IndexedBatch } from "../../apps/portal/src/event-index/completeness.ts";
import type { IndexStreamDeps } from "../../apps/portal/src/event-index/index-stream.ts";
import type { NumberedRecord } from "../../apps/portal/src/event-index/stored-event.ts";
import type { ServingPeriod } from "../../apps/portal/src/heartbeats/heartbeat.ts";
import type { SeenProduct } from "../../apps/portal/src/heartbeats/last-seen-writer.ts";
import type { Directive, DirectiveOutcome, KeptLedger } from "../../apps/portal/src/heartbeats/ledger.ts";
import type { HeartbeatToStore } from "../../apps/portal/src/heartbeats/record-heartbeat.ts";
import type { BatchRow } from "../../apps/portal/src/log-intake/batch-row.ts";
import type { Random } from "./random.ts";
import { never } from "./virtual-disk.ts";
import type { VirtualTime } from "./virtual-time.ts";

// What stands in for PostgreSQL and the event store: the interfaces of the portal's stores over tables in memory.
// I1  A transaction holds its row's lock; its writes come into force together, at the commit, or not at all.
// I2  What was committed survives every crash. The crash may come between the commit and its answer.
// I3  The event store keeps every row that is inserted: a record inserted twice stands there twice.

export interface EventRow {
  id: RecordId;
  batch: string;
  number: number;
}

type Table<Value> = Map<string, Value>;

interface Tables {
  positions: Table<{ epoch: Epoch; next: number; head: KeptLedger["head"] }>;
  batches: Table<BatchRow[]>;
  arrivals: number;
  starts: Table<KnownStart>;
  ledgers: Table<KeptLedger>;
  directives: Table<(Directive & { outcome: DirectiveOutcome | null })[]>;
  seen: Table<Date>;
  serving: Table<ServingPeriod>;
  cursors: Table<{ indexedTo: number; handedOnTo: number }>;
  indexed: Table<IndexedBatch>;
  shortNumbers: number;
  events: Table<EventRow[]>;
}

/** One connection of one process; it dies with it. */
export interface Session {
  alive: boolean;
}

export class ModelDatabase {
  #tables: Tables = emptyTables();
  #locks = new Map<string, Promise<unknown>>();
  readonly #time: VirtualTime;
  readonly #random: Random;

  constructor(deps: { time: VirtualTime; random: Random }) {
    this.#time = deps.time;
    this.#random = deps.random;
  }

  get tables(): Readonly<Tables> {
    return this.#tables;
  }

  image(): Tables {
    return structuredClone(this.#tables);
  }

  restore(image: Tables): void {
    this.#tables = structuredClone(image);
  }

  /** Locks of a crashed server's sessions are gone with them. */
  crash(): void {
    this.#locks = new Map();
  }

  now(): Date {
    return this.#time.clock().now();
  }

  /** Runs `work` under a row's lock and commits what it wrote. */
  async transaction<T>(session: Session, row: string, work: (writes: (() => void)[]) => Promise<T>): Promise<T> {
    const before = this.#locks.get(row) ?? Promise.resolve();
    const mine = before.then(async () => {
      const writes: (() => void)[] = [];
      const result = await work(writes);
      if (writes.length > 0) await this.#commit(session, writes);
      return result;
    });
    this.#locks.set(
      row,
      mine.catch(() => undefined),
    );
    return mine;
  }

  async #commit(session: Session, writes: readonly (() => void)[]): Promise<void> {
    await this.#pause(session);
    for (const write of writes) write();
    await this.#pause(session);
  }

  async #pause(session: Session): Promise<void> {
    await this.#time.sleep(this.#random.between(1, 4));
    if (!session.alive) await never();
  }

  /** The stores' interfaces, for one process of the portal. */
  intakeFor(session: Session, onAccepted: (place: StreamPlace) => void): IntakeStore {
    return {
      locked: (peer, stream, work) =>
        this.transaction(session, `intake ${keyOf(peer.product, stream)}`, (writes) =>
          work(this.#intakeTransaction(peer, stream, { writes, onAccepted })),
        ),
    };
  }

  #intakeTransaction(
    peer: Peer,
    stream: Stream,
    { writes, onAccepted }: { writes: (() => void)[]; onAccepted: (place: StreamPlace) => void },
  ): IntakeTransaction {
    const key = keyOf(peer.product, stream);
    const position = this.#tables.positions.get(key) ?? null;
    const rows = () => this.#tables.batches.get(key) ?? [];
    const announced = this.latestEpoch(peer.product, stream);
    const wasClosed = position?.epoch !== announced && rows().some((row) => row.epoch === announced);
    return {
      position: () => position,
      epochAnnounced: (epoch) => !wasClosed && epoch === announced,
      knowsDigest: async (digest) => rows().some((row) => row.digest === digest),
      openEpoch: (epoch) => {
        writes.push(() => this.#tables.positions.set(key, { epoch, next: 0, head: null }));
      },
      accept: async ({ header, digest, blobKey, readable, protocol, receivedAt }, after) => {
        const gap =
          "gap" in header ? { ...header.gap, from: new Date(header.gap.from), to: new Date(header.gap.to) } : null;
        const { epoch, first, count } = header;
        const place = { product: peer.product, stream };
        const id = this.#random.uuid<string>();
        writes.push(() => {
          this.#tables.arrivals += 1;
          const arrival = this.#tables.arrivals;
          const row = {
            ...place,
            id,
            epoch,
            first,
            count,
            digest,
            blobKey,
            readable,
            gap,
            protocol,
            receivedAt,
            arrival,
          };
          this.#tables.batches.set(key, [...rows(), row]);
          this.#tables.positions.set(key, after);
          onAccepted(place);
        });
      },
    };
  }

  /** When a product was last heard, as this knows it, in virtual milliseconds. */
  seenMs(product: ProductId): number {
    const agoMs = this.now().getTime() - (this.#tables.seen.get(product) ?? this.now()).getTime();
    return this.#time.nowMs() - agoMs;
  }

  latestEpoch(product: ProductId, stream: Stream): Epoch | null {
    const ledgers = this.ledgers(product, stream);
    const latest = ledgers.toSorted(
      (one, other) =>
        one.reportedAt.getTime() - other.reportedAt.getTime() ||
        one.announcedAt.getTime() - other.announcedAt.getTime(),
    );
    return latest.at(-1)?.epoch ?? null;
  }

  ledgers(product: ProductId, stream: Stream): KeptLedger[] {
    return [...this.#tables.ledgers]
      .filter(([key]) => key.startsWith(`${keyOf(product, stream)} `))
      .map(([, ledger]) => ledger);
  }

  batches(product: ProductId, stream: Stream): readonly BatchRow[] {
    return this.#tables.batches.get(keyOf(product, stream)) ?? [];
  }

  events(product: ProductId, stream: Stream): readonly EventRow[] {
    return this.#tables.events.get(keyOf(product, stream)) ?? [];
  }

  positions(product: ProductId) {
    return [...this.#tables.positions].flatMap(([key, position]) =>
      key.startsWith(product) ? [{ stream: key.slice(product.length + 1) as Stream, ...position }] : [],
    );
  }

  heartbeatsFor(session: Session, onNews: (product: ProductId) => void) {
    return {
      record: (_: CustomerScope, arriving: HeartbeatToStore, decide: (known: KnownStart | null) => Judgement) =>
        this.transaction(session, `heartbeat ${arriving.product}`, async (writes) => {
          const known = this.#tables.starts.get(arriving.product) ?? null;
          const acceptance = decide(known);
          if (acceptance.kind === "retry" || acceptance.kind === "replayed") return acceptance;
          writes.push(() => this.#writeHeartbeat(known, arriving, acceptance));
          return acceptance;
        }),
      add: (_: CustomerScope, product: ProductId, directives: readonly Directive[]) =>
        this.transaction(session, `directives ${product}`, async (writes) => {
          writes.push(() => {
            const known = this.#tables.directives.get(product) ?? [];
            this.#tables.directives.set(product, [...known, ...directives.map((one) => ({ ...one, outcome: null }))]);
            onNews(product);
          });
        }),
      waitingDirectives: async (_: CustomerScope, product: ProductId): Promise<Directive[]> => {
        const now = this.now();
        return (this.#tables.directives.get(product) ?? [])
          .filter((one) => one.outcome === null && one.expiresAt > now)
          .map(({ id, kind, payload, expiresAt }) => ({ id, kind, payload, expiresAt }));
      },
      writeSeen: async (_: unknown, seen: readonly SeenProduct[]): Promise<void> => {
        if (!session.alive) return never();
        for (const { product, agoMs, beat } of seen) {
          const start = this.#tables.starts.get(product);
          if (beat !== null && start?.start === beat.start && start.counter < beat.counter) {
            const { counter, contentDigest } = beat;
            this.#tables.starts.set(product, { ...start, counter, contentDigest });
          }
          const at = new Date(this.now().getTime() - agoMs);
          const known = this.#tables.seen.get(product);
          if (known === undefined || known < at) this.#tables.seen.set(product, at);
        }
      },
      writeServing: async (_: unknown, node: string): Promise<void> => {
        if (!session.alive) return never();
        const since = this.#tables.serving.get(node)?.since ?? this.now();
        this.#tables.serving.set(node, { since, until: this.now() });
      },
    };
  }

  #writeHeartbeat(
    known: KnownStart | null,
    { product, heartbeat, signingKey }: HeartbeatToStore,
    { kind, after }: Judgement,
  ): void {
    const { ledgers, outcomes } = heartbeat;
    if (!isTaken(kind)) {
      if (known !== null) this.#tables.starts.set(product, { ...known, watch: after.watch });
      return;
    }
    this.#tables.starts.set(product, after);
    const now = this.now();
    for (const ledger of ledgers) {
      const key = `${keyOf(product, ledger.stream)} ${ledger.epoch}`;
      const kept = this.#tables.ledgers.get(key);
      const newer = kept === undefined || ledger.sealedTo >= kept.sealedTo ? { ...ledger, signingKey } : kept;
      const { sealedTo, head, signature } = newer;
      const signed = { sealedTo, head, signature, signingKey: newer.signingKey };
      const announcedAt = kept?.announcedAt ?? now;
      this.#tables.ledgers.set(key, { ...ledger, ...signed, announcedAt, reportedAt: now });
    }
    const done = new Map(outcomes.map((outcome) => [outcome.id, outcome]));
    const directives = this.#tables.directives.get(product) ?? [];
    const told = directives.map((one) => ({ ...one, outcome: one.outcome ?? done.get(one.id as DirectiveId) ?? null }));
    this.#tables.directives.set(product, told);
  }

  indexFor(session: Session): Pick<IndexStreamDeps, "cursor" | "batchAfter" | "events"> {
    return {
      cursor: {
        locked: (_, place, work) =>
          this.transaction(session, `index ${keyOf(place.product, place.stream)}`, (writes) => {
            const key = keyOf(place.product, place.stream);
            const cursor = this.#tables.cursors.get(key) ?? { indexedTo: 0, handedOnTo: 0 };
            return work({
              ...cursor,
              finish: async (batch, result) => {
                writes.push(() => {
                  this.#tables.indexed.set(batch.id, result);
                  this.#tables.cursors.set(key, { ...cursor, indexedTo: batch.arrival });
                });
              },
              handedOn: async (arrival) => {
                writes.push(() => this.#tables.cursors.set(key, { ...cursor, handedOnTo: arrival }));
              },
            });
          }),
        reserveShortNumbers: async (_, count) => {
          this.#tables.shortNumbers += count;
          return this.#tables.shortNumbers - count;
        },
      },
      batchAfter: async (_, { product, stream, arrival }): Promise<BatchToIndex | null> => {
        const rows = this.batches(product, stream);
        const next = rows.find((row) => row.arrival > arrival);
        return next === undefined ? null : { ...next, isFirstEpoch: next.epoch === rows[0]?.epoch };
      },
      events: {
        present: async (_, { product, stream }, ids) => {
          const asked = new Set(ids);
          const found = this.events(product, stream).filter((row) => asked.has(row.id));
          return new Map(found.map((row) => [row.id, row.batch]));
        },
        rowOf: (_, _place, batch) => (one: NumberedRecord) =>
          JSON.stringify({ id: one.record.id, batch: batch.id, number: one.number } satisfies EventRow),
        insert: async ({ product, stream }, rows) => {
          await this.#pause(session);
          const key = keyOf(product, stream);
          const inserted = rows.map((row) => JSON.parse(row) as EventRow);
          this.#tables.events.set(key, [...this.events(product, stream), ...inserted]);
          await this.#pause(session);
        },
        countOfBatch: async (_, { product, stream }, { id }) =>
          this.events(product, stream).filter((row) => row.batch === id).length,
      },
    };
  }
}

export type DatabaseImage = ReturnType<ModelDatabase["image"]>;

function keyOf(product: ProductId, stream: Stream): string {
  return `${product} ${stream}`;
}

function emptyTables(): Tables {
  return {
    positions: new Map(),
    batches: new Map(),
    arrivals: 0,
    starts: new Map(),
    ledgers: new Map(),
    directives: new Map(),
    seen: new Map(),
    serving: new Map(),
    cursors: new Map(),
    indexed: new Map(),
    shortNumbers: 0,
    events: new Map(),
  };
}
