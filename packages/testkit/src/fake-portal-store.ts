import type { StreamPosition } from "@tms/link";
import type { IntakeStore, IntakeTransaction, Peer, ReceivedBatch } from "@tms/link/upper";
import type { Epoch, ProductId, Sha256, Stream } from "@tms/records";

interface StreamRow {
  position: StreamPosition | null;
  announced: Epoch | null;
  closed: Set<Epoch>;
  batches: ReceivedBatch[];
}

/** An intake store in memory with the rules of the real one: a lock a stream, all of a transaction or nothing. */
export class FakeIntakeStore implements IntakeStore {
  readonly #rows = new Map<string, StreamRow>();
  readonly #locks = new Map<string, Promise<unknown>>();

  locked<T>(peer: Peer, stream: Stream, work: (tx: IntakeTransaction) => Promise<T>): Promise<T> {
    const key = keyOf(peer.product, stream);
    const before = this.#locks.get(key) ?? Promise.resolve();
    const result = before.then(() => this.#transaction(key, work));
    this.#locks.set(
      key,
      // The next holder waits for the end, whatever it was.
      result.catch(() => undefined),
    );
    return result;
  }

  announce(product: ProductId, stream: Stream, epoch: Epoch): void {
    const row = this.#row(keyOf(product, stream));
    if (!row.closed.has(epoch)) row.announced = epoch;
  }

  position(product: ProductId, stream: Stream): StreamPosition | null {
    return this.#row(keyOf(product, stream)).position;
  }

  batches(product: ProductId, stream: Stream): ReceivedBatch[] {
    return [...this.#row(keyOf(product, stream)).batches];
  }

  /** What an upper party restored from a backup has forgotten: every batch from this number on. */
  forgetFrom(product: ProductId, stream: Stream, number: number): void {
    const row = this.#row(keyOf(product, stream));
    row.batches = row.batches.filter((batch) => batch.header.first < number);
    const last = row.batches.at(-1);
    row.position =
      last === undefined
        ? null
        : { epoch: last.header.epoch, next: last.header.first + last.header.count, head: headOf(last) };
  }

  async #transaction<T>(key: string, work: (tx: IntakeTransaction) => Promise<T>): Promise<T> {
    const row = this.#row(key);
    const draft: StreamRow = { ...row, closed: new Set(row.closed), batches: [...row.batches] };
    const result = await work({
      position: () => draft.position,
      epochAnnounced: (epoch) => draft.announced === epoch && !draft.closed.has(epoch),
      knowsDigest: async (digest) => draft.batches.some((batch) => batch.digest === digest),
      openEpoch: (epoch) => {
        if (draft.position !== null) draft.closed.add(draft.position.epoch);
        draft.position = { epoch, next: 0, head: null };
      },
      accept: async (batch, position) => {
        draft.batches.push(batch);
        draft.position = position;
      },
    });
    // Announcements may have come meanwhile; they are not part of this transaction.
    this.#rows.set(key, { ...draft, announced: this.#row(key).announced });
    return result;
  }

  #row(key: string): StreamRow {
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const made: StreamRow = { position: null, announced: null, closed: new Set(), batches: [] };
    this.#rows.set(key, made);
    return made;
  }
}

function keyOf(product: ProductId, stream: Stream): string {
  return `${product}/${stream}`;
}

function headOf(batch: ReceivedBatch): Sha256 {
  return "gap" in batch.header ? (batch.header.gap.resumes ?? batch.digest) : batch.digest;
}
