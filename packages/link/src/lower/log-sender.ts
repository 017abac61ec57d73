import type { Position } from "@tms/contracts/link";
import { type AppError, assertNever, type Epoch, type Stream, type Timers } from "@tms/records";
import type { BatchTransport } from "./batch-transport.ts";
import { asksForPause, asLinkError, backoffMs, judgeFailure, pauseAfter } from "./link-outcome.ts";
import { type Reaction, reactToAnswer } from "./react-to-answer.ts";
import type { Spool, SpooledBatch } from "./spool/spool-port.ts";
import { Wake } from "./wake.ts";

export interface LogSenderDeps {
  spool: Spool;
  transport: BatchTransport;
  maySend(stream: Stream): boolean;
  /** Sends a heartbeat now and resolves once it is answered: new epochs are announced by it. */
  announce(): Promise<void>;
  /** A batch was acknowledged; `next` is the number behind it. */
  onSent(stream: Stream, position: { epoch: Epoch; next: number }): void;
  /** Nothing of this stream waits. */
  onEmpty(stream: Stream): void;
  /** Nothing more to send: the ledger's figure can be reported. */
  onDrained(): void;
  onFailure(error: AppError): void;
  random: () => number;
  timers: Timers;
}

/** Nothing happens for so long only if nothing is to be sent; events wake it. */
const IDLE_MS = 60_000;

/** Sends the spool upwards: one batch a stream in flight, the same bytes until its fate is known. */
export class LogSender {
  readonly #deps: LogSenderDeps;
  readonly #stop = new AbortController();
  readonly #wakes = new Map<Stream, Wake>();
  readonly #loops: Promise<void>[] = [];
  /** Until when the upper party wants to be left alone, by stream; new records do not shorten it. */
  readonly #notBefore = new Map<Stream, number>();
  #acknowledged = 0;
  #inFlight = 0;

  constructor(deps: LogSenderDeps) {
    this.#deps = deps;
  }

  start(): void {
    for (const stream of this.#deps.spool.streams) {
      this.#wakes.set(stream, new Wake(this.#deps.timers));
      this.#loops.push(this.#run(stream));
    }
  }

  /** Of one stream: something is to be sent. Of all: send now, whatever pause was asked for. */
  wake(stream?: Stream): void {
    if (stream === undefined) this.#notBefore.clear();
    for (const [of, wake] of this.#wakes) if (stream === undefined || of === stream) wake.now();
  }

  /** Rises with each batch whose fate became known; equal figures mean nothing moved meanwhile. */
  get moved(): number {
    return this.#inFlight > 0 ? Number.NaN : this.#acknowledged;
  }

  /** A position from a heartbeat, known to be no older than our last answer. */
  async realign(stream: Stream, position: Position | null): Promise<void> {
    const result = await this.#deps.spool.realign(stream, position);
    if (result !== "unchanged") this.wake(stream);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await Promise.all(this.#loops);
    await this.#deps.transport.close();
  }

  async #run(stream: Stream): Promise<void> {
    const wake = this.#wakes.get(stream) ?? new Wake(this.#deps.timers);
    const { signal } = this.#stop;
    let failures = 0;
    let repeated = { key: "", tries: 0 };
    let sent = false;
    while (!signal.aborted) {
      const batch = this.#deps.maySend(stream) ? await this.#next(stream) : null;
      if (batch === null || batch === "failed") {
        if (sent) this.#deps.onDrained();
        sent = false;
        await wake.wait(signal, IDLE_MS);
        continue;
      }
      try {
        const answer = await this.#send(stream, batch);
        const key = `${batch.digest} ${answer.outcome}`;
        const tries = key === repeated.key ? repeated.tries + 1 : 0;
        await this.#react(stream, { batch, position: answer.position, reaction: reactToAnswer(answer, tries) });
        // Only what was done counts: going back has not failed to help while a full disk prevents it.
        repeated = { key, tries };
        sent = true;
        failures = 0;
        if (repeated.tries > 0) await wake.wait(signal, backoffMs(repeated.tries, this.#deps.random));
      } catch (error) {
        if (signal.aborted) return;
        const known = asLinkError(error);
        this.#deps.onFailure(known);
        failures += 1;
        await this.#pause(stream, known, failures);
      }
    }
  }

  async #pause(stream: Stream, error: AppError, failures: number): Promise<void> {
    const { timers, random } = this.#deps;
    const wake = this.#wakes.get(stream) ?? new Wake(timers);
    const { signal } = this.#stop;
    const ms = judgeFailure(error) === "fatal" ? IDLE_MS : pauseAfter(error, failures, random);
    const until = timers.monotonicMs() + ms;
    if (asksForPause(error)) this.#notBefore.set(stream, until);
    do await wake.wait(signal, Math.max(0, until - timers.monotonicMs()));
    while (!signal.aborted && this.#notBefore.get(stream) === until && timers.monotonicMs() < until);
  }

  async #next(stream: Stream): Promise<SpooledBatch | null | "failed"> {
    try {
      const batch = await this.#deps.spool.nextBatch(stream);
      if (batch === null) this.#deps.onEmpty(stream);
      return batch;
    } catch (error) {
      // A disk that fails to be read must not end the loop: it is told and tried again.
      this.#deps.onFailure(asLinkError(error));
      return "failed";
    }
  }

  async #send(stream: Stream, batch: SpooledBatch) {
    this.#inFlight += 1;
    try {
      return await this.#deps.transport.send(stream, batch, this.#stop.signal);
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #react(
    stream: Stream,
    known: { batch: SpooledBatch; position: Position | null; reaction: Reaction },
  ): Promise<void> {
    const { spool } = this.#deps;
    switch (known.reaction.kind) {
      case "acknowledge":
        this.#acknowledged += 1;
        await spool.acknowledge(stream, known.batch.digest);
        this.#deps.onSent(stream, nextOf(known.batch));
        return;
      case "send-again":
        return;
      case "replace-by-gap":
        return spool.replaceByGap(stream, known.batch.digest, "rejected");
      case "realign":
        if ((await spool.realign(stream, known.position)) === "new-epoch") await this.#deps.announce();
        return;
      case "announce":
        // Once the epoch is open, the position no longer tells what was lost of the ones before.
        await spool.realign(stream, known.position);
        return this.#deps.announce();
      case "new-epoch":
        await spool.newEpoch(stream, { position: known.position });
        return this.#deps.announce();
      default:
        return assertNever(known.reaction);
    }
  }
}

function nextOf({ header }: SpooledBatch): { epoch: Epoch; next: number } {
  return { epoch: header.epoch, next: header.first + header.count };
}
