import { createHash } from "node:crypto";
import type { HeartbeatRequest } from "@tms/contracts/link";
import type { Sha256 } from "@tms/records";

/** What the upper party keeps of a product's last heartbeat. */
export interface KnownHeartbeat {
  start: string;
  counter: number;
  /** `heartbeatDigest` of that request. */
  digest: Sha256;
}

/**
 * - `first`, `next`, `restart`: news, to be committed.
 * - `retry`: the very request again; it changes nothing and is answered.
 * - `replayed`: an old counter, or one with other content; refused with `link.counter_replayed`.
 * - `diverged`: a start that does not name the current one: a clone or a restore (told apart elsewhere).
 */
export type HeartbeatJudgement = "first" | "next" | "restart" | "retry" | "replayed" | "diverged";

/** Compares a heartbeat with the last one of the same product; pure. */
export function judgeHeartbeat(known: KnownHeartbeat | null, request: HeartbeatRequest): HeartbeatJudgement {
  if (known === null) return "first";
  if (request.start !== known.start) return request.earlierStarts.includes(known.start) ? "restart" : "diverged";
  if (request.counter > known.counter) return "next";
  return request.counter === known.counter && heartbeatDigest(request) === known.digest ? "retry" : "replayed";
}

/** Of our own parse of the request, which the lower party never sees: only for comparing two requests here. */
export function heartbeatDigest(request: HeartbeatRequest): Sha256 {
  return createHash("sha256").update(JSON.stringify(request)).digest("hex") as Sha256;
}
