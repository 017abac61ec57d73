import type { Directive, DirectiveOutcome, HeartbeatAnswer } from "@tms/contracts/link";
import { AppError, type Clock, type DirectiveId, ERRORS, type Timers } from "@tms/records";
import type { BatchTransport } from "./batch-transport.ts";
import { type HeartbeatDeps, HeartbeatLoop, type LowerDescription } from "./heartbeat-loop.ts";
import type { TrustUpkeep } from "./keep-trust.ts";
import type { LinkMemory } from "./link-memory.ts";
import { backoffMs, isPassingFailure } from "./link-outcome.ts";
import type { LinkRequest } from "./link-request.ts";
import { LogSender } from "./log-sender.ts";
import type { LowerKeys } from "./lower-keys.ts";
import type { StoredIdentity } from "./register-lower.ts";
import type { Renewal } from "./renewal.ts";
import { type ScheduleState, SendSchedule, scheduleReport, spreadOf } from "./send-schedule.ts";
import type { Spool } from "./spool/spool-port.ts";
import { Wake } from "./wake.ts";

/** How the link is, for a screen. */
export interface LinkState {
  phase: "stopped" | "starting" | "connected" | "not-answering" | "refused";
  lastHeartbeatAt: Date | null;
  lastLogsAt: Date | null;
  lastError: { at: Date; code: string; text: string; cure: string } | null;
  /** Upper party's clock minus ours, in milliseconds; null before the first answer. */
  clockOffsetMs: number | null;
}

export interface LinkLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** What a link needs to know and may call, over whatever line it speaks. */
export interface LinkDeps {
  keys: Pick<LowerKeys, "signingPrivatePem">;
  identity: Pick<StoredIdentity, "product">;
  spool: Spool;
  describe(): LowerDescription;
  /** Does one directive; called again with the same id after a crash, so it must be idempotent. */
  onDirective(directive: Directive): Promise<DirectiveOutcome>;
  onState?(state: LinkState): void;
  clock: Clock;
  log: LinkLog;
  random?: () => number;
  /** How often logs leave, in minutes; 0 = immediately, the default. */
  everyMinutes?: number;
  /** Upper bound of one long poll. */
  maxWaitSeconds?: number;
}

export interface LowerLink {
  start(): void;
  stop(): Promise<void>;
  /** Sends what is spooled and a heartbeat, now. */
  sendNow(): void;
  /** Sends a heartbeat now; logs keep to their schedule. */
  tellNow(): void;
  /** Another frequency, from now on. */
  setFrequency(everyMinutes: number): void;
  schedule(): ScheduleState;
  state(): LinkState;
  request: LinkRequest;
}

const MAX_WAIT_SECONDS = 50;
/** An order that waits for the line is tried at least this often. */
const MAX_RETRY_MS = 15_000;
const MIN_RETRY_MS = 100;

/** What a link stands on: the line, the memory of its disk, and who keeps the time. */
export interface LinkParts {
  memory: LinkMemory;
  baseUrl: string;
  fetch: HeartbeatDeps["fetch"];
  /** null = nothing is sent up. */
  transport: BatchTransport | null;
  request: LinkRequest;
  /** Absent where keys have no end. */
  renewal?: Renewal;
  /** Absent where the upper party is not known by a CA. */
  trust?: TrustUpkeep;
  timers: Timers;
  /** Closes the line. */
  close(): Promise<void>;
}

/** The lower end of a hop: heartbeats up, directives down, logs up, and typed requests, over the given parts. */
export function composeLowerLink(deps: LinkDeps, parts: LinkParts): LowerLink {
  return new Link(deps, parts);
}

class Link implements LowerLink {
  readonly request: LinkRequest;
  readonly #deps: LinkDeps;
  readonly #parts: LinkParts;
  readonly #memory: LinkMemory;
  readonly #heartbeats: HeartbeatLoop;
  readonly #sender: LogSender | null;
  readonly #schedule: SendSchedule;
  readonly #running = new Map<DirectiveId, Promise<void>>();
  readonly #stop = new AbortController();
  #state: LinkState;
  #movedAtSending = Number.NaN;
  /** Another start of this installation is in force at the upper party: nothing is sent but heartbeats. */
  #isApart = false;
  #hasNewEpochs = false;
  #endAppend: () => void = () => undefined;

  constructor(deps: LinkDeps, parts: LinkParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#memory = parts.memory;
    this.#state = {
      phase: "stopped",
      lastHeartbeatAt: null,
      lastLogsAt: lastAcknowledged(deps.spool),
      lastError: null,
      clockOffsetMs: null,
    };
    this.request = parts.request;
    const random = deps.random ?? Math.random;
    this.#schedule = new SendSchedule({
      everyMinutes: deps.everyMinutes ?? 0,
      spread: spreadOf(deps.identity.product),
      reports: () => deps.spool.report(),
      lastSentAt: () => this.#state.lastLogsAt,
      onOpen: () => this.#sender?.wake(),
      clock: deps.clock,
      timers: parts.timers,
    });
    this.#heartbeats = new HeartbeatLoop({
      fetch: parts.fetch,
      baseUrl: parts.baseUrl,
      product: deps.identity.product,
      signingPrivatePem: deps.keys.signingPrivatePem,
      memory: parts.memory,
      describe: () => deps.describe(),
      reports: () => deps.spool.report(),
      schedule: () => scheduleReport(this.#schedule.state()),
      trust: () => parts.trust?.report() ?? null,
      onSending: () => {
        this.#movedAtSending = this.#sender?.moved ?? Number.NaN;
      },
      onAnswer: (answer) => this.#onAnswer(answer),
      mayGoOn: (error) => this.#renewExpired(error),
      onFailure: (error, judged) => this.#onFailure(error, judged === "fatal" ? "refused" : "not-answering"),
      clock: deps.clock,
      random,
      timers: parts.timers,
      maxWaitSeconds: deps.maxWaitSeconds ?? MAX_WAIT_SECONDS,
    });
    this.#sender = parts.transport === null ? null : this.#makeSender(parts.transport, random);
  }

  start(): void {
    this.#set({ phase: "starting" });
    this.#endAppend = this.#deps.spool.onAppend((stream) => this.#sender?.wake(stream));
    this.#heartbeats.start();
    this.#sender?.start();
    if (this.#sender !== null) this.#schedule.start();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#endAppend();
    this.#schedule.stop();
    await Promise.all([this.#heartbeats.stop(), this.#sender?.stop()]);
    await this.#parts.close();
    this.#set({ phase: "stopped" });
  }

  sendNow(): void {
    if (this.#sender !== null) this.#schedule.openNow();
    this.#heartbeats.kick();
  }

  tellNow(): void {
    this.#heartbeats.kick();
  }

  setFrequency(everyMinutes: number): void {
    this.#schedule.set(everyMinutes);
  }

  schedule(): ScheduleState {
    return this.#schedule.state();
  }

  state(): LinkState {
    return this.#state;
  }

  #makeSender(transport: BatchTransport, random: () => number): LogSender {
    const { spool, log } = this.#deps;
    return new LogSender({
      spool,
      transport,
      // Before the first heartbeat nobody knows our epochs.
      maySend: (stream) =>
        this.#state.lastHeartbeatAt !== null &&
        !this.#isApart &&
        this.#deps.describe().sending === "on" &&
        this.#schedule.isOpen(stream),
      announce: () => this.#heartbeats.announced(),
      onSent: (stream, position) => {
        this.#set({ lastLogsAt: this.#deps.clock.now() });
        this.#schedule.sent(stream, position);
      },
      onEmpty: (stream) => this.#schedule.drained(stream),
      onDrained: () => this.#heartbeats.kick(),
      onFailure: (error) => {
        log.warn({ code: error.code, details: error.details }, "sending logs failed");
        this.#schedule.failed(error);
        this.#noteError(error);
      },
      random,
      timers: this.#parts.timers,
    });
  }

  async #onAnswer(answer: HeartbeatAnswer): Promise<void> {
    const now = this.#deps.clock.now();
    const back = this.#state.phase !== "connected" || (this.#isApart && answer.standing === undefined);
    const clockOffsetMs = new Date(answer.serverTime).getTime() - now.getTime();
    this.#set({ phase: "connected", lastHeartbeatAt: now, clockOffsetMs });
    if (answer.standing !== undefined) return this.#standApart(answer.standing);
    this.#isApart = false;
    await this.#takePositions(answer);
    if (back) this.#sender?.wake();
    this.#parts.renewal?.consider(answer.serverTime, this.#beforeNewKeys);
    for (const directive of answer.directives) await this.#dispatch(directive, answer.serverTime);
    if (answer.trust !== undefined) await this.#takeTrust(answer.trust);
  }

  /** A heartbeat that announces what we do not take is a heartbeat all the same. */
  async #takeTrust(announced: NonNullable<HeartbeatAnswer["trust"]>): Promise<void> {
    try {
      await this.#parts.trust?.take(announced);
      // A server that was met under an unknown key may be met under a known one now.
      this.#sender?.wake();
    } catch (error) {
      this.#deps.log.warn({ err: error }, "the announced keys of the upper party were not taken");
      this.#noteError(error instanceof AppError ? error : new AppError("server.internal", {}, { cause: error }));
    }
  }

  /** We stand behind a start that the upper party knows: our epochs are of the past and never go on (I5). */
  async #standApart(standing: "diverged" | "superseded"): Promise<void> {
    if (!this.#isApart) {
      this.#deps.log.warn({ standing }, "the upper party knows another start of this installation; sending waits");
    }
    this.#isApart = true;
    this.#noteError(new AppError("link.identity_diverged", { standing }));
    if (standing === "superseded" || this.#hasNewEpochs) return;
    for (const stream of this.#deps.spool.streams) await this.#deps.spool.newEpoch(stream);
    this.#hasNewEpochs = true;
  }

  /** A poll with the old key must not meet its end: it is cut before the new one is seen. */
  readonly #beforeNewKeys = (): void => {
    this.#heartbeats.kick();
    this.#deps.log.info({}, "the certificate and its keys were renewed");
  };

  /** Whether an expired identity was renewed, or may still be. */
  async #renewExpired(error: AppError): Promise<boolean> {
    const { renewal } = this.#parts;
    if (error.code !== "link.identity_expired" || renewal === undefined) return false;
    try {
      await renewal.renew(this.#beforeNewKeys);
      return true;
    } catch (failure) {
      return isPassingFailure(failure);
    }
  }

  /** Positions are believed only if no batch moved since the request left: else they may be older than our last answer. */
  async #takePositions(answer: HeartbeatAnswer): Promise<void> {
    const sender = this.#sender;
    if (sender === null || sender.moved !== this.#movedAtSending) return;
    for (const stream of this.#deps.spool.streams) {
      await sender.realign(stream, answer.positions.find((one) => one.stream === stream) ?? null);
    }
  }

  async #dispatch(directive: Directive, serverTime: string): Promise<void> {
    if (this.#running.has(directive.id)) return;
    const done = this.#memory.doneOutcome(directive.id);
    if (done !== undefined) {
      // It came again, so its outcome did not arrive: tell it again, do not do it again.
      await this.#memory.addOutcome(done);
      return;
    }
    // By the upper party's own clock; ours decides nothing.
    const leftMs = new Date(directive.expiresAt).getTime() - new Date(serverTime).getTime();
    const told = this.#carryOut(directive, leftMs).then(async (outcome) => {
      if (outcome !== null) await this.#memory.addOutcome({ ...outcome, id: directive.id });
      this.#running.delete(directive.id);
      if (outcome !== null) this.#heartbeats.kick();
    });
    this.#running.set(
      directive.id,
      told.catch((error: unknown) => {
        // Its outcome could not be stored: it will come again.
        this.#running.delete(directive.id);
        this.#deps.log.warn({ err: error, directive: directive.id }, "a directive's outcome was not stored");
      }),
    );
  }

  /**
   * Does a directive. While the line or the party above fails it is tried again until it expires: that it had to wait is
   * no outcome, and a failure told too early ends a case or a deployment for good. null = we stop; it will come again.
   */
  async #carryOut(directive: Directive, leftMs: number): Promise<DirectiveOutcome | null> {
    if (leftMs <= 0) return { id: directive.id, ok: false, code: "directive.expired" };
    const until = this.#parts.timers.monotonicMs() + leftMs;
    const random = this.#deps.random ?? Math.random;
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#do(directive);
      } catch (error) {
        if (!isPassingFailure(error) || this.#parts.timers.monotonicMs() >= until)
          return this.#failed(directive, error);
        const pauseMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS + backoffMs(failures, random));
        const { code } = error as AppError;
        this.#deps.log.warn({ directive: directive.id, kind: directive.kind, code, pauseMs }, "a directive waits");
        await new Wake(this.#parts.timers).wait(this.#stop.signal, pauseMs);
        if (this.#stop.signal.aborted) return null;
      }
    }
  }

  /** Keys are the link's own affair; everything else is the app's. */
  async #do(directive: Directive): Promise<DirectiveOutcome> {
    const { renewal } = this.#parts;
    if (directive.kind !== "renew" || renewal === undefined) return this.#deps.onDirective(directive);
    await renewal.renew(this.#beforeNewKeys);
    return { id: directive.id, ok: true };
  }

  #failed(directive: Directive, error: unknown): DirectiveOutcome {
    const code = error instanceof AppError ? error.code : "server.internal";
    this.#deps.log.warn({ err: error, directive: directive.id, kind: directive.kind, code }, "a directive failed");
    return { id: directive.id, ok: false, code, detail: ERRORS[code].text };
  }

  #onFailure(error: AppError, phase: "refused" | "not-answering"): void {
    this.#deps.log.warn({ code: error.code, details: error.details }, "heartbeat failed");
    this.#noteError(error);
    this.#set({ phase });
  }

  #noteError(error: AppError): void {
    const { text, cure } = error.row;
    this.#set({ lastError: { at: this.#deps.clock.now(), code: error.code, text, cure } });
  }

  #set(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change };
    this.#deps.onState?.(this.#state);
  }
}

/** What was sent before this start was sent: a restart must not make it look as if nothing had ever left. */
function lastAcknowledged(spool: Spool): Date | null {
  const known = spool
    .report()
    .flatMap((report) => (report.ackedAt === null ? [] : [new Date(report.ackedAt).getTime()]));
  return known.length === 0 ? null : new Date(Math.max(...known));
}
