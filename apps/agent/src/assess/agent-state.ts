import { DatabaseSync } from "node:sqlite";
import type { CaseId, ChainId, PatternId, RecordId, Severity, Sha256, ThreatId } from "@tms/records";

// What the agent must know after a restart. No record bodies and no secrets (architecture, section 6).
// I1  One unresolved row per (rule, path, content): the same threat is found many times and reported once. One that
//     comes back after it was resolved is another threat.
// I2  The ids of its records are made with the row, so a crash between row and spool repeats an id, never a record.

const THREATS = `(
   
    threat_id text primary key, chain_id text not null, detection_record text not null, assessment_record text not null,
    rule_id text not null, title text not null, severity text not null, severity_reason text not null,
    techniques text not null, path blob not null, sha256 text not null, size_bytes integer not null,
    pattern_kind text not null, pattern_id text not null, pattern_version integer not null,
    detected_at text not null, reported integer not null default 0, assessed integer not null default 0,
    case_id text, resolved_by text
  ) strict;`;
const SCHEMA = `
  create table if not exists threats ${THREATS}
  create unique index if not exists threats_unresolved on threats (rule_id, path, sha256) where resolved_by is null;
  create table if not exists threat_parts (
    threat_id text not null references threats, kind text not null, path text not null, line text not null default '',
    primary key (threat_id, kind, path, line)
  ) strict;
`;

export interface Threat {
  threatId: ThreatId;
  chainId: ChainId;
  detectionRecord: RecordId;
  assessmentRecord: RecordId;
  ruleId: string;
  title: string;
  severity: Severity;
  severityReason: string;
  techniques: string[];
  path: Buffer;
  sha256: Sha256;
  sizeBytes: number;
  patternKind: "regular" | "custom";
  patternId: PatternId;
  patternVersion: number;
  detectedAt: string;
  isReported: boolean;
  isAssessed: boolean;
  caseId: CaseId | null;
  /** `CP-…@version` of the pattern whose cleanup resolved it. */
  resolvedBy: string | null;
}

export interface ThreatPart {
  kind: "file" | "persistence";
  /** `pathText` of the file. */
  path: string;
  line: string;
}

export interface AgentState {
  /**
   * Keeps the threat unless it is known; returns what is kept.
   *
   * @param isThere Asked where the known one is resolved: a look that began before the cleanup found what is gone now.
   */
  meet(threat: Threat, isThere: () => boolean): Threat;
  threats(): Threat[];
  markReported(id: ThreatId): void;
  markAssessed(id: ThreatId, parts: readonly ThreatPart[]): void;
  markResolved(id: ThreatId, by: string | null): void;
  markCase(id: ThreatId, caseId: CaseId): void;
  parts(id: ThreatId): ThreatPart[];
  close(): void;
}

export function openAgentState(file: string): AgentState {
  const database = new DatabaseSync(file);
  database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;");
  forgetOldForm(database);
  database.exec(SCHEMA);
  const byIdentity = database.prepare(
    "select * from threats where rule_id = ? and path = ? and sha256 = ? order by resolved_by is not null, threat_id desc",
  );
  const insert = database.prepare(
    `insert into threats (threat_id, chain_id, detection_record, assessment_record, rule_id, title, severity,
       severity_reason, techniques, path, sha256, size_bytes, pattern_kind, pattern_id, pattern_version, detected_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const addPart = database.prepare(
    "insert or ignore into threat_parts (threat_id, kind, path, line) values (?, ?, ?, ?)",
  );

  return {
    meet(threat, isThere) {
      const known = byIdentity.get(threat.ruleId, threat.path, threat.sha256);
      if (known !== undefined && (known.resolved_by === null || !isThere())) return threatOf(known);
      const { threatId, chainId, detectionRecord, assessmentRecord, ruleId, title, severity, severityReason } = threat;
      insert.run(
        ...[threatId, chainId, detectionRecord, assessmentRecord, ruleId, title, severity, severityReason],
        ...[JSON.stringify(threat.techniques), threat.path, threat.sha256, threat.sizeBytes, threat.patternKind],
        ...[threat.patternId, threat.patternVersion, threat.detectedAt],
      );
      return threat;
    },
    threats: () => database.prepare("select * from threats order by threat_id").all().map(threatOf),
    markReported: (id) => void database.prepare("update threats set reported = 1 where threat_id = ?").run(id),
    markAssessed(id, parts) {
      database.exec("begin immediate");
      for (const part of parts) addPart.run(id, part.kind, part.path, part.line);
      database.prepare("update threats set assessed = 1 where threat_id = ?").run(id);
      database.exec("commit");
    },
    markResolved: (id, by) =>
      // Where it came back meanwhile, the newer row stands for it.
      void database.prepare("update or ignore threats set resolved_by = ? where threat_id = ?").run(by, id),
    markCase: (id, caseId) =>
      void database.prepare("update threats set case_id = ? where threat_id = ?").run(caseId, id),
    parts: (id) =>
      database.prepare("select kind, path, line from threat_parts where threat_id = ?").all(id).map(partOf),
    close: () => database.close(),
  };
}

/** Before, one row stood for a threat for ever, and its return was told to nobody. */
function forgetOldForm(database: DatabaseSync): void {
  const row = database.prepare("select sql from sqlite_schema where name = 'threats'").get();
  if (!String(row?.sql ?? "").includes("unique (rule_id")) return;
  database.exec(`pragma foreign_keys = off; begin immediate;
    create table threats_new ${THREATS}
    insert into threats_new select * from threats; drop table threats; alter table threats_new rename to threats;
    commit; pragma foreign_keys = on;`);
}

type Row = Record<string, unknown>;

/** The rows are our own, written by `meet` alone; the brands are put back on. */
function threatOf(row: Row): Threat {
  const text = (name: string): string => String(row[name]);
  return {
    threatId: text("threat_id") as ThreatId,
    chainId: text("chain_id") as ChainId,
    detectionRecord: text("detection_record") as RecordId,
    assessmentRecord: text("assessment_record") as RecordId,
    ruleId: text("rule_id"),
    title: text("title"),
    severity: text("severity") as Severity,
    severityReason: text("severity_reason"),
    techniques: JSON.parse(text("techniques")) as string[],
    path: Buffer.from(row.path as Uint8Array),
    sha256: text("sha256") as Sha256,
    sizeBytes: Number(row.size_bytes),
    patternKind: text("pattern_kind") as Threat["patternKind"],
    patternId: text("pattern_id") as PatternId,
    patternVersion: Number(row.pattern_version),
    detectedAt: text("detected_at"),
    isReported: row.reported === 1,
    isAssessed: row.assessed === 1,
    caseId: row.case_id === null ? null : (text("case_id") as CaseId),
    resolvedBy: row.resolved_by === null ? null : text("resolved_by"),
  };
}

function partOf(row: Row): ThreatPart {
  return { kind: String(row.kind) as ThreatPart["kind"], path: String(row.path), line: String(row.line) };
}
