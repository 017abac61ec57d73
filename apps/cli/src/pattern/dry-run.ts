import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PatternCheck } from "@tms/contracts/portal";
import type { CleanupStep, PatternManifest } from "@tms/patterns";
import type { RuleSet, ScanEngine } from "@tms/scan-engine";
import type { UnpackedPackage } from "../package/unpack-package.ts";

const FILE_DEADLINE_MS = 20_000;
const MAX_SCANNED_BYTES = 256 * 1024 * 1024;
const MAX_LISTED_BYTES = 4_000_000;

/** What each step would have found on the endpoint, as far as the package shows it. Nothing outside the package is read. */
export async function dryRun(
  engine: ScanEngine,
  rules: RuleSet,
  { manifest, opened }: { manifest: PatternManifest; opened: UnpackedPackage },
): Promise<PatternCheck["dryRun"]> {
  const detected = await detect(engine, rules, opened);
  const listings = {
    process: await textsOf(opened, "process"),
    persistence: await textsOf(opened, "persistence"),
  };
  return manifest.cleanup.map((step) => {
    const paths = detected.get(step.detection ?? "") ?? [];
    return { step: step.step, verb: step.verb, ...foundBy(step, paths, listings) };
  });
}

/** Rule id → the endpoint's paths of the collected files that it matches. */
async function detect(engine: ScanEngine, rules: RuleSet, opened: UnpackedPackage): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const item of opened.manifest.items) {
    if (item.kind !== "file" || item.name === null || item.sizeBytes > MAX_SCANNED_BYTES) continue;
    const limits = { deadlineMs: FILE_DEADLINE_MS, maxBytes: MAX_SCANNED_BYTES };
    for (const match of await engine.scan(rules, join(opened.directory, item.name), limits)) {
      found.set(match.source, [...(found.get(match.source) ?? []), item.asked]);
    }
  }
  return found;
}

function foundBy(step: CleanupStep, detectedPaths: string[], listings: { process: string[]; persistence: string[] }) {
  const { target } = step;
  if ("path" in target)
    return { target: target.path, found: [...detectedPaths, ...listings.persistence].includes(target.path) };
  const names = (texts: string[]) => detectedPaths.some((path) => texts.some((text) => text.includes(path)));
  switch (target.from) {
    case "detected-file":
      return { target: detectedPaths.join(", ") || target.from, found: detectedPaths.length > 0 };
    case "processes-holding-detected":
      return { target: target.from, found: names(listings.process) };
    case "persistence-naming-detected":
      return { target: target.from, found: names(listings.persistence) };
  }
}

async function textsOf(opened: UnpackedPackage, kind: "process" | "persistence"): Promise<string[]> {
  const items = opened.manifest.items.filter((item) => item.kind === kind && item.sizeBytes <= MAX_LISTED_BYTES);
  const texts = await Promise.all(
    items.map((item) => (item.name === null ? "" : readFile(join(opened.directory, item.name), "utf8"))),
  );
  return [...texts, ...items.map((item) => item.asked)];
}
