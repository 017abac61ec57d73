import { mkdtemp, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Installation } from "@tms/contracts";
import { exists, readInput } from "../shell/files.ts";
import { type Check, type DoctorDeps, good, warning, wrong } from "./check.ts";

/** The data directory can be written, its disk has room, and the key that sealed the secrets is there. */
export async function checkDirectory(installation: Installation, deps: DoctorDeps): Promise<Check[]> {
  const checks = [await checkWritable(installation.dataDir), await checkDisk(installation.dataDir, deps)];
  if (installation.secretKeyFile !== null) checks.push(await checkSecretKey(installation, installation.secretKeyFile));
  return checks;
}

async function checkWritable(dataDir: string): Promise<Check> {
  const id = "data-directory";
  const there = await nearestThere(dataDir);
  try {
    // Root passes `access` on a read-only file system; only writing tells.
    await rmdir(await mkdtemp(join(there, ".tms-doctor-")));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    const found = `${there} (${code ?? String(error)})`;
    return wrong(id, isFull ? "start.directory_full" : "start.directory_unwritable", found);
  }
  return good(id, there === dataDir ? dataDir : `${dataDir} is not there yet; the first start makes it.`);
}

async function checkDisk(dataDir: string, { minFreePercent }: DoctorDeps): Promise<Check> {
  const { bavail, blocks, bsize } = await statfs(await nearestThere(dataDir));
  const freePercent = blocks === 0 ? 100 : (bavail / blocks) * 100;
  const freeGib = (bavail * bsize) / 1024 ** 3;
  const found = `${freePercent.toFixed(1)} % (${freeGib.toFixed(1)} GiB) of the disk is free; wanted are ${minFreePercent} %.`;
  return freePercent < minFreePercent ? wrong("disk", "disk.low", found) : good("disk", found);
}

async function checkSecretKey(installation: Installation, file: string): Promise<Check> {
  const id = "secret-key";
  if (!(await exists(file))) {
    return (await exists(installation.witnessFile))
      ? wrong(id, "secret.key_missing", `${file} is not there, but ${installation.witnessFile} is.`)
      : good(id, `${file} is made at the first start.`);
  }
  const key = Buffer.from((await readInput(file, { maxBytes: 4096 })).toString("utf8").trim(), "base64");
  if (key.length !== 32) return wrong(id, "start.config_invalid", `${file} holds no key of 32 bytes.`);
  const mode = (await stat(file)).mode & 0o777;
  const shown = `${file} (mode ${mode.toString(8).padStart(4, "0")})`;
  return (mode & 0o077) === 0 ? good(id, shown) : warning(id, "secret.key_exposed", shown);
}

/** The folder itself, or the nearest one above it that exists. */
async function nearestThere(path: string): Promise<string> {
  if ((await isDirectory(path)) || dirname(path) === path) return path;
  return nearestThere(dirname(path));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    // A file in the place of a folder is found by the write that follows.
    await stat(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return false;
    throw error;
  }
}
