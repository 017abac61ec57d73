import { connect as connectTcp, type Socket } from "node:net";
import { AppError, type ErrorCode } from "@tms/records";

export interface Address {
  host: string;
  port: number;
}

/** A silent network is told from a refusing one after this. */
const DIAL_TIMEOUT_MS = 10_000;

/**
 * Dials the raw socket for TLS and SSH alike; the one place that does, so that a proxy has one place to enter.
 *
 * @throws {AppError} `link.name_unknown`, `link.unreachable`, `link.timeout`
 */
export function openTunnel(to: Address, options: { signal?: AbortSignal | undefined } = {}): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: to.host, port: to.port, noDelay: true, keepAlive: true });
    const fail = (error: AppError) => {
      options.signal?.removeEventListener("abort", abort);
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(new AppError("link.timeout", { ...to }, { cause: options.signal?.reason }));
    if (options.signal?.aborted) return abort();
    options.signal?.addEventListener("abort", abort, { once: true });
    socket.setTimeout(DIAL_TIMEOUT_MS, () => fail(new AppError("link.timeout", { ...to })));
    socket.once("error", (error) => fail(dialError(error, to)));
    socket.once("connect", () => {
      options.signal?.removeEventListener("abort", abort);
      socket.setTimeout(0);
      socket.removeAllListeners("error");
      socket.removeAllListeners("timeout");
      // Whoever takes the socket adds its own handler; until then a reset must not end the process.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

function dialError(error: Error, to: Address): AppError {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Record<string, ErrorCode> = {
    ENOTFOUND: "link.name_unknown",
    EAI_AGAIN: "link.name_unknown",
    ETIMEDOUT: "link.timeout",
  };
  return new AppError(known[code ?? ""] ?? "link.unreachable", { ...to, reason: code }, { cause: error });
}
