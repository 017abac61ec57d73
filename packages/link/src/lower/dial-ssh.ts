import { problemSchema } from "@tms/contracts";
import { AppError, errorFromCode } from "@tms/records";
import ssh2, { type ConnectConfig } from "ssh2";
import { fingerprintOf } from "../authority/ssh-host-key.ts";
import type { Address } from "./dial/address.ts";
import { type Dial, dialDirectly } from "./dial/dial.ts";
import { blameProxy } from "./dial/open-tunnel.ts";

// The SSH client of a lower party. AES-GCM only: OpenSSL does it natively, whatever ssh2's own binding does.

export const SSH_CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"] as const;
const SSH_GREETING = /^(?:[\t\x20-\x7e]*\r?\n)*SSH-2\.0-/;
const READY_TIMEOUT_MS = 20_000;
const KEEPALIVE_MS = 15_000;
const KEEPALIVE_MISSES = 3;

export interface SshLogOn {
  username: string;
  privateKey?: string;
  password?: string;
  /** Accepted host key fingerprints; empty = any, reported by `onHostKey`. */
  hostKeys: readonly string[];
  onHostKey?(fingerprint: string): void;
}

/**
 * Opens an authenticated SSH connection.
 *
 * @throws {AppError} `link.protocol_wrong` for a server of something else, `link.pin_mismatch` for a foreign host key, `link.credentials_wrong` or `link.identity_unknown`
 *   for a refused log-on, else what dialling throws.
 */
export async function dialSsh(
  to: Address,
  logOn: SshLogOn,
  options: { signal?: AbortSignal | undefined; dial?: Dial } = {},
): Promise<ssh2.Client> {
  const { dial = dialDirectly, signal } = options;
  const tunnel = await dial(to, { signal });
  const sock = tunnel.socket;
  const client = new ssh2.Client();
  let foreignKey: string | null = null;
  let isSsh = true;
  // A server of SSH says so first (RFC 4253, 4.2); lines before its name are allowed, bytes that are no text are not.
  sock.once("data", (first: Buffer) => {
    isSsh = SSH_GREETING.test(first.toString("latin1"));
  });
  const config: ConnectConfig = {
    sock,
    username: logOn.username,
    ...(logOn.privateKey === undefined ? {} : { privateKey: logOn.privateKey }),
    ...(logOn.password === undefined ? {} : { password: logOn.password }),
    hostVerifier: (key: Buffer) => {
      const fingerprint = fingerprintOf(key);
      logOn.onHostKey?.(fingerprint);
      const known = logOn.hostKeys.length === 0 || logOn.hostKeys.includes(fingerprint);
      if (!known) foreignKey = fingerprint;
      return known;
    },
    algorithms: { cipher: [...SSH_CIPHERS], serverHostKey: ["ssh-ed25519"] },
    readyTimeout: READY_TIMEOUT_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVE_MISSES,
  };
  return new Promise((resolve, reject) => {
    const abort = () => client.destroy();
    signal?.addEventListener("abort", abort, { once: true });
    const fail = (error: AppError) => {
      signal?.removeEventListener("abort", abort);
      client.destroy();
      sock.destroy();
      reject(blameProxy(tunnel, error));
    };
    client.once("ready", () => {
      signal?.removeEventListener("abort", abort);
      client.removeAllListeners("error");
      // Errors of an open connection reach its users as closed channels.
      client.on("error", () => undefined);
      resolve(client);
    });
    // Not once: a reset is told as two errors, and the second would end the process.
    client.on("error", (error: Error & { level?: string }) => {
      if (foreignKey !== null) fail(new AppError("link.pin_mismatch", { ...to, found: foreignKey }, { cause: error }));
      else if (!isSsh) fail(new AppError("link.protocol_wrong", { ...to }, { cause: error }));
      else fail(logOnError(error, { to, byPassword: logOn.password !== undefined }));
    });
    client.once("close", () =>
      fail(new AppError(isSsh ? "link.unreachable" : "link.protocol_wrong", { ...to, reason: "closed" })),
    );
    client.connect(config);
    // It came paused, so that nothing a server says first is lost on the way to its reader.
    sock.resume();
  });
}

/** The refusal in an answer line, if it is one; a batch answer is not. */
export function errorOfAnswerLine(line: string): AppError | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Whoever wanted an answer reports what came instead.
    return null;
  }
  const problem = problemSchema.safeParse(value);
  if (!problem.success) return null;
  const { code, status, retryAfter } = problem.data;
  return errorFromCode(code, { status, ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }) });
}

function logOnError(error: Error & { level?: string }, asked: { to: Address; byPassword: boolean }): AppError {
  if (error.level === "client-authentication") {
    return new AppError(asked.byPassword ? "link.credentials_wrong" : "link.identity_unknown", { ...asked.to });
  }
  const timedOut = error.level === "client-timeout";
  return new AppError(timedOut ? "link.timeout" : "link.unreachable", { ...asked.to }, { cause: error });
}
