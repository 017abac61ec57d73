import type { HeartbeatRequest } from "@tms/contracts/link";
import type { AppError, Clock, Epoch, ProductId, Stream, Timers } from "@tms/records";
import type { SpoolReport } from "./spool/spool-port.ts";

// When logs leave: at once, or in runs. A run takes along what was spooled when it began and then ends, so that a busy
// stream does not turn the chosen frequency into "immediately".

/** One run as screens on both sides show it. */
export interface SendRun {
  startedAt: Date;
  /** null = it goes on. */
  endedAt: Date | null;
  ok: boolean;
  /** Why it failed or what it is held up by. */
  code: string | null;
}

export interface ScheduleState {
  everyMinutes: number;
  /** null = at once. */
  nextAt: Date | null;
  lastRun: SendRun | null;
}

export interface ScheduleDeps {
  /** 0 = immediately. */
  everyMinutes: number;
  /** Spreads products that share a frequency: 0 ≤ spread < 1. */
  spread: number;
  reports(): SpoolReport[];
  /** When the upper party last acknowledged anything. */
  lastSentAt(): Date | null;
  /** There is something to send now. */
  onOpen(): void;
  clock: Clock;
  timers: Timers;
}

const MINUTE_MS = 60_000;
/** Runs lie so much after the full hour at most, each product at its own place. */
const MAX_SPREAD_MS = 10 * MINUTE_MS;
const SPREAD_SHARE = 0.1;
/** The wall clock is looked at this often at least: it may be set in between. */
const LOOK_MS = 30_000;

/** The time of the next run: multiples of the interval since the epoch, plus this product's own delay. */
export function nextRunAt(now: Date, schedule: { everyMinutes: number; spread: number }): Date {
  const everyMs = schedule.everyMinutes * MINUTE_MS;
  const delayMs = Math.floor(schedule.spread * Math.min(MAX_SPREAD_MS, everyMs * SPREAD_SHARE));
  return new Date((Math.floor((now.getTime() - delayMs) / everyMs) + 1) * everyMs + delayMs);
}

export class SendSchedule {
  readonly #deps: ScheduleDeps;
  #everyMinutes: number;
  #nextAt: Date | null = null;
  #lastRun: SendRun | null = null;
  /** Streams of the run under way, each with the number up to which it goes. */
  readonly #open = new Map<Stream, { epoch: Epoch; until: number }>();
  #disarm: () => void = () => undefined;
  #running = false;

  constructor(deps: ScheduleDeps) {
    this.#deps = deps;
    this.#everyMinutes = deps.everyMinutes;
  }

  start(): void {
    this.#running = true;
    this.#arm();
    const last = this.#deps.lastSentAt()?.getTime() ?? 0;
    // What was missed while nobody ran leaves now.
    if (this.#deps.clock.now().getTime() - last >= this.#everyMinutes * MINUTE_MS) this.openNow();
  }

  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** Another frequency, from now on. */
  set(everyMinutes: number): void {
    if (everyMinutes === this.#everyMinutes) return;
    this.#everyMinutes = everyMinutes;
    if (!this.#running) return;
    this.#arm();
    if (everyMinutes === 0) this.#deps.onOpen();
  }

  /** Begins a run now, whatever the schedule says. */
  openNow(): void {
    const waiting = this.#deps.reports().filter(({ spooledRecords }) => spooledRecords > 0);
    for (const report of waiting) this.#open.set(report.stream, { epoch: report.epoch, until: report.end });
    const now = this.#deps.clock.now();
    this.#lastRun = { startedAt: now, endedAt: waiting.length === 0 ? now : null, ok: true, code: null };
    this.#deps.onOpen();
  }

  isOpen(stream: Stream): boolean {
    return this.#everyMinutes === 0 || this.#open.has(stream);
  }

  /** A batch up to `next` was acknowledged. */
  sent(stream: Stream, position: { epoch: Epoch; next: number }): void {
    this.#note({ ok: true, code: null });
    const run = this.#open.get(stream);
    if (run === undefined || run.epoch !== position.epoch || position.next < run.until) return;
    this.drained(stream);
  }

  /** Nothing of this stream is left. */
  drained(stream: Stream): void {
    if (!this.#open.delete(stream) || this.#open.size > 0 || this.#lastRun === null) return;
    this.#lastRun = { ...this.#lastRun, endedAt: this.#deps.clock.now(), ok: true, code: null };
  }

  /** The run goes on, but this is in its way. */
  failed(error: AppError): void {
    this.#note({ ok: false, code: error.code });
  }

  state(): ScheduleState {
    return { everyMinutes: this.#everyMinutes, nextAt: this.#nextAt, lastRun: this.#lastRun };
  }

  #note(result: Pick<SendRun, "ok" | "code">): void {
    const now = this.#deps.clock.now();
    if (this.#everyMinutes === 0) this.#lastRun = { startedAt: now, endedAt: now, ...result };
    else if (this.#lastRun?.endedAt === null) this.#lastRun = { ...this.#lastRun, ...result };
  }

  #arm(): void {
    this.#disarm();
    this.#nextAt = null;
    if (this.#everyMinutes === 0) return;
    const { clock, timers, spread } = this.#deps;
    const schedule = { everyMinutes: this.#everyMinutes, spread };
    let next = nextRunAt(clock.now(), schedule);
    this.#nextAt = next;
    const look = () => {
      const now = clock.now();
      if (now >= next) this.openNow();
      // Also where the clock was set back: the next run is never further off than the interval.
      next = nextRunAt(now, schedule);
      this.#nextAt = next;
      wait(now);
    };
    const wait = (now: Date) => {
      this.#disarm = timers.after(Math.min(LOOK_MS, Math.max(1, next.getTime() - now.getTime())), look);
    };
    wait(clock.now());
  }
}

/** The same for one product at every start, and different between products. */
export function spreadOf(product: ProductId): number {
  return Number.parseInt(product.slice(-8), 16) / 2 ** 32;
}

/** The same as it travels with a heartbeat. */
export function scheduleReport({ everyMinutes, nextAt, lastRun }: ScheduleState): HeartbeatRequest["schedule"] {
  return {
    everyMinutes,
    nextAt: nextAt?.toISOString() ?? null,
    lastRun:
      lastRun === null
        ? null
        : { ...lastRun, startedAt: lastRun.startedAt.toISOString(), endedAt: lastRun.endedAt?.toISOString() ?? null },
  };
}
