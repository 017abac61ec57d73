import { randomUUID } from "node:crypto";
import { enrolmentTokenSchema } from "@tms/contracts/link";
import {
  createLowerKeys,
  type LowerKeys,
  loadIdentity,
  registerLower,
  type StoredIdentity,
  trustOf,
} from "@tms/link/lower";
import { AppError, type Clock, type EndpointId } from "@tms/records";
import { keepPins, type Pins, pinsOf, readPins } from "./pins.ts";

export interface Enrolment {
  keys: LowerKeys;
  identity: StoredIdentity;
  endpoint: EndpointId;
  pins: Pins;
}

const PREFIX = "tms1.";
const MAX_TOKEN_CHARACTERS = 16_384;

/**
 * Gives the identity of this endpoint: the stored one while it is good, else a new one by the token.
 *
 * The endpoint id survives a new enrolment, because the same TLS key asks for it again.
 *
 * @throws {AppError} `start.config_invalid` without identity and token; `link.*` as the mitigator refuses.
 */
export async function enrol(options: {
  directory: string;
  token: string | undefined;
  host: string;
  version: string;
  clock: Clock;
  signal: AbortSignal;
}): Promise<Enrolment> {
  const keys = await createLowerKeys(options.directory);
  const stored = await loadIdentity(keys);
  const before = readPins(options.directory);
  if (stored !== null && before !== null && stored.endpoint !== null && mayStay(stored, before, options)) {
    return { keys, identity: stored, endpoint: stored.endpoint, pins: before };
  }
  if (options.token === undefined) {
    throw new AppError("start.config_invalid", { key: "token", why: "the agent is not enrolled yet" });
  }
  const token = parseToken(options.token);
  const { id: tokenId, secret, ...fixed } = token;
  const pins = pinsOf({ ...fixed, tokenId }, before);
  // Pinned before the first connection: what is believed comes from the token alone.
  await keepPins(options.directory, pins);
  const identity = await registerEvenAsCopy(options, { keys, pins, secret, stored });
  if (identity.endpoint === null) throw new AppError("link.refused", { reason: "no endpoint id was given" });
  if (identity.customer !== pins.customer) throw new AppError("link.pin_mismatch", { pinned: "customer" });
  return { keys, identity, endpoint: identity.endpoint, pins };
}

/**
 * Whether the stored identity goes on. An expired certificate does: the link renews it, and only the mitigator's clock
 * knows whether it may. Once it was refused, another token enrols again, or the same one if the certificate has expired.
 * Another token also does if it knows the mitigator by a CA that the identity does not: it rolled over meanwhile.
 */
function mayStay(stored: StoredIdentity, before: Pins, options: { token: string | undefined; clock: Clock }): boolean {
  if (options.token === undefined) return true;
  if (before.isRefused !== true) return !isOfAnotherCa(parseToken(options.token), { stored, before });
  const isExpired = new Date(stored.certificateNotAfter) <= options.clock.now();
  return tokenIdOf(options.token) === before.tokenId && !isExpired;
}

function isOfAnotherCa(token: ReturnType<typeof parseToken>, known: { stored: StoredIdentity; before: Pins }): boolean {
  if (token.id === known.before.tokenId) return false;
  const { caPins } = trustOf(known.stored);
  return ![token.caPin, ...(token.caPins ?? [])].some((pin) => caPins.includes(pin));
}

function tokenIdOf(text: string): string {
  return parseToken(text).id;
}

function parseToken(text: string) {
  const body = text.startsWith(PREFIX) && text.length <= MAX_TOKEN_CHARACTERS ? text.slice(PREFIX.length) : "";
  try {
    const {
      expiresAt: _,
      uses: __,
      caPins,
      ...token
    } = enrolmentTokenSchema.parse(JSON.parse(Buffer.from(body, "base64url").toString("utf8")));
    return { ...token, ...(caPins === undefined ? {} : { caPins }) };
  } catch (error) {
    throw new AppError("start.config_invalid", { key: "token", why: "it is no enrolment token" }, { cause: error });
  }
}

/** A copy of another machine's directory is refused as such: it becomes an endpoint of its own, which shares nothing. */
async function registerEvenAsCopy(
  options: { directory: string; host: string; version: string; signal: AbortSignal },
  with_: { keys: LowerKeys; pins: Pins; secret: string; stored: StoredIdentity | null },
): Promise<StoredIdentity> {
  try {
    return await registerAtFirst(options, with_);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "link.identity_clone") throw error;
  }
  with_.pins.instanceId = randomUUID();
  await keepPins(options.directory, with_.pins);
  return registerAtFirst(options, { ...with_, stored: null, freshKeys: true });
}

/** A token may name several addresses of the mitigator; the first that answers is taken. */
async function registerAtFirst(
  options: { host: string; version: string; signal: AbortSignal },
  with_: { keys: LowerKeys; pins: Pins; secret: string; stored: StoredIdentity | null; freshKeys?: boolean },
): Promise<StoredIdentity> {
  const { keys, pins, secret, stored, freshKeys = false } = with_;
  const request = {
    credentials: { kind: "token", id: pins.tokenId, secret },
    kind: "agent",
    version: options.version,
    host: options.host,
    instanceId: pins.instanceId,
    ...(stored?.endpoint ? { endpoint: stored.endpoint } : {}),
  } as const;
  let unreachable: AppError | null = null;
  for (const statusServer of pins.addresses) {
    try {
      const { caPin, caPins = [caPin], patternRoot } = pins;
      return await registerLower({
        keys,
        freshKeys,
        statusServer,
        caPins,
        patternRoot,
        request,
        signal: options.signal,
      });
    } catch (error) {
      if (!(error instanceof AppError) || !LINE_PROBLEMS.includes(error.code)) throw error;
      unreachable = error;
    }
  }
  throw unreachable ?? new AppError("start.config_invalid", { key: "token", why: "it names no address" });
}

const LINE_PROBLEMS: readonly string[] = [
  "link.unreachable",
  "link.protocol_wrong",
  "link.timeout",
  "link.name_unknown",
];
