import { type CustomerKeys, customerKeysSchema } from "@tms/contracts/portal";
import { AppError } from "@tms/records";
import { addTarget, checkRoleFile, describeRoleFile, roleExpiry, sha256Of, signRole } from "@tms/signing";
import { z } from "zod";
import { readJsonInput, writeNew } from "../shell/files.ts";
import { openSigningKey } from "./expert-directory.ts";
import { RECIPIENTS_PATH, recipientsBytes } from "./hold-key-ceremony.ts";

const recipientsSchema = z.strictObject({
  schema: z.literal("tms.recipients/1"),
  recipients: z.array(z.string().regex(/^age1[0-9a-z]{20,4000}$/)).max(64),
});

/** Who can open forensic packages, as the bundle's signed target says. */
export async function listRecipients(path: string) {
  const bundle = await readBundle(path);
  const { name, bytes } = newestOf(bundle, "recipients");
  const checked = checkRoleFile(bytes, "recipients", newestOf(bundle, "targets").bytes);
  const target = checked.targets.find((candidate) => candidate.path === RECIPIENTS_PATH);
  const body = Buffer.from(bundle.targets[RECIPIENTS_PATH] ?? "", "base64");
  if (target === undefined || sha256Of(body) !== target.sha256) {
    throw new AppError("pattern.digest_mismatch", { path: RECIPIENTS_PATH });
  }
  const parsed = recipientsSchema.safeParse(JSON.parse(body.toString("utf8")));
  if (!parsed.success) throw new AppError("cli.input_unreadable", { path: RECIPIENTS_PATH });
  const signers = checked.signers.map((signer) => signer.name);
  return { file: name, version: checked.version, recipients: parsed.data.recipients, signers };
}

/** The next version of the recipients, signed by as many experts as the role demands, in a new bundle file. */
export async function changeRecipients(
  path: string,
  change: { recipients: string[]; keyDirectories: string[]; passphrase: string; out: string; now: Date },
) {
  const recipients = recipientsSchema.safeParse({ schema: "tms.recipients/1", recipients: change.recipients });
  if (!recipients.success || change.recipients.length < 2) {
    throw new AppError("cli.usage", { expected: "at least two age recipients", given: change.recipients });
  }
  const bundle = await readBundle(path);
  const body = recipientsBytes(change.recipients);
  const unsigned = addTarget(
    newestOf(bundle, "recipients").bytes,
    { path: RECIPIENTS_PATH, bytes: body },
    { signedAt: change.now, expires: roleExpiry(change.now) },
  );
  let file = unsigned;
  for (const directory of change.keyDirectories) {
    file = signRole(file, (await openSigningKey(directory, change.passphrase)).privatePkcs8Pem);
  }
  const checked = checkRoleFile(file, "recipients", newestOf(bundle, "targets").bytes);
  const next: CustomerKeys = {
    ...bundle,
    metadata: { ...bundle.metadata, [`${checked.version}.recipients.json`]: file.toString("base64") },
    targets: { ...bundle.targets, [RECIPIENTS_PATH]: body.toString("base64") },
  };
  await writeNew(change.out, `${JSON.stringify(next, null, 2)}\n`);
  return {
    version: checked.version,
    recipients: change.recipients,
    signers: checked.signers.map(({ name }) => name),
    out: change.out,
  };
}

async function readBundle(path: string): Promise<CustomerKeys> {
  const parsed = customerKeysSchema.safeParse(await readJsonInput(path));
  if (!parsed.success) throw new AppError("customer.keys_invalid", { path });
  return parsed.data;
}

function newestOf(bundle: CustomerKeys, role: string): { name: string; bytes: Buffer } {
  const names = Object.keys(bundle.metadata).filter((name) => name.split(".")[1] === role);
  const files = names.map((name) => ({ name, bytes: Buffer.from(bundle.metadata[name] ?? "", "base64") }));
  const newest = files.reduce<(typeof files)[number] | null>(
    (best, file) =>
      best === null || describeRoleFile(file.bytes).version > describeRoleFile(best.bytes).version ? file : best,
    null,
  );
  if (newest === null) throw new AppError("customer.keys_invalid", { role });
  return newest;
}
