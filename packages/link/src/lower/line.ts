import type { FetchLike } from "@tms/contracts";
import type { BatchAnswer } from "@tms/contracts/link";
import { AppError, type Stream } from "@tms/records";
import { type Agent, Dispatcher } from "undici";
import type { BatchTransport } from "./batch-transport.ts";
import { fetchOver } from "./link-http.ts";
import type { SpooledBatch } from "./spool/spool-port.ts";

// The line of a lower party with the keys that it has now. A renewal makes other connections and leaves the old ones to
// what is under way on them: a request begun with the old key ends as it may, and whatever failed is sent again.

export interface LineParts {
  /** Heartbeats have a connection of their own: an upload must not make us look silent. */
  heartbeat: Agent;
  requests: Agent;
  /** null = nothing is sent up. */
  transport: BatchTransport | null;
}

export class Line {
  readonly requests = new CurrentDispatcher(() => this.#now.requests);
  readonly transport: BatchTransport | null;
  readonly #transport: CurrentTransport | null;
  readonly #retired = new Set<Agent>();
  #now: LineParts;
  /** How often the keys were replaced. */
  changes = 0;

  constructor(parts: LineParts) {
    this.#now = parts;
    this.#transport = parts.transport === null ? null : new CurrentTransport(parts.transport);
    this.transport = this.#transport;
  }

  /** One heartbeat's call, over the connection of the moment. */
  fetch(options: { timeoutMs: number; signal: AbortSignal }): FetchLike {
    return fetchOver(this.#now.heartbeat, options);
  }

  changeOver(to: LineParts): void {
    const { heartbeat, requests } = this.#now;
    this.#now = to;
    this.changes += 1;
    if (to.transport !== null) this.#transport?.replace(to.transport);
    for (const agent of [heartbeat, requests]) {
      this.#retired.add(agent);
      // Waits for what is under way; `close` below does not.
      void agent.close().then(
        () => this.#retired.delete(agent),
        () => this.#retired.delete(agent),
      );
    }
  }

  async close(): Promise<void> {
    const { heartbeat, requests } = this.#now;
    await Promise.all([heartbeat, requests, ...this.#retired].map((agent) => agent.destroy()));
  }
}

/** Hands each request to the agent of the moment. */
class CurrentDispatcher extends Dispatcher {
  readonly #now: () => Dispatcher;

  constructor(now: () => Dispatcher) {
    super();
    this.#now = now;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#now().dispatch(options, handler);
  }
}

class CurrentTransport implements BatchTransport {
  #now: BatchTransport;
  readonly #inFlight = new Map<BatchTransport, number>();

  constructor(first: BatchTransport) {
    this.#now = first;
  }

  async send(stream: Stream, batch: SpooledBatch, signal: AbortSignal): Promise<BatchAnswer> {
    const used = this.#now;
    this.#count(used, 1);
    try {
      return await used.send(stream, batch, signal);
    } catch (error) {
      if (used === this.#now) throw error;
      // The old key may have ended while this was on its way: that says nothing about us.
      throw new AppError("link.unreachable", { reason: "the key was renewed meanwhile" }, { cause: error });
    } finally {
      this.#count(used, -1);
      await this.#closeIfIdle(used);
    }
  }

  replace(next: BatchTransport): void {
    const before = this.#now;
    this.#now = next;
    void this.#closeIfIdle(before);
  }

  async close(): Promise<void> {
    await Promise.all([this.#now, ...this.#inFlight.keys()].map((one) => one.close()));
  }

  #count(transport: BatchTransport, by: 1 | -1): void {
    const left = (this.#inFlight.get(transport) ?? 0) + by;
    if (left > 0) this.#inFlight.set(transport, left);
    else this.#inFlight.delete(transport);
  }

  async #closeIfIdle(transport: BatchTransport): Promise<void> {
    if (transport !== this.#now && !this.#inFlight.has(transport)) await transport.close();
  }
}
