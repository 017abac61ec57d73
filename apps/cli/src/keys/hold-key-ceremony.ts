import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type CustomerKeys, customerKeysSchema } from "@tms/contracts/portal";
import { AppError, type CustomerId, newId, type Sha256 } from "@tms/records";
import { holdCeremony, makeEd25519 } from "@tms/signing";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { writeNew } from "../shell/files.ts";
import { pinCustomer, writeExpert } from "./expert-directory.ts";
import { sealKey } from "./key-file.ts";
import { readRuleFiles, regularPattern } from "./rule-files.ts";

export interface KeyCeremony {
  /** Made anew or empty; holds everything afterwards. */
  directory: string;
  customer: { id?: CustomerId; name: string };
  experts: string[];
  /** `.yar` file or folder for the first regular pattern. */
  regularRules: string;
  passphrase: string;
  demo: boolean;
  now: Date;
}

export interface KeyCeremonyResult {
  customer: { id: CustomerId; name: string };
  patternRoot: Sha256;
  /** `customer.public.json`, for the portal; holds the online keys, so it is not for everybody either. */
  bundle: string;
  offline: string;
  experts: { name: string; directory: string; recipient: string; keyId: Sha256 }[];
  recoveryRecipient: string;
  rules: number;
}

/** Root and targets: any two of these sign. */
const OFFLINE_KEYS = 3;
const REGULAR_DAYS = 365;

/**
 * Holds a customer's key ceremony in one directory whose parts then go to their owners: `offline/` to media away from
 * every network, `experts/<name>/` to each expert's machine, `customer.public.json` to the portal.
 *
 * @throws {AppError} `keys.exists` if the directory holds anything; `cli.usage` with fewer than two experts.
 */
export async function holdKeyCeremony(ceremony: KeyCeremony): Promise<KeyCeremonyResult> {
  refuseTooFew(ceremony.experts);
  await makeEmptyDirectory(ceremony.directory);
  const customer = { id: ceremony.customer.id ?? newId<CustomerId>(), name: ceremony.customer.name };
  const offline = Array.from({ length: OFFLINE_KEYS }, makeEd25519);
  const online = { snapshot: makeEd25519(), timestamp: makeEd25519() };
  const experts = await Promise.all(ceremony.experts.map(makeExpert));
  const recovery = await makeAgeIdentity();
  const rules = await readRuleFiles(ceremony.regularRules);
  const expires = new Date(ceremony.now.getTime() + REGULAR_DAYS * 86_400_000);

  const repository = holdCeremony({
    customer,
    offline,
    experts,
    snapshot: online.snapshot.publicSpki,
    timestamp: online.timestamp.publicSpki,
    targets: {
      regular: [{ path: "regular/RP-regular.json", bytes: regularPattern(rules, { version: 1, expires }) }],
      recipients: [{ path: RECIPIENTS_PATH, bytes: recipientsBytes(experts.map((expert) => expert.recipient)) }],
    },
    at: ceremony.now,
  });

  const bundle = await writeBundle(ceremony, customer, { repository, online });
  const offlineDirectory = await writeOffline(ceremony, { offline, recovery });
  const pinned = {
    schema: "tms.pinned-customer/1" as const,
    customer,
    patternRoot: repository.patternRoot,
    root: repository.metadata.get("1.root.json")?.toString("base64") ?? "",
  };
  const written = [];
  for (const expert of experts) {
    const directory = join(ceremony.directory, "experts", expert.name);
    await writeExpert(directory, expert, ceremony);
    await pinCustomer(directory, pinned);
    written.push({ name: expert.name, directory, recipient: expert.recipient, keyId: expert.key.keyId });
  }
  return {
    customer,
    patternRoot: repository.patternRoot,
    bundle,
    offline: offlineDirectory,
    experts: written,
    recoveryRecipient: recovery.recipient,
    rules: rules.length,
  };
}

export const RECIPIENTS_PATH = "recipients/recipients.json";

export function recipientsBytes(recipients: string[]): Buffer {
  return Buffer.from(`${JSON.stringify({ schema: "tms.recipients/1", recipients }, null, 2)}\n`, "utf8");
}

function refuseTooFew(experts: string[]): void {
  const named = experts.every((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name));
  if (!named || new Set(experts).size !== experts.length || experts.length < 2) {
    throw new AppError("cli.usage", { experts, expected: "at least two different names of letters, digits, . _ -" });
  }
}

async function makeEmptyDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new AppError("keys.exists", { directory });
}

async function makeExpert(name: string) {
  const { identity, recipient } = await makeAgeIdentity();
  return { name, key: makeEd25519(), identity, recipient };
}

async function makeAgeIdentity(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

async function writeBundle(
  ceremony: KeyCeremony,
  customer: { id: CustomerId; name: string },
  made: {
    repository: ReturnType<typeof holdCeremony>;
    online: { snapshot: { privatePkcs8Pem: string }; timestamp: { privatePkcs8Pem: string } };
  },
): Promise<string> {
  const asBase64 = (files: Map<string, Uint8Array>) =>
    Object.fromEntries([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]));
  const bundle: CustomerKeys = {
    schema: "tms.customer-keys/1",
    customer,
    demo: ceremony.demo,
    metadata: asBase64(made.repository.metadata),
    targets: asBase64(made.repository.targets),
    onlineKeys: {
      snapshot: made.online.snapshot.privatePkcs8Pem,
      timestamp: made.online.timestamp.privatePkcs8Pem,
    },
  };
  const path = join(ceremony.directory, "customer.public.json");
  await writeNew(path, `${JSON.stringify(customerKeysSchema.parse(bundle), null, 2)}\n`);
  return path;
}

async function writeOffline(
  ceremony: KeyCeremony,
  keys: {
    offline: ReturnType<typeof makeEd25519>[];
    recovery: { identity: string; recipient: string };
  },
): Promise<string> {
  const directory = join(ceremony.directory, "offline");
  await mkdir(directory, { mode: 0o700 });
  const strength = ceremony.demo ? "demo" : "full";
  for (const [index, key] of keys.offline.entries()) {
    const name = `root-${index + 1}`;
    const publicKey = key.publicSpki.toString("base64");
    const plain = { kind: "ed25519", name, publicKey, secret: key.privatePkcs8Pem } as const;
    await writeNew(join(directory, `${name}.key.json`), await sealKey(plain, ceremony.passphrase, strength));
  }
  const { identity, recipient } = keys.recovery;
  const recovery = { kind: "age", name: "recovery", publicKey: recipient, secret: identity } as const;
  await writeNew(join(directory, "recovery.key.json"), await sealKey(recovery, ceremony.passphrase, strength));
  await writeNew(join(directory, "recovery.recipient"), `${recipient}\n`);
  return directory;
}
