import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackageManifest } from "@tms/contracts/link";
import { AppError, isSha256, type Sha256 } from "@tms/records";
import type { UnpackedPackage } from "../package/unpack-package.ts";

type PackageItem = PackageManifest["items"][number];

export interface ThreatFileItem {
  item: PackageItem & { name: string; sha256: Sha256 };
  /** The item's file on the expert's disk. */
  file: string;
}

/** Records inside a package are small; a larger item is no record. */
const MAX_RECORD_BYTES = 4_000_000;

/**
 * The collected files that the threat's own events and chain name as detected; a package also holds files that merely
 * stand in the chain, and those are evidence, not the threat.
 *
 * @throws {AppError} `case.nothing_unresolved` if the package holds none of them whole.
 */
export async function threatFilesOf(opened: UnpackedPackage): Promise<ThreatFileItem[]> {
  const detected = await detectedHashes(opened);
  const files = opened.manifest.items.flatMap((item): ThreatFileItem[] => {
    const { name, sha256 } = item;
    if (item.kind !== "file" || item.got !== "whole" || name === null || sha256 === null) return [];
    // Without any event to go by, the agent's choice of files is all there is.
    if (detected.size > 0 && !detected.has(sha256)) return [];
    return [{ item: { ...item, name, sha256 }, file: join(opened.directory, name) }];
  });
  const distinct = [...new Map(files.map((found) => [found.item.sha256, found])).values()];
  if (distinct.length === 0) throw new AppError("case.nothing_unresolved", { package: opened.manifest.id });
  return distinct;
}

async function detectedHashes({ directory, manifest }: UnpackedPackage): Promise<Set<Sha256>> {
  const found = new Set<Sha256>();
  for (const item of manifest.items) {
    if (item.name === null || item.sizeBytes > MAX_RECORD_BYTES) continue;
    if (item.kind !== "event" && item.kind !== "chain") continue;
    const text = await readFile(join(directory, item.name), "utf8");
    for (const value of valuesOf(text)) collectHashes(value, found, 0);
  }
  return found;
}

/** One JSON document, or one a line; foreign text, so what does not parse is passed over. */
function valuesOf(text: string): unknown[] {
  const whole = parsed(text);
  if (whole !== undefined) return [whole];
  return text.split("\n").flatMap((line) => {
    const value = parsed(line);
    return value === undefined ? [] : [value];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON as a whole or not this line: the caller tries lines, and a line that is none names no hash.
    return undefined;
  }
}

const MAX_DEPTH = 12;

/** An event names its file under `file`; a chain's node says `detected`. */
function collectHashes(value: unknown, found: Set<Sha256>, depth: number): void {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    for (const part of value) collectHashes(part, found, depth + 1);
    return;
  }
  for (const [key, part] of Object.entries(value)) {
    if (key === "file") addHash(part, found);
    collectHashes(part, found, depth + 1);
  }
  if ("detected" in value && value.detected === true) addHash(value, found);
}

function addHash(value: unknown, found: Set<Sha256>): void {
  if (typeof value !== "object" || value === null || !("sha256" in value)) return;
  if (typeof value.sha256 === "string" && isSha256(value.sha256)) found.add(value.sha256);
}
