import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type CaseDetail, packageDownloadPath } from "@tms/contracts/portal";
import { AppError } from "@tms/records";
import { verifyBytes } from "@tms/signing";
import { readAgeIdentity } from "../keys/age-identity.ts";
import { decryptPackage, keepStream } from "../package/decrypt-package.ts";
import { type UnpackedPackage, unpackPackage } from "../package/unpack-package.ts";
import { openPortal, PORTAL_OPTIONS, PORTAL_USAGE, type PortalClient } from "../portal/portal-client.ts";
import { onlyPositional, type ReadArguments, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { writeNew } from "../shell/files.ts";
import type { CaseFile } from "./case-file.ts";

export const caseExport: Command = {
  name: "case export",
  schema: "tms.case-export/1",
  usage: `tms case export CASE ${PORTAL_USAGE} (--identity FILE | --keys DIR) [--passphrase-file F] [--agent-key SPKI] --out DIR`,
  async run(argv, io) {
    const args = readArguments(argv, {
      ...PORTAL_OPTIONS,
      identity: { type: "string" },
      keys: { type: "string" },
      "passphrase-file": { type: "string" },
      "agent-key": { type: "string" },
      out: { type: "string" },
    });
    const wanted = onlyPositional(args, "CASE");
    const directory = args.need("out");
    const identity = await readAgeIdentity(identityFile(args), args.text("passphrase-file"));
    const portal = await openPortal(args);
    try {
      const detail = await portal.api.getCase({ params: { id: wanted } });
      await makeEmpty(directory);
      const encrypted = await fetchPackage(portal, detail, join(directory, "package.age"));
      io.say(`The package of case ${detail.shortId} is here and has the announced hash.`);
      const archive = join(directory, "package.tar");
      const plain = await decryptPackage(encrypted.path, identity, archive);
      const unpacked = await unpackPackage(archive, directory);
      const signature = judge(unpacked, detail, args.text("agent-key"));
      io.say(signature.said);
      await writeNew(join(directory, "case.json"), `${JSON.stringify(caseFileOf(detail), null, 2)}\n`);
      return {
        exit: 0,
        line: {
          schema: this.schema,
          ok: true,
          case: detail.id,
          shortId: detail.shortId,
          package: unpacked.manifest.id,
          directory,
          path: archive,
          plainSha256: plain.sha256,
          plainBytes: plain.sizeBytes,
          sha256: encrypted.sha256,
          items: unpacked.manifest.items.length,
          manifestSignature: signature.state,
        },
      };
    } finally {
      await portal.close();
    }
  },
};

function identityFile(args: ReadArguments): string {
  const keys = args.text("keys");
  return args.text("identity") ?? (keys === undefined ? args.need("identity") : join(keys, "identity.key.json"));
}

async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new AppError("cli.output_exists", { directory });
}

/** The newest complete package; its bytes get their name only after their hash agreed with the announced one. */
async function fetchPackage(portal: PortalClient, detail: CaseDetail, path: string) {
  const complete = detail.packages.filter((view) => view.state === "complete");
  const view = complete.reduce<(typeof complete)[number] | null>(
    (best, next) => (best === null || (next.uploadedAt ?? "") > (best.uploadedAt ?? "") ? next : best),
    null,
  );
  if (view === null) throw new AppError("package.unknown", { case: detail.shortId });
  const url = packageDownloadPath.replace(":id", detail.id).replace(":packageId", view.id);
  const partial = `${path}.partial`;
  const { sha256, sizeBytes } = await keepStream(await portal.download(url), partial);
  if (sha256 !== view.sha256) {
    await rm(partial, { force: true });
    throw new AppError("package.hash_mismatch", { expected: view.sha256, got: sha256 });
  }
  await rename(partial, path);
  return { path, sha256, sizeBytes };
}

function judge(
  { manifest, manifestBytes, signature }: UnpackedPackage,
  detail: CaseDetail,
  agentKey: string | undefined,
) {
  const same =
    manifest.case === detail.id && manifest.customer === detail.customer.id && manifest.endpoint === detail.endpoint;
  if (!same) throw new AppError("package.case_differs", { case: detail.shortId });
  if (agentKey === undefined) {
    const said = "Who collected the package was not judged: the agent's key was not named (--agent-key).";
    return { state: "not-judged" as const, said };
  }
  if (!verifyBytes(Buffer.from(agentKey, "base64"), manifestBytes, signature)) {
    throw new AppError("link.signature_invalid", { case: detail.shortId });
  }
  return { state: "valid" as const, said: "The agent's signature over the manifest is good." };
}

function caseFileOf(detail: CaseDetail): CaseFile {
  return {
    schema: "tms.case/1",
    id: detail.id,
    shortId: detail.shortId,
    customer: detail.customer,
    endpoint: detail.endpoint,
    host: detail.host,
    threatName: detail.threatName,
    severity: detail.events[0]?.severity ?? "high",
    note: detail.note,
  };
}
