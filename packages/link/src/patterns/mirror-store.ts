import { randomUUID } from "node:crypto";
import { appendFile, mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { AppError, type Sha256 } from "@tms/records";
import { type HighestSeen, NOTHING_SEEN, sha256Of } from "@tms/signing";
import { z } from "zod";
import { readIfThere, syncDirectory, writeDurably } from "../authority/private-file.ts";

// The disk of a pattern mirror.
//   current -> generation-<uuid>/   one whole verified state; replaced by renaming a symbolic link over it
//   highest.json                    highest versions and signed time, outside of what they judge
//   targets/<sha256>                target bytes, hashed again on every read
// S1  A generation is complete before `current` names it, so that a crash leaves the old state or the new one.
// S2  `highest.json` follows the swap: were it first, a crash between would condemn the state on disk.

const highestFileSchema = z.strictObject({
  highest: z.strictObject({
    root: z.int().min(0),
    timestamp: z.int().min(0),
    snapshot: z.int().min(0),
    roles: z.record(z.string().max(40), z.int().min(0)),
    signedAt: z.string().max(40).nullable(),
  }),
  /** When the state was last found fresh against the hop above. */
  verifiedAt: z.string().max(40).nullable(),
});

export interface Remembered {
  highest: HighestSeen;
  verifiedAt: Date | null;
}

export type MetadataFiles = Map<string, Buffer>;

export function createMirrorStore(directory: string) {
  const current = join(directory, "current");
  const targets = join(directory, "targets");
  const highestFile = join(directory, "highest.json");

  return {
    async prepare(): Promise<void> {
      await mkdir(targets, { recursive: true, mode: 0o700 });
    },

    async remembered(): Promise<Remembered> {
      const text = await readIfThere(highestFile);
      if (text === null) return { highest: NOTHING_SEEN, verifiedAt: null };
      const parsed = highestFileSchema.safeParse(parseJson(text));
      if (!parsed.success) throw new AppError("pattern.metadata_invalid", { file: highestFile });
      const { highest, verifiedAt } = parsed.data;
      return { highest, verifiedAt: verifiedAt === null ? null : new Date(verifiedAt) };
    },

    async remember({ highest, verifiedAt }: { highest: HighestSeen; verifiedAt: Date }): Promise<void> {
      await writeDurably(highestFile, JSON.stringify({ highest, verifiedAt: verifiedAt.toISOString() }));
    },

    async currentFiles(): Promise<MetadataFiles> {
      return filesIn(current);
    },

    /** Replaces the whole state; the generation before it stays, for a hop below that is in the midst of reading it. */
    async swap(files: MetadataFiles): Promise<void> {
      const before = await generationNamed(current);
      const name = `generation-${randomUUID()}`;
      await writeGeneration(join(directory, name), files);
      await rm(join(directory, "current.new"), { force: true });
      await symlink(name, join(directory, "current.new"));
      await rename(join(directory, "current.new"), current);
      await syncDirectory(directory);
      await removeGenerations(directory, [name, before]);
    },

    /** A file of the state in force or, if it was replaced just now, of the one before. */
    async metadataFile(name: string): Promise<Buffer | null> {
      const inForce = await bytesIfThere(join(current, name));
      if (inForce !== null) return inForce;
      const before = await generationsIn(directory);
      const found = await Promise.all(before.map((generation) => bytesIfThere(join(directory, generation, name))));
      return found.find((bytes) => bytes !== null) ?? null;
    },

    async target(sha256: Sha256): Promise<Buffer | null> {
      const bytes = await bytesIfThere(join(targets, sha256));
      return bytes !== null && sha256Of(bytes) === sha256 ? bytes : null;
    },

    async keepTarget(sha256: Sha256, bytes: Buffer): Promise<void> {
      await writeDurably(join(targets, sha256), bytes);
    },

    /** What came of a target so far; not verified, so nothing but the start of the next try. */
    async part(sha256: Sha256): Promise<Buffer> {
      return (await bytesIfThere(join(targets, `${sha256}.part`))) ?? Buffer.alloc(0);
    },

    /** Not synced: a tail that a power cut tears fails the hash of the whole, and is fetched again. */
    async addToPart(sha256: Sha256, bytes: Buffer): Promise<void> {
      await appendFile(join(targets, `${sha256}.part`), bytes, { mode: 0o600 });
    },

    async dropPart(sha256: Sha256): Promise<void> {
      await rm(join(targets, `${sha256}.part`), { force: true });
    },

    async pruneTargets(keep: ReadonlySet<string>): Promise<void> {
      const stale = (await readdir(targets)).filter((name) => !keep.has(name.replace(/\.part$/, "")));
      await Promise.all(stale.map((name) => rm(join(targets, name), { force: true })));
    },
  };
}
export type MirrorStore = ReturnType<typeof createMirrorStore>;

const GENERATION = /^generation-[0-9a-f-]{36}$/;

async function writeGeneration(directory: string, files: MetadataFiles): Promise<void> {
  await mkdir(directory, { mode: 0o700 });
  for (const [name, bytes] of files) await writeDurably(join(directory, name), bytes);
}

async function generationNamed(current: string): Promise<string | null> {
  try {
    return await readlink(current);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function generationsIn(directory: string): Promise<string[]> {
  return (await namesIn(directory)).filter((name) => GENERATION.test(name));
}

async function removeGenerations(directory: string, keep: (string | null)[]): Promise<void> {
  const stale = (await generationsIn(directory)).filter((name) => !keep.includes(name));
  await Promise.all(stale.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

async function filesIn(directory: string): Promise<MetadataFiles> {
  const files: MetadataFiles = new Map();
  for (const name of await namesIn(directory)) {
    if (name.endsWith(".json")) files.set(name, await readFile(join(directory, name)));
  }
  return files;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

async function bytesIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError("pattern.metadata_invalid", { file: "highest.json" }, { cause: error });
  }
}
