import type { HeartbeatAnswer, HeartbeatRequest, Position } from "@tms/contracts/link";
import { type Hearing, hearingOf, type Judgement, type Peer } from "@tms/link/upper";
import type { Clock, CustomerScope, ProductId } from "@tms/records";
import { DEFAULT_SILENCE_RULES, type Heartbeat, rhythmOf, type SendSchedule, type SilenceRules } from "./heartbeat.ts";
import type { Directive } from "./ledger.ts";
import type { NewsWaiters } from "./wait-for-news.ts";

export interface HeartbeatRouteDeps {
  recordHeartbeat(
    scope: CustomerScope,
    from: { product: ProductId; address: string; signingKey: Buffer },
    heartbeat: Heartbeat,
  ): Promise<Judgement>;
  waitingDirectives(scope: CustomerScope, product: ProductId): Promise<Directive[]>;
  positions(scope: CustomerScope, product: ProductId): Promise<Position[]>;
  waiters: NewsWaiters;
  /** The customer's interval; absent = the default. */
  rulesOf?(scope: CustomerScope): Promise<SilenceRules>;
  /** How much the product may send; absent = nobody limits it. */
  limitsOf?(peer: Peer): Promise<NonNullable<HeartbeatAnswer["limits"]>>;
  clock: Clock;
}

/** The status server's heartbeat part: contract to domain and back, no rules. */
export function heartbeatHandlers(deps: HeartbeatRouteDeps) {
  const rhythm = async (scope: CustomerScope) => rhythmOf((await deps.rulesOf?.(scope)) ?? DEFAULT_SILENCE_RULES);
  return {
    async accept(peer: Peer, request: HeartbeatRequest, from: { address: string }): Promise<Hearing> {
      const { product } = peer;
      const { address } = from;
      const speaker = { product, address, signingKey: peer.signingKeySpki };
      const acceptance = await deps.recordHeartbeat(scopeOf(peer), speaker, heartbeatOf(request));
      return hearingOf(acceptance, { product, at: deps.clock.now() });
    },
    async answer(peer: Peer): Promise<HeartbeatAnswer> {
      const scope = scopeOf(peer);
      // Longer for those that did not wait would also slow a product down that only hurried once (after an outage, or with
      // fresh logs); whoever never waits is bounded by the route's own limit.
      const { pauseMs } = await rhythm(scope);
      const [directives, positions, limits] = await Promise.all([
        deps.waitingDirectives(scope, peer.product),
        deps.positions(scope, peer.product),
        deps.limitsOf?.(peer),
      ]);
      return {
        serverTime: deps.clock.now().toISOString(),
        nextSeconds: pauseMs / 1000,
        directives: directives.map((one) => ({ ...one, expiresAt: one.expiresAt.toISOString() })),
        positions,
        ...(limits === undefined ? {} : { limits }),
      };
    },
    mostWaitMs: async (peer: Peer) => (await rhythm(scopeOf(peer))).waitMs,
    async waitForNews(peer: Peer, signal: AbortSignal): Promise<void> {
      const news = deps.waiters.wait(peer.product, signal);
      // A hint that came between the last answer and this wait would otherwise be slept over.
      const waiting = await deps.waitingDirectives(scopeOf(peer), peer.product);
      if (waiting.length > 0) deps.waiters.wake(peer.product);
      await news;
    },
  };
}

function scopeOf(peer: Peer): CustomerScope {
  return { customer: peer.customer };
}

function heartbeatOf(request: HeartbeatRequest): Heartbeat {
  return {
    start: request.start,
    earlierStarts: request.earlierStarts,
    counter: request.counter,
    challenge: request.challenge ?? null,
    version: request.version,
    host: request.host,
    instanceId: request.instanceId,
    localTime: new Date(request.localTime),
    ready: request.ready,
    sending: request.sending,
    agents: request.agents ?? null,
    ledgers: request.streams.map((report) => ({
      ...report,
      oldestAt: dateOf(report.oldestAt),
    })),
    schedule: request.schedule === undefined ? null : scheduleOf(request.schedule),
    trust: request.trust ?? null,
    outcomes: request.outcomes,
  };
}

function scheduleOf({ everyMinutes, nextAt, lastRun }: NonNullable<HeartbeatRequest["schedule"]>): SendSchedule {
  return { everyMinutes, nextAt: dateOf(nextAt), lastRun: lastRun === null ? null : runOf(lastRun) };
}

function runOf(run: NonNullable<NonNullable<HeartbeatRequest["schedule"]>["lastRun"]>): SendSchedule["lastRun"] {
  return { ...run, startedAt: new Date(run.startedAt), endedAt: dateOf(run.endedAt) };
}

function dateOf(at: string | null): Date | null {
  return at === null ? null : new Date(at);
}
