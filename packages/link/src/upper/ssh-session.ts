import type { Socket } from "node:net";
import type { Clock, ProductId } from "@tms/records";
import type { BatchIntake } from "./batch-intake.ts";
import type { CredentialCheck, IdentitySource } from "./peer.ts";
import type { SshIdentity } from "./ssh-log-on.ts";

export interface SshLimits {
  /** Sockets that have not logged on. */
  maxUnauthenticated: number;
  maxUnauthenticatedPerAddress: number;
  maxConnections: number;
  preAuthMs: number;
  /** Log-on tries per connection; each refusal is delayed. */
  maxTries: number;
  refusalDelayMs: number;
  /** Bytes of SFTP writes not yet on disk; above it the socket is paused (ssh2 has no back pressure of its own). */
  inFlightBytes: number;
}

export const SSH_LIMITS: SshLimits = {
  maxUnauthenticated: 100,
  maxUnauthenticatedPerAddress: 20,
  maxConnections: 5000,
  preAuthMs: 10_000,
  maxTries: 5,
  refusalDelayMs: 300,
  inFlightBytes: 4 * 1024 * 1024,
};

export interface SshLogServerDeps {
  /** Asked for each connection: the key may roll over while this server runs. */
  hostKeyPem(): string;
  identity: IdentitySource;
  credentials: CredentialCheck | null;
  intake: BatchIntake;
  limits?: Partial<SshLimits>;
  clock?: Clock;
  log?: { warn(fields: object, text: string): void };
}

/** What the parts of one connection share. */
export interface SshSession {
  who: SshIdentity;
  socket: Socket;
  address: string;
  deps: SshLogServerDeps & { limits: SshLimits; clock: Clock };
  /** Rejects with the refusal once the product behind this connection is refused. */
  refused: Promise<never>;
  /** The last answer to each product, for `/out/position.json`. */
  answers: Map<ProductId, string>;
}
