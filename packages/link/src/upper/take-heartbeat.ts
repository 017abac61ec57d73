import { type HeartbeatAnswer, type HeartbeatRequest, heartbeatRequestSchema } from "@tms/contracts/link";
import { AppError, type Timers } from "@tms/records";
import { positionText, verifyBytes } from "@tms/signing";
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
export function createTakeHeartbeat(deps: { heartbeats: HeartbeatPort; timers: Timers }) {
  return async function takeHeartbeat(body: unknown, call: HeartbeatCall): Promise<HeartbeatAnswer> {
    const peer = await call.peer();
    const request = parseBody(heartbeatRequestSchema, body);
    for (const report of request.streams) verifyReport(peer, report);
    const hearing = await deps.heartbeats.accept(peer, request, { address: call.address });
    if (hearing.standing !== "taken") return answerApart(hearing);
    const answer = await deps.heartbeats.answer(peer);
    // A challenge is to come back soon, and a long poll would hold it up.
    if (hearing.challenge !== null) return { ...answer, challenge: hearing.challenge };
    if (answer.directives.length > 0 || request.waitSeconds === 0) return answer;

    await waitForNews(deps, { peer, signal: call.signal, ms: request.waitSeconds * 1000 });
    // A product removed meanwhile is told so.
    return deps.heartbeats.answer(await call.peer());
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

function verifyReport(peer: Peer, report: HeartbeatRequest["streams"][number]): void {
  const text = positionText({ product: peer.product, ...report });
  if (verifyBytes(peer.signingKeySpki, Buffer.from(text, "utf8"), Buffer.from(report.signature, "base64"))) return;
  throw new AppError("link.signature_invalid", { product: peer.product, stream: report.stream });
}

async function waitForNews(
  deps: { heartbeats: HeartbeatPort; timers: Timers },
  wait: { peer: Peer; signal: AbortSignal; ms: number },
): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
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
