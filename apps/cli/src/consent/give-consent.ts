import { customerIdSchema, endpointIdSchema } from "@tms/contracts";
import { MAX_PATTERN_BYTES, parsePattern, planDigest, planOf, sealConsent } from "@tms/patterns";
import { AppError, type EndpointId } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { openKey, parseKeyFile } from "../keys/key-file.ts";
import { draftFile } from "../pattern/check-pattern.ts";
import { readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { readInput, readSecret, writeNew } from "../shell/files.ts";

const DEFAULT_HOURS = 24;
const MAX_HOURS = 24 * 30;

export const consentGive: Command = {
  name: "consent",
  schema: "tms.consent-given/1",
  usage:
    "tms consent --pattern PATH --customer UUID --key FILE [--passphrase-file F] [--endpoints id,id] [--hours N] --out FILE",
  async run(argv, io) {
    const args = readArguments(argv, {
      pattern: { type: "string" },
      customer: { type: "string" },
      key: { type: "string" },
      "passphrase-file": { type: "string" },
      endpoints: { type: "string" },
      hours: { type: "string" },
      out: { type: "string" },
    });
    const bytes = await readInput(await draftFile(args.need("pattern")), { maxBytes: MAX_PATTERN_BYTES });
    const manifest = parsePattern(bytes);
    const customer = customerIdSchema.safeParse(args.need("customer"));
    if (!customer.success) throw new AppError("cli.usage", { customer: args.need("customer") });
    if (manifest.customer !== "*" && manifest.customer !== customer.data) {
      throw new AppError("pattern.customer_differs", { pattern: manifest.id });
    }
    const endpoints = endpointsOf(args.text("endpoints"), manifest.endpoints);
    const expiresAt = new Date(io.now().getTime() + hoursOf(args.text("hours")) * 3_600_000);
    const key = await readConsentKey(args.need("key"), args.text("passphrase-file"));
    for (const step of planOf(manifest).steps) io.say(`${step.step}: ${step.verb} ${step.target}; undo: ${step.undo}`);
    const digests = { digest: sha256Of(bytes), planDigest: planDigest(manifest) };
    const consent = sealConsent(key, digests, { customer: customer.data, endpoints, expiresAt });
    await writeNew(args.need("out"), `${JSON.stringify(consent, null, 2)}\n`);
    const told = {
      id: manifest.id,
      version: manifest.version,
      ...digests,
      endpoints,
      expiresAt: expiresAt.toISOString(),
    };
    return { exit: 0, line: { schema: this.schema, ok: true, path: args.need("out"), keyId: consent.keyId, ...told } };
  },
};

/** Never more than the pattern itself names; the regular pattern names none, so they must be given. */
function endpointsOf(named: string | undefined, ofPattern: EndpointId[]): EndpointId[] {
  if (named === undefined) {
    if (ofPattern.length === 0) throw new AppError("cli.usage", { missing: "--endpoints" });
    return ofPattern;
  }
  return named.split(",").map((text) => {
    const parsed = endpointIdSchema.safeParse(text);
    if (!parsed.success) throw new AppError("cli.usage", { endpoint: text });
    if (ofPattern.length > 0 && !ofPattern.includes(parsed.data))
      throw new AppError("pattern.endpoint_differs", { endpoint: text });
    return parsed.data;
  });
}

function hoursOf(text: string | undefined): number {
  const hours = Number(text ?? DEFAULT_HOURS);
  if (!Number.isInteger(hours) || hours < 1 || hours > MAX_HOURS) throw new AppError("cli.usage", { hours: text });
  return hours;
}

/** A plain PKCS#8 PEM, as the mitigator exports it, or one of our encrypted key files. */
async function readConsentKey(path: string, passphraseFile: string | undefined): Promise<string> {
  const text = (await readInput(path, { maxBytes: 64 * 1024 })).toString("utf8");
  if (text.startsWith("-----BEGIN")) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError("keys.unreadable", { path }, { cause: error });
  }
  const file = parseKeyFile(value, path);
  if (file.kind !== "ed25519") throw new AppError("keys.unreadable", { path });
  if (passphraseFile === undefined) throw new AppError("cli.usage", { missing: "--passphrase-file" });
  return (await openKey(file, await readSecret(passphraseFile))).secret;
}
