import { AppError, type Clock } from "@tms/records";
import ssh2, { type AuthContext } from "ssh2";
import { admit, type CredentialCheck, type IdentitySource, type Peer } from "./peer.ts";

export type SshIdentity =
  | { kind: "product"; user: string; keyBlob: Buffer; peer: Peer }
  /** Checked credentials that may only test. */
  | { kind: "test" };

const TEST_USER = /^test\.(.{1,64})$/;

/**
 * Judges one log-on try: SSH user = product id with the product's key, or `test.<user name>` with the customer's
 * password. `"probe"` = the key is known, its signature still to come. null = refused.
 */
export async function authenticate(
  asked: AuthContext,
  context: {
    deps: { identity: IdentitySource; credentials: CredentialCheck | null; clock: Clock };
    address: string;
  },
): Promise<SshIdentity | "probe" | null> {
  if (asked.method === "publickey") return byKey(asked, context.deps);
  const test = TEST_USER.exec(asked.username);
  if (asked.method !== "password" || test?.[1] === undefined || context.deps.credentials === null) return null;
  try {
    await context.deps.credentials.check(test[1], asked.password, context.address);
    return { kind: "test" };
  } catch (error) {
    return refusalOf(error);
  }
}

async function byKey(
  asked: Extract<AuthContext, { method: "publickey" }>,
  deps: { identity: IdentitySource; clock: Clock },
): Promise<SshIdentity | "probe" | null> {
  try {
    const peer = admit(await deps.identity.bySshKey(asked.username, asked.key.data), deps.clock.now());
    if (asked.signature === undefined) return "probe";
    const key = ssh2.utils.parseKey(`${asked.key.algo} ${asked.key.data.toString("base64")}`);
    if (key instanceof Error || asked.blob === undefined) return null;
    if (key.verify(asked.blob, asked.signature, asked.hashAlgo) !== true) return null;
    return { kind: "product", user: asked.username, keyBlob: asked.key.data, peer };
  } catch (error) {
    return refusalOf(error);
  }
}

/** Who the product behind a connection is now; it may have been removed since the log-on. */
export async function peerNow(
  who: Extract<SshIdentity, { kind: "product" }>,
  deps: { identity: IdentitySource; clock: Clock },
): Promise<Peer> {
  return admit(await deps.identity.bySshKey(who.user, who.keyBlob), deps.clock.now());
}

/** A refusal by our own rules is an answer; anything else, a lost database for instance, is not. */
function refusalOf(error: unknown): null {
  if (error instanceof AppError && error.row.status < 500) return null;
  throw error;
}
