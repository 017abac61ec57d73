import { createReadStream } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type PackageManifest, packageManifestSchema } from "@tms/contracts/link";
import { readTar } from "@tms/link";
import { AppError, type Sha256 } from "@tms/records";
import { keepStream } from "./decrypt-package.ts";
import { MAX_MANIFEST_BYTES, PACKAGE_LIMITS } from "./package-limits.ts";

export interface UnpackedPackage {
  directory: string;
  manifest: PackageManifest;
  manifestBytes: Buffer;
  /** The agent's signature over the manifest's bytes. */
  signature: Buffer;
}

/**
 * Unpacks a plain package into a folder and holds every item against the manifest. Item files are named by the archive's
 * own closed set of names, never by a path from the endpoint.
 *
 * @param directory Gets `manifest.json`, `manifest.sig` and `items/`.
 * @throws {AppError} `package.name_unsafe`, `package.too_large`, `package.unreadable`, `package.hash_mismatch`.
 */
export async function unpackPackage(archive: string, directory: string): Promise<UnpackedPackage> {
  const unpacking = join(directory, "unpacking");
  await rm(unpacking, { recursive: true, force: true });
  await mkdir(join(unpacking, "items"), { recursive: true, mode: 0o700 });
  const got = new Map<string, { sha256: Sha256; sizeBytes: number }>();
  try {
    for await (const entry of readTar(createReadStream(archive), PACKAGE_LIMITS)) {
      // `readTar` gives only `manifest.json`, `manifest.sig` and `items/NNNN`: nothing here can leave the folder.
      got.set(entry.name, await keepStream(entry.content, join(unpacking, entry.name)));
    }
    const manifestBytes = await smallFile(join(unpacking, "manifest.json"), got.get("manifest.json")?.sizeBytes);
    const signature = await smallFile(join(unpacking, "manifest.sig"), got.get("manifest.sig")?.sizeBytes);
    const manifest = parseManifest(manifestBytes);
    compareItems(manifest, got);
    for (const name of ["manifest.json", "manifest.sig", "items"])
      await rename(join(unpacking, name), join(directory, name));
    return {
      directory,
      manifest,
      manifestBytes,
      signature: Buffer.from(signature.toString("latin1").trim(), "base64"),
    };
  } finally {
    await rm(unpacking, { recursive: true, force: true });
  }
}

/** Reads a folder that `unpackPackage` filled. @throws {AppError} `package.unreadable`. */
export async function readUnpacked(directory: string): Promise<UnpackedPackage> {
  try {
    const manifestBytes = await readFile(join(directory, "manifest.json"));
    const signature = Buffer.from((await readFile(join(directory, "manifest.sig"), "latin1")).trim(), "base64");
    return { directory, manifest: parseManifest(manifestBytes), manifestBytes, signature };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("cli.input_unreadable", { path: directory, reason: "no unpacked package" }, { cause: error });
  }
}

async function smallFile(path: string, sizeBytes: number | undefined): Promise<Buffer> {
  if (sizeBytes === undefined) throw new AppError("package.unreadable", { reason: "no manifest or no signature" });
  if (sizeBytes > MAX_MANIFEST_BYTES) throw new AppError("package.too_large", { path, sizeBytes });
  return readFile(path);
}

export function parseManifest(bytes: Buffer): PackageManifest {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new AppError("package.unreadable", { reason: "the manifest is no JSON" }, { cause: error });
  }
  const parsed = packageManifestSchema.safeParse(value);
  if (!parsed.success)
    throw new AppError("package.unreadable", { reason: "the manifest's form" }, { cause: parsed.error });
  return parsed.data;
}

/** Every item that the manifest names is there with its hash, and there is no other. */
function compareItems(
  manifest: PackageManifest,
  got: ReadonlyMap<string, { sha256: Sha256; sizeBytes: number }>,
): void {
  const named = new Set(["manifest.json", "manifest.sig"]);
  for (const item of manifest.items) {
    if (item.name === null) continue;
    named.add(item.name);
    const file = got.get(item.name);
    if (file === undefined || file.sha256 !== item.sha256 || file.sizeBytes !== item.sizeBytes) {
      throw new AppError("package.hash_mismatch", { item: item.name });
    }
  }
  const extra = [...got.keys()].find((name) => !named.has(name));
  if (extra !== undefined) throw new AppError("package.hash_mismatch", { item: extra, reason: "not in the manifest" });
}
