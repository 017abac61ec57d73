import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "@tms/link";
import { AppError, isUuid } from "@tms/records";

/** Names this installation; made at its first start, and told apart by it from a machine with copied keys. */
export async function openInstanceId(dataDir: string): Promise<string> {
  const path = join(dataDir, "instance-id");
  try {
    const id = (await readFile(path, "utf8")).trim();
    if (!isUuid(id)) throw new AppError("start.config_invalid", { file: path, problem: "does not hold a UUID" });
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const made = randomUUID();
  await writeDurably(path, `${made}\n`);
  return made;
}
