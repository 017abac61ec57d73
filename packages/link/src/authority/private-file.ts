import { dirname } from "node:path";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";

/** Writes a file so that a crash leaves the old one or the new one, whole: temporary file, fsync, rename, fsync. */
export async function writeDurably(path: string, bytes: string | Uint8Array, disk: Disk = nodeDisk): Promise<void> {
  const temporary = `${path}.new`;
  const file = await disk.open(temporary, "overwrite");
  try {
    await file.write(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(dirname(path));
}

/** Makes a rename or a new name in the directory survive a power loss. */
export function syncDirectory(directory: string): Promise<void> {
  return nodeDisk.syncDirectory(directory);
}

/** The file's text, or null if there is none. */
export async function readIfThere(path: string, disk: Disk = nodeDisk): Promise<string | null> {
  try {
    return (await disk.read(path)).toString("utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
