import { createHash } from "node:crypto";
import {
  type HeartbeatAnswer,
  type HeartbeatRequest,
  heartbeatRequestSchema,
  type TrustAnnouncement,
} from "@tms/contracts/link";
import { AppError, type ProductId, type Timers } from "@tms/records";
import { positionText, verifyBytes } from "@tms/signing";
import { type AnnouncedTrust, trustToTell } from "./announce-trust.ts";
import { parseBody } from "./parse-body.ts";
import type { Peer } from "./peer.ts";
import type { Hearing, HeartbeatPort } from "./status-server.ts";

export interface HeartbeatCall {
  /** Who calls, looked up anew: the wait may outlive the identity. */
  peer(): Promise<Peer>;
  address: string;
  /** Aborted when the caller is gone or this server closes. */
  signal: AbortSignal;
}

/** Takes one heartbeat as it came in, and holds the answer back until there is news, as long as the caller asked for. */
export function createTakeHeartbeat(deps: {
  heartbeats: HeartbeatPort;
  /** null where nobody is known by a CA. */
  trust: (() => AnnouncedTrust) | null;
  timers: Timers;
}) {
  const proofs = new Proofs();
  const told = new Told();
  return async function takeHeartbeat(body: unknown, call: HeartbeatCall): Promise<HeartbeatAnswer> {
    const peer = await call.peer();
    const request = parseBody(heartbeatRequestSchema, body);
    for (const report of request.streams) proofs.verify(peer, report);
    const hearing = await deps.heartbeats.accept(peer, request, { address: call.address });
    if (hearing.standing !== "taken") return answerApart(hearing);
    const answerNow = async (to: Peer): Promise<HeartbeatAnswer> => {
      const answered = await deps.heartbeats.answer(to);
      const trust = trustToTell(request.trust, deps.trust?.() ?? null);
      return trust === null ? answered : { ...answered, trust };
    };
    const answer = await answerNow(peer);
    // A challenge is to come back soon, and a long poll would hold it up.
    if (hearing.challenge !== null) return { ...answer, challenge: hearing.challenge };
    // Keys that roll over are to be confirmed soon, and a long poll would hold them up.
    const isNews = answer.trust !== undefined && told.isFirst(peer, answer.trust);
    if (isNews || answer.directives.length > 0 || request.waitSeconds === 0) return answer;

    const mostMs = (await deps.heartbeats.mostWaitMs?.(peer)) ?? Number.POSITIVE_INFINITY;
    await waitForNews(deps, { peer, signal: call.signal, ms: Math.min(mostMs, request.waitSeconds * 1000) });
    // A product removed meanwhile is told so.
    return answerNow(await call.peer());
  };
}

/** Until the next heartbeat of a start that waits. */
const APART_SECONDS = 10;
/** One that is to prove something is asked again at once. */
const CHALLENGE_SECONDS = 1;

function answerApart({ standing, challenge, at }: Hearing): HeartbeatAnswer {
  return {
    serverTime: at.toISOString(),
    nextSeconds: challenge === null ? APART_SECONDS : CHALLENGE_SECONDS,
    directives: [],
    positions: [],
    ...(standing === "taken" ? {} : { standing }),
    ...(challenge === null ? {} : { challenge }),
  };
}

/** Products of which it is remembered what they were told; two short strings each. */
const MAX_TOLD = 50_000;

/** Who was told of an announcement at once; those that do not take it hear it again at the end of each poll. */
class Told {
  readonly #last = new Map<ProductId, string>();

  isFirst({ product }: Peer, { authorities, sshHostKeys }: TrustAnnouncement): boolean {
    const what = createHash("sha256")
      .update(JSON.stringify([authorities, sshHostKeys]))
      .digest("base64");
    if (this.#last.get(product) === what) return false;
    if (this.#last.size >= MAX_TOLD) this.#last.clear();
    this.#last.set(product, what);
    return true;
  }
}

interface Proof {
  key: Buffer;
  text: string;
  signature: string;
}

/** Streams of which the last proof is remembered; about 500 bytes each. */
const MAX_PROOFS = 50_000;

/**
 * Verifies positions. Most heartbeats tell the position that the one before told, signed with the same bytes: the same
 * text, signature and key are the same proof, and need not be computed again (0.1 ms for each stream).
 */
class Proofs {
  readonly #last = new Map<string, Proof>();

  verify(peer: Peer, report: HeartbeatRequest["streams"][number]): void {
    const name = `${peer.product} ${report.stream}`;
    const text = positionText({ product: peer.product, ...report });
    const { signature } = report;
    const last = this.#last.get(name);
    if (last?.text === text && last.signature === signature && last.key.equals(peer.signingKeySpki)) return;
    if (!verifyBytes(peer.signingKeySpki, Buffer.from(text, "utf8"), Buffer.from(signature, "base64"))) {
      throw new AppError("link.signature_invalid", { product: peer.product, stream: report.stream });
    }
    if (this.#last.size >= MAX_PROOFS) this.#last.clear();
    this.#last.set(name, { key: peer.signingKeySpki, text, signature });
  }
}

async function waitForNews(
  deps: { heartbeats: HeartbeatPort; timers: Timers },
  wait: { peer: Peer; signal: AbortSignal; ms: number },
): Promise<void> {
  const over = new AbortController();
  // With a reason of its own: the default one is an error with a stack, for every heartbeat.
  const end = () => over.abort("over");
  const cancel = deps.timers.after(wait.ms, end);
  wait.signal.addEventListener("abort", end, { once: true });
  if (wait.signal.aborted) end();
  const aborted = new Promise<void>((resolve) => {
    if (over.signal.aborted) resolve();
    over.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const news = deps.heartbeats.waitForNews(wait.peer, over.signal).catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  try {
    await Promise.race([news, aborted]);
  } finally {
    cancel();
    wait.signal.removeEventListener("abort", end);
    end();
  }
}
