import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Clock, type CustomerId, type ProductId, type Sha256, systemClock } from "@tms/records";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import {
  type CaPair,
  type IssuedClient,
  type Issuer,
  issueClient,
  issueServer,
  issueSigner,
  makeCa,
  openIssuer,
} from "./issue-certificates.ts";
import { readIfThere, writeDurably } from "./private-file.ts";
import { type CaRoll, ROLL_FILES, readCaRoll } from "./roll-record.ts";
import { spkiOfCertificate } from "./spki.ts";

// The certificate authority of an upper party: it certifies servers and the keys of registered products. It may be in the
// middle of a roll-over (roll-record.ts); then there are two, and the phase says which of them certifies.

export const CA_KEY_FILE = "ca-key.pem";
export const CA_FILE = "ca.pem";

/** A CA that products may know us by. */
export interface AuthorityInForce {
  pin: Sha256;
  /** Self-signed. */
  certificatePem: string;
  /** The same key by the CA before; null for the one that was first. */
  crossPem: string | null;
}

export interface Authority {
  /** All CAs in force, the one that certifies first. */
  readonly caPem: string;
  /** Of the CA whose files are the present ones; the older of two. */
  readonly spkiPin: Sha256;
  /** The CA that certifies now. */
  readonly certifying: { pin: Sha256; caPem: string };
  /** What connection details and enrolment tokens pin: all in force, the older one first. */
  pins(): Sha256[];
  /** All in force, the older one first. */
  inForce(): AuthorityInForce[];
  /** Differs as soon as a listener's certificate is to be issued anew. */
  generation(): string;
  /** Whether a roll-over went on since the last look; what is in force then is what lies on the disk. */
  look(): Promise<"same" | "changed">;
  /** Makes a key and a certificate for a listener; `certPem` holds the CA behind it, so that a pin can be checked. */
  issueServer(request: { hosts: readonly string[] }): Promise<{ keyPem: string; certPem: string }>;
  /** @throws {AppError} `link.csr_invalid` */
  issueClient(request: {
    csrPem: string;
    customer: CustomerId;
    product: ProductId;
    days: number;
  }): Promise<IssuedClient>;
  /** Certifies an Ed25519 key for signing this party's statements, for a day; PEM. */
  issueSigner(request: { publicSpki: Uint8Array }): Promise<string>;
}

/**
 * Opens the authority in `directory`, or makes it there on first use. The key file is 0600.
 *
 * @throws {AppError} `roll.record_unreadable`, `roll.keys_differ`
 */
export async function createAuthority(options: { directory: string; name: string; clock: Clock }): Promise<Authority> {
  const { directory, clock } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await settleCaRoll(directory);
  await makeIfMissing(options);
  let now = await readState(directory, clock);
  return {
    get caPem() {
      return [now.issuerPem, ...now.bundle.filter((pem) => pem !== now.issuerPem)].join("");
    },
    get spkiPin() {
      return spkiOfCertificate(now.present.caPem);
    },
    get certifying() {
      const caPem = now.issuerPem;
      return { pin: spkiOfCertificate(caPem), caPem };
    },
    pins: () => now.authorities.map(({ pin }) => pin),
    inForce: () => now.authorities,
    generation: () => now.generation,
    async look() {
      const found = await readState(directory, clock);
      const isSame = found.generation === now.generation && found.bundle.join() === now.bundle.join();
      now = found;
      return isSame ? "same" : "changed";
    },
    issueServer: (request) => issueServer({ ...request, ...now.issuer, chainPem: now.chainPem }),
    issueClient: (request) => issueClient({ ...request, ...now.issuer }),
    issueSigner: (request) => issueSigner({ ...request, ...now.issuer }),
  };
}

/**
 * Puts a retired CA's successor into the present one's files, and forgets the roll-over (R2). Nothing happens before that
 * point, and nothing after it.
 */
export async function settleCaRoll(directory: string, disk: Disk = nodeDisk): Promise<void> {
  const roll = await readCaRoll(directory);
  if (roll?.phase !== "retired") return;
  await writeDurably(join(directory, CA_KEY_FILE), roll.next.keyPem, disk);
  await writeDurably(join(directory, CA_FILE), roll.next.caPem, disk);
  await disk.remove(join(directory, ROLL_FILES.ca));
  await disk.syncDirectory(directory);
}

/** The present CA of a directory that has one. @throws {AppError} `store.never_made`, `roll.keys_differ` */
export async function readPresentCa(directory: string): Promise<CaPair> {
  const keyPem = await readIfThere(join(directory, CA_KEY_FILE));
  const caPem = await readIfThere(join(directory, CA_FILE));
  if (keyPem === null || caPem === null) throw new AppError("store.never_made", { missing: directory });
  if (!new X509Certificate(caPem).checkPrivateKey(createPrivateKey(keyPem))) {
    throw new AppError("roll.keys_differ", { directory });
  }
  return { keyPem, caPem };
}

/** By which CAs the upper party of this directory may be met; reads alone. @throws {AppError} as `readPresentCa` */
export async function readCaPins(directory: string): Promise<Sha256[]> {
  return (await readState(directory, systemClock)).authorities.map(({ pin }) => pin);
}

async function makeIfMissing(options: { directory: string; name: string; clock: Clock }): Promise<void> {
  const keyPath = join(options.directory, CA_KEY_FILE);
  const certificatePath = join(options.directory, CA_FILE);
  if ((await readIfThere(keyPath)) !== null && (await readIfThere(certificatePath)) !== null) return;
  const made = await makeCa({ commonName: options.name }, options.clock);
  await writeDurably(keyPath, made.keyPem);
  await writeDurably(certificatePath, made.caPem);
}

interface State {
  present: CaPair;
  authorities: AuthorityInForce[];
  /** Self-signed, the older one first. */
  bundle: string[];
  issuerPem: string;
  issuer: Issuer;
  /** Behind a listener's certificate. */
  chainPem: string;
  generation: string;
}

/** Somebody may take the next step between two reads; the record tells. */
const MAX_READS = 5;

async function readState(directory: string, clock: Clock): Promise<State> {
  for (let reads = 1; ; reads += 1) {
    const before = await readCaRoll(directory);
    const [present] = await Promise.allSettled([readPresentCa(directory)]);
    const roll = await readCaRoll(directory);
    const isWhole = JSON.stringify(before) === JSON.stringify(roll);
    if (isWhole && present.status === "fulfilled") return stateOf(present.value, roll, clock);
    // Its files are being written; the record has the bytes.
    if (isWhole && roll?.phase === "retired") return stateOf(roll.next, roll, clock);
    if (isWhole && present.status === "rejected") throw present.reason;
    if (reads >= MAX_READS) throw new AppError("roll.keys_differ", { directory });
  }
}

async function stateOf(read: CaPair, roll: CaRoll | null, clock: Clock): Promise<State> {
  const isOver = roll?.phase === "retired";
  const present = isOver ? roll.next : read;
  const next = isOver ? null : (roll?.next ?? null);
  const inForce = (caPem: string, crossPem: string | null) => ({
    pin: spkiOfCertificate(caPem),
    certificatePem: caPem,
    crossPem,
  });
  const authorities = [inForce(present.caPem, null), ...(next === null ? [] : [inForce(next.caPem, next.crossPem)])];
  const certifying = roll?.phase === "switched" && next !== null ? next : null;
  const issuer = certifying ?? present;
  return {
    present,
    authorities,
    bundle: authorities.map(({ certificatePem }) => certificatePem),
    issuerPem: issuer.caPem,
    issuer: await openIssuer(issuer, clock),
    // The next CA's own certificate is not shown: who has the old pin alone must find it in the chain, and goes by the cross.
    chainPem: certifying === null ? present.caPem : certifying.crossPem + present.caPem,
    generation: spkiOfCertificate(issuer.caPem) + (certifying === null ? "" : " by the one before"),
  };
}
