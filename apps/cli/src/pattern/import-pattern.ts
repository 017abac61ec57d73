import { join } from "node:path";
import { type PatternCheck, patternCheckSchema } from "@tms/contracts/portal";
import { MAX_PATTERN_BYTES, parsePattern } from "@tms/patterns";
import { AppError } from "@tms/records";
import { sha256Of } from "@tms/signing";
import { openPortal, PORTAL_OPTIONS, PORTAL_USAGE } from "../portal/portal-client.ts";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { exists, readInput, readJsonInput } from "../shell/files.ts";
import { checkPattern, draftFile } from "./check-pattern.ts";
import { DEFAULT_GOODWARE, GOODWARE_FILES } from "./goodware.ts";

export const patternImport: Command = {
  name: "pattern import",
  schema: "tms.pattern-import/1",
  usage: `tms pattern import PATH --case CASE ${PORTAL_USAGE}`,
  async run(argv, io) {
    const args = readArguments(argv, { ...PORTAL_OPTIONS, case: { type: "string" } });
    const path = onlyPositional(args, "PATH");
    const file = await draftFile(path);
    const bytes = await readInput(file, { maxBytes: MAX_PATTERN_BYTES });
    const manifest = parsePattern(bytes);
    const check = (await keptCheck(file, bytes)) ?? (await checkNow(path, io.signal));
    const wanted = args.need("case");
    const portal = await openPortal(args);
    try {
      const detail = await portal.api.getCase({ params: { id: wanted } });
      if (manifest.case?.id !== detail.id || manifest.customer !== detail.customer.id) {
        throw new AppError("package.case_differs", { case: detail.shortId, pattern: manifest.id });
      }
      const body = { bytes: bytes.toString("base64"), check };
      const row = await portal.api.draftPattern({ params: { id: detail.id }, body });
      io.say(`${row.id} version ${row.version} is in case ${detail.shortId}: "${row.state}".`);
      const { id, version, state, digest, signaturesNeeded } = row;
      return {
        exit: 0,
        line: { schema: this.schema, ok: true, case: detail.id, id, version, state, digest, signaturesNeeded },
      };
    } finally {
      await portal.close();
    }
  },
};

/** The result that `tms pattern check` kept, if it is about just these bytes. */
async function keptCheck(file: string, bytes: Buffer): Promise<PatternCheck | null> {
  const path = join(file, "..", "check.json");
  if (!(await exists(path))) return null;
  const parsed = patternCheckSchema.safeParse(await readJsonInput(path));
  return parsed.success && parsed.data.digest === sha256Of(bytes) ? parsed.data : null;
}

function checkNow(path: string, signal: AbortSignal): Promise<PatternCheck> {
  const noPackage = { package: null, identity: () => Promise.reject(new AppError("cli.usage", {})) };
  return checkPattern(path, { ...noPackage, goodware: DEFAULT_GOODWARE, maxFiles: GOODWARE_FILES, signal });
}
