import type { CustomerScope, IncidentId, Sha256 } from "@tms/records";
import { type Databases, inCustomer } from "@tms/server-kit";
import { sql } from "kysely";

export type ReportFormat = "html" | "pdf";

export interface ReportStore {
  noteMade(
    scope: CustomerScope,
    made: { incident: IncidentId; format: ReportFormat; sha256: Sha256; blobKey: string; note: string | null },
  ): Promise<void>;
  /** When a report of the incident was last made, in any format. */
  madeAt(scope: CustomerScope, incident: IncidentId): Promise<Date | null>;
}

export function createReportStore(db: Databases): ReportStore {
  return {
    noteMade: (scope, made) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`insert into reports_made (customer, incident, format, sha256, blob_key, note)
          values (${scope.customer}, ${made.incident}, ${made.format}, ${made.sha256}, ${made.blobKey}, ${made.note})
          on conflict (customer, incident, format) do update set sha256 = excluded.sha256,
            blob_key = excluded.blob_key, note = excluded.note, made_at = now()`.execute(trx);
      }),
    madeAt: (scope, incident) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ made_at: Date | null }>`select max(made_at) as made_at from reports_made
          where customer = ${scope.customer} and incident = ${incident}`.execute(trx);
        return rows[0]?.made_at ?? null;
      }),
  };
}
