import { createHash } from "node:crypto";
import { release, totalmem, type, uptime } from "node:os";
import type { RootCauseChain, Sha256, ThreatEventRecord } from "@tms/records";
import { pathBytes, pathText, shortText } from "@tms/root-cause";
import type { Threat } from "#app/assess/index.ts";
import { type ReadFile, readWholeFile } from "#app/scan/index.ts";
import type { KnownProcess, WatchedPaths } from "#app/telemetry/index.ts";
import type { PackageManifest } from "./package-wire.ts";

export type ManifestItem = PackageManifest["items"][number];

export interface CollectedItem {
  entry: ManifestItem;
  bytes: Buffer | null;
}

export interface CollectSources {
  watched: WatchedPaths;
  crontabs: readonly Buffer[];
  processes: () => KnownProcess[];
  chainOf: (threat: Threat) => RootCauseChain;
  eventOf: (threat: Threat) => ThreatEventRecord;
}

/** One file of a package; a larger one is asked for and not got, with the reason. */
const MAX_ITEM_BYTES = 64 * 1024 * 1024;
const MAX_LISTED_PROCESSES = 2000;

/** Reads everything that belongs to the threats. What could not be got stands in the list with its reason. */
export function collectItems(threats: readonly Threat[], from: CollectSources, maxBytes: number): CollectedItem[] {
  const budget = { left: maxBytes, next: 1 };
  const items: CollectedItem[] = [];
  const keep = (item: CollectedItem): void => void items.push(item);
  const asked = new Set<string>();
  for (const threat of threats) {
    const chain = from.chainOf(threat);
    keep(textItem(budget, { kind: "event", asked: `threat ${threat.threatId}`, value: from.eventOf(threat) }));
    keep(textItem(budget, { kind: "chain", asked: `chain ${threat.chainId}`, value: chain }));
    const paths = [
      threat.path,
      ...chain.nodes.flatMap((node) => (node.kind === "file" && node.path ? [pathBytes(node.path)] : [])),
    ];
    for (const path of paths) {
      if (asked.has(pathText(path))) continue;
      asked.add(pathText(path));
      keep(fileItem(budget, { kind: "file", path, watched: from.watched }));
    }
  }
  for (const path of from.crontabs) keep(fileItem(budget, { kind: "persistence", path, watched: null }));
  const related = from.processes().filter((known) => known.isRelated);
  for (const known of related.slice(0, MAX_LISTED_PROCESSES)) {
    keep(textItem(budget, { kind: "process", asked: `pid ${known.stat.pid}`, value: describeProcess(known) }));
  }
  const system = { type: type(), release: release(), uptimeSeconds: Math.round(uptime()), memoryBytes: totalmem() };
  keep(textItem(budget, { kind: "system", asked: "operating system", value: system }));
  return items;
}

interface Budget {
  left: number;
  next: number;
}

function textItem(budget: Budget, what: { kind: ManifestItem["kind"]; asked: string; value: unknown }): CollectedItem {
  const bytes = Buffer.from(`${JSON.stringify(what.value, null, 1)}\n`, "utf8");
  return got(budget, { kind: what.kind, asked: what.asked }, bytes);
}

function fileItem(
  budget: Budget,
  what: { kind: "file" | "persistence"; path: Buffer; watched: WatchedPaths | null },
): CollectedItem {
  const about = { kind: what.kind, asked: shortText(pathText(what.path)), pathBytes: what.path.toString("base64") };
  if (what.watched !== null && !what.watched.has(what.path))
    return missing(about, "It lies outside of what this agent may read.");
  const mayRead = what.watched === null ? () => true : what.watched.has;
  const read = readWholeFile(what.path, { maxBytes: Math.min(MAX_ITEM_BYTES, budget.left), mayRead });
  return read.kind === "read" ? got(budget, about, read.bytes) : missing(about, reasonOf(read));
}

type About = Pick<ManifestItem, "kind" | "asked" | "pathBytes">;

function got(budget: Budget, about: About, bytes: Buffer): CollectedItem {
  if (bytes.length > budget.left) return missing(about, "The package's size limit was reached.");
  budget.left -= bytes.length;
  const name = `items/${String(budget.next).padStart(4, "0")}`;
  budget.next += 1;
  const sha256 = createHash("sha256").update(bytes).digest("hex") as Sha256;
  return { entry: { ...about, name, got: "whole", sizeBytes: bytes.length, sha256 }, bytes };
}

function missing(about: About, why: string): CollectedItem {
  return { entry: { ...about, name: null, got: "nothing", why, sizeBytes: 0, sha256: null }, bytes: null };
}

function reasonOf(read: Extract<ReadFile, { kind: "not-read" }>): string {
  switch (read.why) {
    case "gone":
      return "It was no longer there.";
    case "not-regular":
      return "It is not a regular file.";
    case "too-large":
      return "It is larger than what a package takes.";
    case "denied":
      return "The operating system refused to read it.";
    case "led-elsewhere":
      return "A folder above it leads outside of what this agent may read.";
  }
}

function describeProcess(known: KnownProcess): object {
  return {
    pid: known.stat.pid,
    parentPid: known.stat.parentPid,
    session: known.stat.session,
    startedAt: known.startedAt,
    state: known.stat.state,
    image: known.image === null ? null : pathText(known.image),
    arguments: known.argv.map((argument) => shortText(pathText(argument))),
    cwd: known.cwd === null ? null : pathText(known.cwd),
    uid: known.uid,
    descriptors: known.descriptors.map(({ number, path, canWrite, isDeleted }) => ({
      number,
      path: pathText(path),
      canWrite,
      isDeleted,
    })),
  };
}
