import { copyFile, link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "@tms/link";
import type { PackageId } from "@tms/records";
import type { PackageShelf } from "./receive-package.ts";

/** A folder of finished packages; a file's name is the package's own id, never a name from outside. */
export function createPackageShelf(directory: string): PackageShelf {
  return {
    async keep(file: string, id: PackageId) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const kept = join(directory, `${id}.age`);
      try {
        await link(file, kept);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        // There already: a repeat after a crash. Another file system: copy instead.
        if (code === "EXDEV" || code === "EPERM") await copyFile(file, kept);
        else if (code !== "EEXIST") throw error;
      }
      await syncDirectory(directory);
      return kept;
    },
    drop: (file) => rm(file, { force: true }),
  };
}
