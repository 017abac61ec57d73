import { createHash } from "node:crypto";
import type { Clock, Timers } from "@tms/records";

// The only time there is in a simulation.
// I1  One event at a time: the next one begins only when nothing of the last one is left to do. Microtasks are done when
//     a tick that one of them asked for comes. Where bytes went to zlib's threads, Node's loop must have run empty too:
//     it says `beforeExit` exactly then. That takes longer, so whoever hands bytes to a decoder says `awaitThreads`.
// I2  Events of one instant come in the order in which they were asked for.
// So the order of everything follows from the seed, although the code that runs is ordinary asynchronous code.

interface Event {
  atMs: number;
  order: number;
  call: (() => void) | null;
}

/** Day on which each simulation begins. */
const EPOCH_MS = Date.UTC(2026, 10, 24);

export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #heap: Event[] = [];
  readonly #trace = createHash("sha256");
  #awaitsThreads = false;
  events = 0;
  /** Hears of every line of the trace. */
  onNote: (line: string) => void = () => undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  /** Calls back once after `ms`; what it returns prevents that. */
  after(ms: number, call: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order, call };
    this.#order += 1;
    this.#push(event);
    return () => {
      event.call = null;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** What happened, in order: two runs are the same run if these lines are. */
  note(line: string): void {
    const told = `${this.#nowMs} ${line}\n`;
    this.#trace.update(told);
    this.onNote(told);
  }

  traceSha256(): string {
    return this.#trace.copy().digest("hex");
  }

  /** A clock that shows this time, wrong by what `offsetMs` says. */
  clock(offsetMs: () => number = () => 0): Clock {
    return { now: () => new Date(EPOCH_MS + this.#nowMs + offsetMs()) };
  }

  /** Timers of one process: after its death they call nobody. */
  timers(process: { alive: boolean }): Timers {
    return {
      monotonicMs: () => this.#nowMs,
      after: (ms, call) =>
        this.after(ms, () => {
          if (process.alive) call();
        }),
    };
  }

  /** The present event is over only when the loop of this process is empty. */
  awaitThreads(): void {
    this.#awaitsThreads = true;
  }

  /** Runs event after event until `isOver` says so; rejects if no event is left before that. */
  run(isOver: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const step = () => {
      if (isOver()) return resolve();
      const next = this.#pop();
      if (next === undefined) return reject(new Error("the simulated world stands still"));
      this.#nowMs = next.atMs;
      this.events += 1;
      next.call?.();
      queueMicrotask(() => process.nextTick(goOn));
    };
    const goOn = () => {
      if (!this.#awaitsThreads) return step();
      this.#awaitsThreads = false;
      process.once("beforeExit", step);
      // Without anything left to do Node would not look for events of its own before it exits.
      setImmediate(() => undefined);
    };
    this.awaitThreads();
    goOn();
    return promise;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  /** The next event that was not prevented. */
  #pop(): Event | undefined {
    let next = this.#popAny();
    while (next !== undefined && next.call === null) next = this.#popAny();
    return next;
  }

  #popAny(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const [one, other] = [heap[left], heap[right]];
      if (one === undefined) break;
      const smaller = other !== undefined && isBefore(other, one) ? right : left;
      const child = heap[smaller];
      if (child === undefined || !isBefore(child, last)) break;
      heap[at] = child;
      at = smaller;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
