import { patternIdSchema } from "@tms/contracts";
import { AppError, type PatternId } from "@tms/records";
import { createScanEngine } from "@tms/scan-engine";
import { checkRoleFile, signRole } from "@tms/signing";
import { openSigningKey, readPinnedCustomer } from "../keys/expert-directory.ts";
import { openPortal, PORTAL_OPTIONS, PORTAL_USAGE, type PortalClient } from "../portal/portal-client.ts";
import { onlyPositional, type ReadArguments, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { readSecret } from "../shell/files.ts";
import { showSigning } from "./show-signing.ts";
import { judgeSigning, type SigningState } from "./signing-state.ts";

export const patternSign: Command = {
  name: "pattern sign",
  schema: "tms.pattern-sign/1",
  usage: `tms pattern sign ID [--version N] ${PORTAL_USAGE} --keys DIR --passphrase-file F [--show-only]`,
  async run(argv, io) {
    const args = readArguments(argv, {
      ...PORTAL_OPTIONS,
      keys: { type: "string" },
      "passphrase-file": { type: "string" },
      version: { type: "string" },
      "show-only": { type: "boolean" },
    });
    const id = patternIdOf(onlyPositional(args, "ID"));
    const directory = args.need("keys");
    const portal = await openPortal(args);
    try {
      const version = await versionOf(portal, id, args);
      const signing = await portal.api.patternSigning({ params: { id, version } });
      const pinned = await readPinnedCustomer(directory, signing.customer);
      const state = judgeSigning(signing, pinned, io.now());
      await refuseBadRules(state);
      for (const line of showSigning(state, pinned)) io.say(line);
      const common = {
        schema: this.schema,
        id,
        version,
        role: state.role,
        digest: state.digest,
        planDigest: state.planDigest,
      };
      const told = { ...common, difference: state.difference, signaturesNeeded: state.accepted.threshold };
      if (args.has("show-only"))
        return { exit: 0, line: { ...told, ok: true, signaturesGiven: state.signers.length, signed: false } };

      const key = await openSigningKey(directory, await readSecret(args.need("passphrase-file")));
      const roleFile = signFile(state, key, Buffer.from(signing.inForce.targets, "base64"));
      const row = await portal.api.signPattern({
        params: { id, version },
        body: { roleFile: roleFile.toString("base64") },
      });
      io.say(
        `Signed by ${key.name}: ${row.signaturesGiven} of ${row.signaturesNeeded}; the pattern is now "${row.state}".`,
      );
      return {
        exit: 0,
        line: { ...told, ok: true, signed: true, signaturesGiven: row.signaturesGiven, state: row.state },
      };
    } finally {
      await portal.close();
    }
  },
};

/** Adds one signature, and checks the file as everybody else will. */
function signFile(state: SigningState, key: { privatePkcs8Pem: string; keyId: string }, targets: Buffer): Buffer {
  if (!state.accepted.keys.some(({ keyId }) => keyId === key.keyId)) {
    throw new AppError("pattern.key_foreign", { keyId: key.keyId, role: state.role });
  }
  if (state.signers.some((keyId) => keyId === key.keyId)) {
    throw new AppError("pattern.key_repeated", { keyId: key.keyId });
  }
  const signed = signRole(state.file, key.privatePkcs8Pem);
  checkRoleFile(signed, state.role, targets, "one");
  return signed;
}

/** A rule that does not compile here would be signed and then refused by every agent. */
async function refuseBadRules(state: SigningState): Promise<void> {
  if (state.manifest.rules.length === 0) return;
  const engine = await createScanEngine({ kind: "auto" });
  try {
    await engine.load(state.manifest.rules.map(({ id, source }) => ({ id, source })));
  } finally {
    await engine.close();
  }
}

async function versionOf(portal: PortalClient, id: PatternId, args: ReadArguments): Promise<number> {
  const named = args.text("version");
  if (named !== undefined) {
    if (!/^[1-9][0-9]{0,6}$/.test(named)) throw new AppError("cli.usage", { version: named });
    return Number(named);
  }
  const { rows } = await portal.api.listPatterns({ query: {} });
  const versions = rows.filter((row) => row.id === id).map((row) => row.version);
  if (versions.length === 0) throw new AppError("pattern.unknown", { id });
  return Math.max(...versions);
}

function patternIdOf(text: string): PatternId {
  const parsed = patternIdSchema.safeParse(text);
  if (!parsed.success) throw new AppError("cli.usage", { id: text });
  return parsed.data;
}
