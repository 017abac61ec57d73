import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type CustomerId, isSha256, isUuid, type Sha256 } from "@tms/records";
import { type Ed25519Key, keyIdOf } from "@tms/signing";
import { z } from "zod";
import { readJsonInput, writeNew } from "../shell/files.ts";
import { openKey, parseKeyFile, sealKey } from "./key-file.ts";

// One expert's directory (0700), on that expert's own machine:
//   expert.json            public: name, age recipient, signing key
//   signing.key.json       Ed25519, encrypted
//   identity.key.json      age identity, encrypted
//   customers/<uuid>.json  the root of each customer, pinned: what a portal says is judged by it

const expertSchema = z.strictObject({
  schema: z.literal("tms.expert/1"),
  name: z.string().min(1).max(64),
  recipient: z.string().max(4000),
  signingKey: z.base64(),
  demo: z.boolean(),
});
export type Expert = z.infer<typeof expertSchema>;

const pinnedCustomerSchema = z.strictObject({
  schema: z.literal("tms.pinned-customer/1"),
  customer: z.strictObject({
    id: z.custom<CustomerId>((value) => typeof value === "string" && isUuid(value)),
    name: z.string(),
  }),
  patternRoot: z.custom<Sha256>((value) => typeof value === "string" && isSha256(value)),
  /** Stored bytes of root version 1. */
  root: z.base64(),
});
export type PinnedCustomer = z.infer<typeof pinnedCustomerSchema>;

export interface ExpertSecrets {
  name: string;
  key: Ed25519Key;
  identity: string;
  recipient: string;
}

export async function writeExpert(
  directory: string,
  expert: ExpertSecrets,
  { passphrase, demo }: { passphrase: string; demo: boolean },
): Promise<void> {
  await mkdir(join(directory, "customers"), { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const signingKey = expert.key.publicSpki.toString("base64");
  const open: Expert = { schema: "tms.expert/1", name: expert.name, recipient: expert.recipient, signingKey, demo };
  const strength = demo ? "demo" : "full";
  const signing = {
    kind: "ed25519",
    name: expert.name,
    publicKey: signingKey,
    secret: expert.key.privatePkcs8Pem,
  } as const;
  const identity = { kind: "age", name: expert.name, publicKey: expert.recipient, secret: expert.identity } as const;
  await writeNew(join(directory, "expert.json"), `${JSON.stringify(open, null, 2)}\n`);
  await writeNew(join(directory, "signing.key.json"), await sealKey(signing, passphrase, strength));
  await writeNew(join(directory, "identity.key.json"), await sealKey(identity, passphrase, strength));
}

export async function pinCustomer(directory: string, pinned: PinnedCustomer): Promise<void> {
  await writeNew(join(directory, "customers", `${pinned.customer.id}.json`), `${JSON.stringify(pinned, null, 2)}\n`);
}

/** @throws {AppError} `keys.unreadable`. */
export async function readExpert(directory: string): Promise<Expert> {
  const path = join(directory, "expert.json");
  const parsed = expertSchema.safeParse(await readJsonInput(path));
  if (!parsed.success) throw new AppError("keys.unreadable", { path });
  return parsed.data;
}

/** The customer's root as it was pinned at the ceremony. @throws {AppError} `keys.unreadable`, `cli.input_unreadable`. */
export async function readPinnedCustomer(directory: string, customer: CustomerId): Promise<PinnedCustomer> {
  const path = join(directory, "customers", `${customer}.json`);
  const parsed = pinnedCustomerSchema.safeParse(await readJsonInput(path));
  if (!parsed.success || parsed.data.customer.id !== customer) throw new AppError("keys.unreadable", { path });
  return parsed.data;
}

/** The private signing key, opened. @throws {AppError} `keys.passphrase_wrong`, `keys.unreadable`. */
export async function openSigningKey(
  directory: string,
  passphrase: string,
): Promise<{ name: string; privatePkcs8Pem: string; keyId: Sha256 }> {
  const path = join(directory, "signing.key.json");
  const file = parseKeyFile(await readJsonInput(path), path);
  if (file.kind !== "ed25519") throw new AppError("keys.unreadable", { path });
  const { name, secret, publicKey } = await openKey(file, passphrase);
  return { name, privatePkcs8Pem: secret, keyId: keyIdOf(Buffer.from(publicKey, "base64")) };
}
