import { isIPv6, type Socket } from "node:net";
import { AppError, type ErrorCode } from "@tms/records";
import { SocksClient } from "socks";
import { authorityOf } from "./address.ts";
import { DIAL_TIMEOUT_MS } from "./connect-tcp.ts";
import type { ProxyLine } from "./proxy-settings.ts";

/** SOCKS4, 4a or 5. Names go to the proxy as names. */
export async function connectThroughSocksProxy(line: ProxyLine): Promise<{ socket: Socket; early: Buffer }> {
  const { proxy, to } = line;
  if (proxy.kind === "socks4" && isIPv6(to.host)) throw failure(line, "proxy.address_unsupported");
  const socket = await line.dial();
  const client = new SocksClient({
    proxy: {
      host: proxy.host,
      port: proxy.port,
      type: proxy.kind === "socks4" ? 4 : 5,
      ...(proxy.userName === undefined ? {} : { userId: proxy.userName }),
      ...(proxy.kind === "socks4" || proxy.password === undefined ? {} : { password: proxy.password }),
    },
    command: "connect",
    destination: { host: to.host, port: to.port },
    timeout: DIAL_TIMEOUT_MS,
  });
  return new Promise((resolve, reject) => {
    const abort = () => {
      socket.destroy();
      reject(failure(line, "proxy.timeout"));
    };
    if (line.signal?.aborted) return abort();
    line.signal?.addEventListener("abort", abort, { once: true });
    client.once("error", (error: Error) => {
      line.signal?.removeEventListener("abort", abort);
      // The library's error carries the options and with them the password: only its text goes on.
      reject(failure(line, codeOf(error.message, proxy.userName !== undefined), error.message));
    });
    client.once("established", () => {
      line.signal?.removeEventListener("abort", abort);
      socket.on("error", () => undefined);
      const early: Buffer[] = [];
      const keep = (bytes: Buffer) => early.push(bytes);
      socket.on("data", keep);
      // The library emits what came behind the proxy's answer in the next immediate, and then lets the socket flow.
      setImmediate(() => {
        socket.pause();
        socket.off("data", keep);
        resolve({ socket, early: Buffer.concat(early) });
      });
    });
    client.connect(socket);
  });
}

/** The library tells what happened in its texts alone; `socks-proxy.test.ts` holds it to them. */
const TEXTS: readonly [RegExp, ErrorCode][] = [
  [/rejected connection - NotAllowed/, "proxy.refused_target"],
  [/rejected connection - (Host|Network)Unreachable/, "proxy.target_unreachable"],
  [/rejected connection - (ConnectionRefused|TTLExpired|Failure)/, "proxy.target_unreachable"],
  [/rejected connection - AddressNotSupported/, "proxy.address_unsupported"],
  [/rejected connection - \(RejectedIdent\)/, "proxy.credentials_wrong"],
  // An answer that is none of SOCKS4's.
  [/rejected connection - \(undefined\)/, "proxy.protocol_wrong"],
  [/rejected connection/, "proxy.refused"],
  [/Authentication failed/, "proxy.credentials_wrong"],
  [/timed out/, "proxy.timeout"],
];

function codeOf(text: string, hasUser: boolean): ErrorCode {
  if (/no accepted authentication type/.test(text)) {
    return hasUser ? "proxy.scheme_unknown" : "proxy.credentials_needed";
  }
  return TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? "proxy.protocol_wrong";
}

function failure(line: ProxyLine, code: ErrorCode, reason?: string): AppError {
  const { host, port, kind } = line.proxy;
  return new AppError(code, { host, port, kind, target: authorityOf(line.to), reason });
}
