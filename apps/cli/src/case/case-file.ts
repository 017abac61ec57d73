import { join } from "node:path";
import { caseIdSchema, customerIdSchema, endpointIdSchema, nameSchema } from "@tms/contracts";
import { AppError } from "@tms/records";
import { z } from "zod";
import { exists, readJsonInput } from "../shell/files.ts";

/** `case.json` beside an exported package: what the portal says of the case, for people and for the draft. */
export const caseFileSchema = z.strictObject({
  schema: z.literal("tms.case/1"),
  id: caseIdSchema,
  shortId: z.string().regex(/^C-[0-9]{1,12}$/),
  customer: z.strictObject({ id: customerIdSchema, name: nameSchema }),
  endpoint: endpointIdSchema,
  host: z.string(),
  threatName: z.string(),
  severity: z.string(),
  note: z.string(),
});
export type CaseFile = z.infer<typeof caseFileSchema>;

/** null where the folder has none, as with a package that did not come through `tms case export`. */
export async function readCaseFile(directory: string): Promise<CaseFile | null> {
  const path = join(directory, "case.json");
  if (!(await exists(path))) return null;
  const parsed = caseFileSchema.safeParse(await readJsonInput(path));
  if (!parsed.success) throw new AppError("cli.input_unreadable", { path });
  return parsed.data;
}
