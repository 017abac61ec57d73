import { createHash } from "node:crypto";
import {
  type ChainId,
  type EndpointId,
  MITIGATION_STATUSES,
  type RecordId,
  SEVERITIES,
  type Sha256,
  THREAT_EVENT_KINDS,
  type ThreatEventRecord,
  type ThreatId,
  uuidV7,
} from "@tms/records";

const ENDPOINTS = 500;
const FOLDERS = [
  "/home/ana/Downloads",
  "/srv/files/incoming",
  "/opt/tools/cache",
  "/var/tmp/build",
  "/usr/local/share/app",
];
const RULES = [
  "Program that restores itself",
  "Script from a mail attachment",
  "Unsigned updater",
  "Tool that reads passwords",
];

/**
 * Threat events as a busy customer's would be: few endpoints, many paths, hashes that do not compress. Deterministic.
 *
 * @param from Number of the first event; the same number gives the same event.
 */
export function realisticEvents(from: number, count: number): ThreatEventRecord[] {
  return Array.from({ length: count }, (_, index) => realisticEvent(from + index));
}

function realisticEvent(number: number): ThreatEventRecord {
  const random = createHash("sha256").update(`event ${number}`).digest();
  const endpointNumber = random.readUInt16BE(0) % ENDPOINTS;
  const pick = <T>(list: readonly T[], at: number): T => list[(random[at] ?? 0) % list.length] as T;
  const id = (salt: string) => idOf(`${salt} ${number}`, number);
  const severity = pick(SEVERITIES, 2);
  return {
    id: id("record") as RecordId,
    endpoint: idOf(`endpoint ${endpointNumber}`, endpointNumber) as EndpointId,
    occurredAt: new Date(Date.UTC(2026, 10, 1) + number * 37).toISOString(),
    kind: pick(THREAT_EVENT_KINDS, 3),
    body: {
      threatId: id("threat") as ThreatId,
      threat: {
        name: pick(RULES, 4),
        ruleId: `R-${20_000 + (random.readUInt16BE(4) % 800)}`,
        severity,
        severityReason: `rated ${severity} because of what it touches`,
        techniques: ["T1053.003"],
      },
      status: pick(MITIGATION_STATUSES, 5),
      source: "agent",
      host: `ws-${String(endpointNumber).padStart(4, "0")}`,
      file: {
        path: `${pick(FOLDERS, 6)}/${random.toString("hex", 8, 14)}/${random.toString("base64url", 14, 20)}.bin`,
        sha256: createHash("sha256").update(random).digest("hex") as Sha256,
        sizeBytes: random.readUInt32BE(20) % 4_000_000,
      },
      parts: {
        processes: (random[24] ?? 0) % 4,
        files: 1 + ((random[25] ?? 0) % 3),
        persistence: (random[26] ?? 0) % 2,
      },
      chain: id("chain") as ChainId,
    },
  };
}

function idOf(text: string, number: number): string {
  return uuidV7(Date.UTC(2026, 10, 1) + number, createHash("sha256").update(text).digest());
}
