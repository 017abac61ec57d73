import { createHash } from "node:crypto";
import {
  type ChainId,
  type EndpointId,
  MITIGATION_STATUSES,
  type MitigationStatus,
  type RecordId,
  SEVERITIES,
  type Sha256,
  type ThreatEventKind,
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
/** What is told of one threat, in order; the last status differs from threat to threat. */
const LIFE: readonly { kind: ThreatEventKind; status: MitigationStatus | null }[] = [
  { kind: "detection", status: "assessing" },
  { kind: "assessment", status: "unresolved-threats-remain" },
  { kind: "deployment", status: "cleaning" },
  { kind: "cleanup", status: null },
];
/** So many threats live at one time: their events come mixed. */
const THREATS_AT_A_TIME = 100;
const BLOCK = THREATS_AT_A_TIME * LIFE.length;

/**
 * Threat events as a busy customer's would be: few endpoints, many paths, hashes that do not compress, four events of
 * each threat that come mixed with those of others. Deterministic.
 *
 * @param from Number of the first event; the same number gives the same event.
 */
export function realisticEvents(from: number, count: number): ThreatEventRecord[] {
  return Array.from({ length: count }, (_, index) => realisticEvent(from + index));
}

function realisticEvent(number: number): ThreatEventRecord {
  const threat = Math.floor(number / BLOCK) * THREATS_AT_A_TIME + (number % THREATS_AT_A_TIME);
  const step = LIFE[Math.floor((number % BLOCK) / THREATS_AT_A_TIME)] ?? { kind: "detection", status: null };
  const random = createHash("sha256").update(`threat ${threat}`).digest();
  const endpointNumber = random.readUInt16BE(0) % ENDPOINTS;
  const pick = <T>(list: readonly T[], at: number): T => list[(random[at] ?? 0) % list.length] as T;
  const severity = pick(SEVERITIES, 2);
  return {
    id: idOf(`record ${number}`, number) as RecordId,
    endpoint: idOf(`endpoint ${endpointNumber}`, endpointNumber) as EndpointId,
    occurredAt: new Date(Date.UTC(2026, 10, 1) + number * 37).toISOString(),
    kind: step.kind,
    body: {
      threatId: idOf(`threat ${threat}`, threat) as ThreatId,
      threat: {
        name: pick(RULES, 4),
        ruleId: `R-${20_000 + (random.readUInt16BE(4) % 800)}`,
        severity,
        severityReason: `rated ${severity} because of what it touches`,
        techniques: ["T1053.003"],
      },
      status: step.status ?? pick(MITIGATION_STATUSES, 5),
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
      chain: idOf(`chain ${threat}`, threat) as ChainId,
    },
  };
}

function idOf(text: string, number: number): string {
  return uuidV7(Date.UTC(2026, 10, 1) + number, createHash("sha256").update(text).digest());
}
