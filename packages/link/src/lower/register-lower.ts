import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { createApiClient } from "@tms/contracts";
import { linkRegister, type RegisterAnswer, type RegisterRequest } from "@tms/contracts/link";
import { AppError, type CustomerId, type EndpointId, type ProductId, type Sha256 } from "@tms/records";
import { publicSpkiOf } from "@tms/signing";
import { productUri } from "../authority/issue-certificates.ts";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import { certificatesIn, spkiOfCertificate, spkiOfKey } from "../authority/spki.ts";
import type { Disk } from "../disk/disk.ts";
import { makeCertificateRequest } from "./certificate-request.ts";
import { type Address, hostInUrl } from "./dial/address.ts";
import type { Dial } from "./dial/dial.ts";
import { errorOfApi, fetchOver } from "./link-http.ts";
import { adoptKeys, type LowerKeys, makeFreshKeys, publicSshText } from "./lower-keys.ts";
import { type ProbedAuthority, probeAuthority } from "./probe-authority.ts";
import { type FreshKeys, IDENTITY_FILE, keepFreshKeys, settleRenewal } from "./renewal-keys.ts";
import { createTlsAgent } from "./tls-client.ts";

/** Who we are to the upper party; `identity.json` beside the keys. */
export interface StoredIdentity {
  product: ProductId;
  customer: CustomerId;
  endpoint: EndpointId | null;
  certificatePem: string;
  /** The CAs that are trusted, one behind the other (trust.ts). */
  caPem: string;
  /** OpenSSH fingerprints of the log server's host keys. */
  sshHostKeys: string[];
  patternRoot: Sha256;
  pinned: boolean;
  /** SPKI hash of the CA that was met at registration; what is trusted now is in `caPem`. */
  caSpki: Sha256;
  registeredAt: string;
  certificateNotAfter: string;
  /** By the upper party's clock, like all times here; absent until the first renewal. */
  certificateIssuedAt?: string;
  limits: { batchBytes: number; batchRecords: number; packageBytes: number };
}

export interface RegisterLowerOptions {
  keys: LowerKeys;
  statusServer: Address;
  /** Empty = unpinned; the product stays *unconfirmed*. */
  caPins: readonly Sha256[];
  /** From the connection details or the token, never from the answer. */
  patternRoot: Sha256;
  /**
   * With keys that share nothing with those before, which then replace them in `keys`. A copy of another machine's
   * directory needs that, and an instance id of its own in `request`.
   */
  freshKeys?: boolean;
  request: Omit<RegisterRequest, "v" | "pinned" | "certificateRequest" | "sshPublicKey" | "signingKey">;
  signal?: AbortSignal | undefined;
  /** Default: directly. */
  dial?: Dial;
}

const REGISTER_TIMEOUT_MS = 30_000;

/**
 * Registers with an upper party and stores the identity beside the keys.
 *
 * @throws {AppError} `link.pin_mismatch`, `link.pattern_root_mismatch`, or the upper party's refusal. Nothing is stored then.
 */
export async function registerLower(options: RegisterLowerOptions): Promise<StoredIdentity> {
  const { keys, statusServer } = options;
  const used = options.freshKeys === true ? await waitingKeys(keys.directory) : keys;
  const authority = await probeAuthority(statusServer, options.caPins, options);
  const agent = createTlsAgent(
    { caPem: authority.caPem },
    { ...(options.dial === undefined ? {} : { dial: options.dial }) },
  );
  try {
    const client = createApiClient(
      { register: linkRegister },
      {
        baseUrl: `https://${hostInUrl(statusServer.host)}:${statusServer.port}`,
        fetch: fetchOver(agent, {
          timeoutMs: REGISTER_TIMEOUT_MS,
          ...(options.signal ? { signal: options.signal } : {}),
        }),
      },
    );
    const body: RegisterRequest = {
      ...options.request,
      v: "link/1",
      pinned: authority.pinned,
      certificateRequest: await makeCertificateRequest(used.tlsPrivatePem),
      sshPublicKey: publicSshText(used.sshPrivateKey),
      signingKey: publicSpkiOf(used.signingPrivatePem).toString("base64"),
    };
    const answer = await client.register({ body });
    const identity = checkAnswer(answer, { options, authority, tlsPrivatePem: used.tlsPrivatePem });
    await storeIdentity(keys.directory, identity);
    adoptKeys(keys, used);
    await settleRenewal(keys.directory);
    return identity;
  } catch (error) {
    throw errorOfApi(error);
  } finally {
    await agent.destroy();
  }
}

/**
 * Checks that an answered certificate is for our key and name, and comes from the CA that we trust.
 *
 * @throws {AppError} `link.pin_mismatch`, `link.csr_invalid`
 */
export function checkCertificate(
  answer: Pick<RegisterAnswer, "certificate" | "ca" | "customer" | "product">,
  ours: { tlsPrivatePem: string; caPins: readonly Sha256[] },
): { notAfter: string } {
  const bundle = certificatesIn(answer.ca);
  // The bundle may hold another CA beside it, before or after a roll-over.
  if (!bundle.some((pem) => ours.caPins.includes(spkiOfCertificate(pem)))) {
    throw new AppError("link.pin_mismatch", { reason: "the answered CA bundle lacks the pinned CA" });
  }
  const certificate = new X509Certificate(answer.certificate);
  const uri = `URI:${productUri(answer.customer, answer.product)}`;
  const issued = bundle.some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
  if (
    spkiOfCertificate(certificate) !== spkiOfKey(ours.tlsPrivatePem) ||
    !issued ||
    certificate.subjectAltName !== uri
  ) {
    throw new AppError("link.csr_invalid", { reason: "the answered certificate is not for our key and name" });
  }
  return { notAfter: new Date(certificate.validTo).toISOString() };
}

/** Puts an identity in force: from this rename on, its certificate says which keys are ours. */
export async function storeIdentity(directory: string, identity: StoredIdentity, disk?: Disk): Promise<void> {
  await writeDurably(join(directory, IDENTITY_FILE), JSON.stringify(identity, null, 2), disk);
}

async function waitingKeys(directory: string): Promise<FreshKeys> {
  const fresh = makeFreshKeys();
  await keepFreshKeys(directory, fresh);
  return fresh;
}

/**
 * What a registration has become: `known` itself, or the identity beside the keys if it is not older. That one was
 * renewed, or registered by a process that died before it could tell anybody else; the keys on disk are for it.
 */
export async function identityInForce(keys: LowerKeys, known: StoredIdentity): Promise<StoredIdentity> {
  const stored = await loadIdentity(keys);
  return stored !== null && stored.registeredAt >= known.registeredAt ? stored : known;
}

/** The identity of an earlier registration, or null. */
export async function loadIdentity(keys: LowerKeys): Promise<StoredIdentity | null> {
  const text = await readIfThere(join(keys.directory, IDENTITY_FILE));
  return text === null ? null : (JSON.parse(text) as StoredIdentity);
}

function checkAnswer(
  answer: RegisterAnswer,
  context: { options: RegisterLowerOptions; authority: ProbedAuthority; tlsPrivatePem: string },
): StoredIdentity {
  const { options, authority, tlsPrivatePem } = context;
  if (answer.patternRoot !== options.patternRoot) {
    throw new AppError("link.pattern_root_mismatch", { pinned: options.patternRoot, answered: answer.patternRoot });
  }
  const certificate = checkCertificate(answer, { tlsPrivatePem, caPins: [authority.spki] });
  // Of an answer no more is trusted than what was pinned before; a next CA comes by heartbeat, vouched for by its forerunner.
  const pins = [authority.spki, ...options.caPins];
  const trusted = certificatesIn(answer.ca).filter((pem) => pins.includes(spkiOfCertificate(pem)));
  return {
    product: answer.product,
    customer: answer.customer,
    endpoint: answer.endpoint ?? null,
    certificatePem: answer.certificate,
    caPem: trusted.map((pem) => `${pem}\n`).join(""),
    sshHostKeys: answer.sshHostKeys,
    patternRoot: options.patternRoot,
    pinned: authority.pinned,
    caSpki: authority.spki,
    registeredAt: answer.serverTime,
    certificateNotAfter: certificate.notAfter,
    limits: answer.limits,
  };
}
