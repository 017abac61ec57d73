import { createHash } from "node:crypto";
import type { HeartbeatRequest } from "@tms/contracts/link";
import { AppError, assertNever, type ProductId, type Sha256 } from "@tms/records";
import type { ArrivingStart, Judgement } from "./judge-start.ts";
import type { Hearing } from "./status-server.ts";

/** Of our own parse of the request, which the lower party never sees: only for comparing two requests here. */
export function heartbeatDigest(request: HeartbeatRequest): Sha256 {
  return createHash("sha256").update(JSON.stringify(request)).digest("hex") as Sha256;
}

/** What of a heartbeat tells which installation it is from. */
export function arrivingStart(
  request: HeartbeatRequest,
  from: { address: string; contentDigest: string },
): ArrivingStart {
  const { start, counter, earlierStarts, instanceId, host, version } = request;
  return { start, counter, earlierStarts, instanceId, host, version, challenge: request.challenge ?? null, ...from };
}

/**
 * What a judgement means for the answer.
 *
 * @throws {AppError} `link.counter_replayed`, `link.identity_clone`
 */
export function hearingOf(
  { kind, challenge }: Pick<Judgement, "kind" | "challenge">,
  of: { product: ProductId; at: Date },
): Hearing {
  const { product, at } = of;
  switch (kind) {
    case "first":
    case "next":
    case "restart":
    case "restored":
    case "retry":
      return { standing: "taken", challenge, at };
    case "late":
      return { standing: "superseded", challenge, at };
    case "diverged":
      return { standing: "diverged", challenge, at };
    case "clone":
      throw new AppError("link.identity_clone", { product });
    case "replayed":
      throw new AppError("link.counter_replayed", { product });
    default:
      return assertNever(kind);
  }
}

/** Whether the heartbeat is taken in full, and its state stored with it. */
export function isTaken(kind: Judgement["kind"]): boolean {
  return kind === "first" || kind === "next" || kind === "restart" || kind === "restored";
}
