import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { AppError, type ErrorCode } from "@tms/records";
import { authorityOf } from "./address.ts";
import { DIAL_TIMEOUT_MS } from "./connect-tcp.ts";
import { answerChallenge, type ChallengeAnswer } from "./proxy-authorization.ts";
import type { ProxyLine } from "./proxy-settings.ts";

/** Without credentials, with them, and once more if the proxy says that only its nonce was stale. */
const MAX_REQUESTS = 3;
const MAX_HEADER_BYTES = 16_384;

interface ConnectAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  socket: Socket;
  early: Buffer;
}

/**
 * HTTP CONNECT (RFC 9110, 9.3.6). Credentials are sent only after the proxy asked for them, so that a password travels
 * by Digest wherever the proxy offers it.
 */
export async function connectThroughHttpProxy(line: ProxyLine): Promise<{ socket: Socket; early: Buffer }> {
  let answer: ChallengeAnswer | null = null;
  for (let round = 1; ; round += 1) {
    const got = await askConnect(line, answer?.header);
    if (got.status >= 200 && got.status < 300) return got;
    got.socket.destroy();
    if (got.status !== 407 || round === MAX_REQUESTS) throw refusal(line, { got, hadAnswer: answer !== null });
    const challenges = challengesOf(got.headers);
    if (answer !== null && !answer.isStale(challenges)) throw refusal(line, { got, hadAnswer: true });
    answer = answerChallenge(challenges, { proxy: line.proxy, authority: authorityOf(line.to) });
  }
}

async function askConnect(line: ProxyLine, authorization: string | undefined): Promise<ConnectAnswer> {
  const socket = await line.dial();
  const authority = authorityOf(line.to);
  const limit = AbortSignal.timeout(DIAL_TIMEOUT_MS);
  try {
    const request = httpRequest({
      method: "CONNECT",
      path: authority,
      headers: {
        host: authority,
        "proxy-connection": "keep-alive",
        ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
      },
      createConnection: () => socket,
      maxHeaderSize: MAX_HEADER_BYTES,
      signal: line.signal === undefined ? limit : AbortSignal.any([limit, line.signal]),
    });
    return await answerOf(request);
  } catch (error) {
    socket.destroy();
    const { host, port, kind } = line.proxy;
    const code = limit.aborted || line.signal?.aborted ? "proxy.timeout" : "proxy.protocol_wrong";
    throw new AppError(code, { host, port, kind, reason: (error as NodeJS.ErrnoException).code });
  }
}

function answerOf(request: ClientRequest): Promise<ConnectAnswer> {
  return new Promise((resolve, reject) => {
    request.once("connect", (answer, socket, early) => {
      // Whoever takes the socket adds its own handler; until then a reset must not end the process.
      socket.on("error", () => undefined);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, socket: socket as Socket, early });
    });
    // To CONNECT every answer is a "connect"; this is a server that is no HTTP proxy at all.
    request.once("response", () => reject(new Error("answered CONNECT with a plain response")));
    request.once("error", reject);
    request.end();
  });
}

function challengesOf(headers: IncomingMessage["headers"]): string {
  const value = headers["proxy-authenticate"];
  return (Array.isArray(value) ? value.join(", ") : value) ?? "";
}

/** What squid, tinyproxy and others mean by a status; 403 and 405 are their access rules. */
function refusal(line: ProxyLine, about: { got: ConnectAnswer; hadAnswer: boolean }): AppError {
  const { got, hadAnswer } = about;
  const details = { host: line.proxy.host, port: line.proxy.port, target: authorityOf(line.to), status: got.status };
  if (got.status === 407)
    return new AppError(hadAnswer ? "proxy.credentials_wrong" : "proxy.credentials_needed", details);
  const byName = String(got.headers["x-squid-error"] ?? "").startsWith("ERR_DNS_FAIL");
  const known = new Map<number, ErrorCode>([
    [401, "proxy.credentials_wrong"],
    [403, "proxy.refused_target"],
    [405, "proxy.refused_target"],
    [500, "proxy.target_unreachable"],
    [502, "proxy.target_unreachable"],
    [503, byName ? "proxy.target_unknown" : "proxy.target_unreachable"],
    [504, "proxy.target_unreachable"],
  ]);
  return new AppError(known.get(got.status) ?? "proxy.protocol_wrong", details);
}
