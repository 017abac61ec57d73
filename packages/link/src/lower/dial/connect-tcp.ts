import { connect, type Socket } from "node:net";
import { AppError, type ErrorCode } from "@tms/records";
import type { Address } from "./address.ts";

/** How a failed dial is called: the portal's codes, or those of the proxy in front of it. */
export interface DialCodes {
  nameUnknown: ErrorCode;
  unreachable: ErrorCode;
  timeout: ErrorCode;
}

/** A silent network is told from a refusing one after this. */
export const DIAL_TIMEOUT_MS = 10_000;

/** Opens a TCP connection. @throws {AppError} one of `codes` */
export function connectTcp(
  to: Address,
  options: { codes: DialCodes; signal?: AbortSignal | undefined },
): Promise<Socket> {
  const { codes, signal } = options;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port, noDelay: true, keepAlive: true });
    const fail = (error: AppError) => {
      signal?.removeEventListener("abort", abort);
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(new AppError(codes.timeout, { ...to }, { cause: signal?.reason }));
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    socket.setTimeout(DIAL_TIMEOUT_MS, () => fail(new AppError(codes.timeout, { ...to })));
    socket.once("error", (error) => fail(dialError(error, { to, codes })));
    socket.once("connect", () => {
      signal?.removeEventListener("abort", abort);
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      socket.removeAllListeners("timeout");
      // Whoever takes the socket adds its own handler; until then a reset must not end the process.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function dialError(error: Error, asked: { to: Address; codes: DialCodes }): AppError {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const { to, codes } = asked;
  const known = new Map([
    ["ENOTFOUND", codes.nameUnknown],
    ["EAI_AGAIN", codes.nameUnknown],
    ["ETIMEDOUT", codes.timeout],
  ]);
  return new AppError(known.get(code) ?? codes.unreachable, { ...to, reason: code }, { cause: error });
}
