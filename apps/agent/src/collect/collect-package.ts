import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AppError,
  type CaseId,
  type Clock,
  type CustomerId,
  type EndpointId,
  type PackageId,
  type Sha256,
  type ThreatId,
} from "@tms/records";
import { signBytes } from "@tms/signing";
import { type AgentState, derivedId, type RecordSink, type Threat, threatEvent } from "#app/assess/index.ts";
import type { PatternSource } from "#app/patterns/index.ts";
import { type CollectSources, collectItems } from "./collect-items.ts";
import { manifestBytes } from "./package-wire.ts";
import { sealPackage } from "./seal-package.ts";

export interface CollectOrder {
  directive: string;
  case: CaseId;
  package: PackageId;
  threats: ThreatId[];
  maxBytes: number;
}

export interface PackageUpload {
  file: string;
  meta: { case: CaseId; package: PackageId; endpoint: EndpointId; sha256: Sha256; recipients: string };
}

/** The agent's own bound, whatever the order says. */
const MAX_PACKAGE_BYTES = 256 * 1024 * 1024;

/**
 * Collects a forensic package and sends it up.
 *
 * C1 It is encrypted before it touches the disk, to the recipients that two people signed, and to the customer's own
 *    recovery key; nobody on the way can read it, this agent included.
 * C2 A repeated order sends the package that was made, not a second one under the same id.
 */
export function createPackageCollector(deps: {
  directory: string;
  patterns: PatternSource;
  state: AgentState;
  sink: RecordSink;
  sources: Omit<CollectSources, "eventOf">;
  recoveryRecipient: string | null;
  signingPrivatePem: string;
  upload: (upload: PackageUpload) => Promise<void>;
  /** Whether the order is tried again by itself after this failure. */
  isPassing: (error: unknown) => boolean;
  customer: CustomerId;
  endpoint: EndpointId;
  host: string;
  version: string;
  clock: Clock;
}) {
  const { state, endpoint, host, clock } = deps;

  async function make(order: CollectOrder, threats: readonly Threat[], file: string): Promise<PackageNote> {
    const recipients = await deps.patterns.recipients();
    if (deps.recoveryRecipient !== null) recipients.push(deps.recoveryRecipient);
    const now = clock.now();
    const eventOf = (threat: Threat) =>
      threatEvent({ endpoint, host, now }, threat, {
        kind: "detection",
        status: "unresolved-threats-remain",
        id: threat.detectionRecord,
      });
    const items = collectItems(threats, { ...deps.sources, eventOf }, Math.min(order.maxBytes, MAX_PACKAGE_BYTES));
    const manifest = manifestBytes({
      schema: "tms.package/1",
      id: order.package,
      case: order.case,
      customer: deps.customer,
      endpoint,
      host,
      threats: order.threats,
      collectedAt: now.toISOString(),
      agentVersion: deps.version,
      items: items.map((item) => item.entry),
    });
    const signature = Buffer.from(signBytes(deps.signingPrivatePem, manifest).toString("base64"), "latin1");
    const entries = [
      entryOf("manifest.json", manifest),
      entryOf("manifest.sig", signature),
      ...items.flatMap(({ entry, bytes }) =>
        entry.name === null || bytes === null ? [] : [entryOf(entry.name, bytes)],
      ),
    ];
    const { sha256 } = await sealPackage(file, entries, recipients);
    const meta = { case: order.case, package: order.package, endpoint, sha256, recipients: recipients.join(",") };
    await writeFile(`${file}.json`, JSON.stringify(meta), { mode: 0o600 });
    return meta;
  }

  return async function collect(order: CollectOrder): Promise<void> {
    const threats = state.threats().filter((threat) => order.threats.includes(threat.threatId));
    if (threats.length === 0) throw new AppError("case.nothing_unresolved", { threats: order.threats });
    for (const threat of threats) state.markCase(threat.threatId, order.case);
    await mkdir(deps.directory, { recursive: true, mode: 0o700 });
    const file = join(deps.directory, `${order.package}.age`);
    const note = await readNote(`${file}.json`);
    const isMade = note !== null && (note.sentBytes !== undefined || existsSync(file));
    const { sentBytes, ...meta } = isMade ? note : await make(order, threats, file);
    const sizeBytes = sentBytes ?? (await stat(file)).size;
    const about = { id: order.package, sha256: meta.sha256, sizeBytes };
    const tell = (status: "unresolved-threats-remain" | "forensic-upload-failed", detail: string) =>
      deps.sink.threatEvents(
        threats.map((threat) =>
          threatEvent(
            { endpoint, host, now: clock.now() },
            { ...threat, caseId: order.case },
            {
              kind: "forensics",
              status,
              id: derivedId(order.directive, status, threat.threatId),
              forensicPackage: about,
              detail,
            },
          ),
        ),
      );
    try {
      if (sentBytes === undefined) await deps.upload({ file, meta });
    } catch (error) {
      // A line that fails for the moment is tried again with the same package; only an end is an event.
      if (!deps.isPassing(error))
        await tell("forensic-upload-failed", "The forensic package did not reach the mitigator.");
      throw error;
    }
    await tell("unresolved-threats-remain", "The forensic package was collected and sent.");
    // The note stays: an order that comes again after a kill just here must not make a second package (C2).
    await writeFile(`${file}.json`, JSON.stringify({ ...meta, sentBytes: sizeBytes }), { mode: 0o600 });
    await rm(file, { force: true });
  };
}

/** What is known of a package that was made; `sentBytes` once it arrived. */
type PackageNote = PackageUpload["meta"] & { sentBytes?: number };

async function readNote(path: string): Promise<PackageNote | null> {
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as PackageNote) : null;
}

function entryOf(name: string, bytes: Buffer) {
  return { name, sizeBytes: bytes.length, content: [bytes] };
}
