import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "@tms/link";
import { AppError, isUuid } from "@tms/records";

/** Names this installation, and tells it apart from a machine with copied keys. */
export interface Instance {
  current(): string;
  /** A copy becomes an installation of its own. */
  renew(): Promise<void>;
}

/** Made at the first start. */
export async function openInstance(dataDir: string): Promise<Instance> {
  const path = join(dataDir, "instance-id");
  const renew = async () => {
    const made = randomUUID();
    await writeDurably(path, `${made}\n`);
    id = made;
  };
  let id = await readId(path);
  if (id === null) await renew();
  return { current: () => id ?? "", renew };
}

async function readId(path: string): Promise<string | null> {
  try {
    const id = (await readFile(path, "utf8")).trim();
    if (!isUuid(id)) throw new AppError("start.config_invalid", { file: path, problem: "does not hold a UUID" });
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return null;
  }
}
