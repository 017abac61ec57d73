import { createApiClient, type FetchLike } from "@tms/contracts";
import {
  type DirectiveOutcome,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  linkHeartbeat,
  type StreamReport,
  type TrustReport,
} from "@tms/contracts/link";
import { AppError, type Clock, type ProductId, type Stream, type Timers } from "@tms/records";
import { positionText, signBytes } from "@tms/signing";
import { errorOfApi } from "./link-http.ts";
import type { LinkMemory } from "./link-memory.ts";
import { asLinkError, backoffMs, judgeFailure } from "./link-outcome.ts";
import type { SpoolReport } from "./spool/spool-port.ts";
import { Wake } from "./wake.ts";

/** What the app says of itself in each heartbeat. */
export interface LowerDescription {
  version: string;
  host: string;
  instanceId: string;
  ready: HeartbeatRequest["ready"];
  sending: "on" | "disabled";
  agents?: number;
}

export interface HeartbeatDeps {
  /** The line to the status server: one call, bounded in time. */
  fetch(options: { timeoutMs: number; signal: AbortSignal }): FetchLike;
  baseUrl: string;
  product: ProductId;
  signingPrivatePem: string;
  memory: LinkMemory;
  describe(): LowerDescription;
  reports(): SpoolReport[];
  schedule(): HeartbeatRequest["schedule"];
  /** What the upper party is trusted by; null = nothing is said of it. */
  trust(): TrustReport | null;
  /** Before a request: whatever `onAnswer` needs to judge how old the answer is. */
  onSending(): void;
  onAnswer(answer: HeartbeatAnswer): Promise<void>;
  /** Asked about a refusal that would end the loop: true = its reason was put right, or may yet be. */
  mayGoOn(error: AppError): Promise<boolean>;
  onFailure(error: AppError, judged: "retryable" | "fatal"): void;
  clock: Clock;
  random: () => number;
  timers: Timers;
  maxWaitSeconds: number;
}

/** Beyond the wait that was asked for, before the line counts as cut. */
const DEADLINE_MS = 10_000;
const MIN_WAIT_SECONDS = 15;
/** A server that answers at once and asks for no pause is not asked in a tight loop. */
const MIN_PAUSE_MS = 250;
/** Whatever the upper party says, it hears from us at least this often. */
const MAX_PAUSE_MS = 300_000;

/** Long-polls the status server: says that we are up and ready, and brings directives down. */
export class HeartbeatLoop {
  readonly #deps: HeartbeatDeps;
  readonly #stop = new AbortController();
  readonly #pause: Wake;
  #poll: AbortController | null = null;
  #kicked = true;
  #waitSeconds: number;
  #cuts = 0;
  #waiters: { fromBeat: number; resolve: () => void; reject: (error: AppError) => void }[] = [];
  #beat = 0;
  /** The last one that this start was given. In memory alone: whoever copies the disk must not have it. */
  #challenge: string | null = null;
  #loop: Promise<void> = Promise.resolve();
  /** The last signature of each stream: most heartbeats tell the position that the one before told. */
  readonly #signed = new Map<Stream, { text: string; signature: string }>();

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
    this.#pause = new Wake(deps.timers);
    this.#waitSeconds = deps.maxWaitSeconds;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Sends a heartbeat now instead of when its turn comes. */
  kick(): void {
    this.#kicked = true;
    this.#poll?.abort();
    this.#pause.now();
  }

  /** Resolves when a heartbeat that began after this call was answered. */
  announced(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ fromBeat: this.#beat + 1, resolve, reject });
    this.kick();
    return promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.kick();
    await this.#loop;
    this.#giveUp();
  }

  /** Nobody waits for a loop that has ended. */
  #giveUp(): void {
    for (const { reject } of this.#waiters.splice(0)) {
      reject(new AppError("link.unreachable", { reason: "the link has stopped" }));
    }
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const kicked = this.#kicked;
      this.#kicked = false;
      this.#beat += 1;
      let pauseMs = 0;
      try {
        const answer = await this.#once(kicked || failures > 0 ? 0 : this.#waitSeconds);
        failures = 0;
        this.#cuts = 0;
        pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, answer.nextSeconds * 1000));
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        // Our own kick cut the poll: nothing failed.
        if (this.#kicked && this.#poll?.signal.aborted) continue;
        failures += 1;
        const known = asLinkError(error);
        const isFatal = judgeFailure(known) === "fatal" && !(await this.#deps.mayGoOn(known));
        const judged = isFatal ? "fatal" : "retryable";
        this.#deps.onFailure(known, judged);
        if (judged === "fatal") {
          this.#giveUp();
          return;
        }
        this.#noteCut();
        pauseMs = Math.max(MIN_PAUSE_MS, backoffMs(failures, this.#deps.random));
      }
      if (!this.#kicked) await this.#pause.wait(this.#stop.signal, pauseMs);
    }
  }

  async #once(askedSeconds: number): Promise<HeartbeatAnswer> {
    const { memory } = this.#deps;
    const beat = this.#beat;
    const outcomes = memory.pendingOutcomes();
    const counter = await memory.nextCounter();
    const poll = new AbortController();
    this.#poll = poll;
    // Stopped while the counter was being stored: `stop` has cut the poll before this one.
    if (this.#stop.signal.aborted) poll.abort();
    // Kicked while the counter was being stored: this request must not wait.
    const waitSeconds = this.#kicked ? 0 : askedSeconds;
    this.#deps.onSending();
    const client = createApiClient(
      { heartbeat: linkHeartbeat },
      {
        baseUrl: this.#deps.baseUrl,
        fetch: this.#deps.fetch({
          timeoutMs: waitSeconds * 1000 + DEADLINE_MS,
          signal: poll.signal,
        }),
      },
    );
    const body = this.#request({ waitSeconds, counter, outcomes });
    const answer = await client.heartbeat({ body }).catch((error: unknown) => {
      throw errorOfApi(error);
    });
    this.#challenge = answer.challenge ?? this.#challenge;
    // Where another start is in force nothing of this request was committed.
    if (answer.standing === undefined) await memory.acknowledged(outcomes);
    await this.#deps.onAnswer(answer);
    for (const waiter of this.#waiters.filter((one) => one.fromBeat <= beat)) waiter.resolve();
    this.#waiters = this.#waiters.filter((one) => one.fromBeat > beat);
    return answer;
  }

  #request(of: { waitSeconds: number; counter: number; outcomes: DirectiveOutcome[] }): HeartbeatRequest {
    const { memory } = this.#deps;
    const trust = this.#deps.trust();
    return {
      v: "link/1",
      start: memory.start,
      earlierStarts: memory.earlierStarts(),
      counter: of.counter,
      ...(this.#challenge === null ? {} : { challenge: this.#challenge }),
      localTime: this.#deps.clock.now().toISOString(),
      ...this.#deps.describe(),
      schedule: this.#deps.schedule(),
      streams: this.#deps.reports().map((report) => this.#sign(report)),
      outcomes: of.outcomes,
      ...(trust === null ? {} : { trust }),
      waitSeconds: of.waitSeconds,
    };
  }

  #sign(report: SpoolReport): StreamReport {
    const { stream, epoch, sealedTo, head, spooledBytes, oldestAt } = report;
    const text = positionText({ product: this.#deps.product, stream, epoch, sealedTo, head });
    const last = this.#signed.get(stream);
    const signature = last?.text === text ? last.signature : this.#signText(text);
    this.#signed.set(stream, { text, signature });
    return { stream, epoch, sealedTo, head, spooledBytes, oldestAt, signature };
  }

  #signText(text: string): string {
    return signBytes(this.#deps.signingPrivatePem, Buffer.from(text, "utf8")).toString("base64");
  }

  /** After two cuts the network evidently does not let a request stay open so long. */
  #noteCut(): void {
    this.#cuts += 1;
    if (this.#cuts % 2 === 0 && this.#waitSeconds > MIN_WAIT_SECONDS) {
      this.#waitSeconds = Math.max(MIN_WAIT_SECONDS, Math.floor(this.#waitSeconds / 2));
    }
  }
}
