import type { CaseId, CustomerScope, EndpointId, PackageId, ProductId, Sha256 } from "@tms/records";
import { type Databases, inCustomer } from "@tms/server-kit";
import { sql } from "kysely";
import { type CustodyAction, type CustodyEntry, custodyHash } from "./custody.ts";
import type { ForensicPackage } from "./forensic-package.ts";
import type { PackageStore } from "./take-package.ts";

export interface ForensicsStore extends PackageStore {
  custody(scope: CustomerScope, id: PackageId): Promise<CustodyEntry[]>;
}

export function createForensicsStore(db: Databases): ForensicsStore {
  const select = (scope: CustomerScope, by: { id: PackageId } | { caseId: CaseId }) =>
    inCustomer(db.app, scope, async (trx) => {
      const condition = "id" in by ? sql`id = ${by.id}` : sql`case_id = ${by.caseId}`;
      const { rows } = await sql<Row>`select id, case_id, product, endpoint, size_bytes, received_bytes, sha256, state,
          recipients, blob_key, uploaded_at from forensics_packages
        where customer = ${scope.customer} and ${condition} order by announced_at`.execute(trx);
      return rows.map(packageOf);
    });
  return {
    find: async (scope, id) => (await select(scope, { id }))[0] ?? null,
    ofCase: (scope, caseId) => select(scope, { caseId }),
    begin: (scope, from, announced) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`insert into forensics_packages (customer, id, case_id, product, endpoint, size_bytes, sha256, state,
            recipients)
          values (${scope.customer}, ${announced.id}, ${announced.caseId}, ${from}, ${announced.endpoint},
            ${announced.sizeBytes}, ${announced.sha256}, 'uploading', ${announced.recipients}::text[])
          on conflict (customer, id) do update set size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
            state = 'uploading', received_bytes = 0, recipients = excluded.recipients`.execute(trx);
      }),
    progress: (scope, id, receivedBytes) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update forensics_packages set received_bytes = greatest(received_bytes, ${receivedBytes})
          where customer = ${scope.customer} and id = ${id}`.execute(trx);
      }),
    complete: (scope, id, blobKey) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update forensics_packages set state = 'complete', received_bytes = size_bytes, blob_key = ${blobKey},
          uploaded_at = now() where customer = ${scope.customer} and id = ${id}`.execute(trx);
      }),
    fail: (scope, id) =>
      inCustomer(db.app, scope, async (trx) => {
        await sql`update forensics_packages set state = 'failed'
          where customer = ${scope.customer} and id = ${id} and state <> 'complete'`.execute(trx);
      }),
    addCustody: (scope, id, entry) =>
      inCustomer(db.app, scope, async (trx) => {
        // The package's row lock makes the chain one chain, whoever writes.
        await sql`select 1 from forensics_packages where customer = ${scope.customer} and id = ${id} for update`.execute(
          trx,
        );
        const { rows } = await sql<{ seq: number; hash: Sha256 }>`select seq, hash from forensics_custody
          where customer = ${scope.customer} and package = ${id} order by seq desc limit 1`.execute(trx);
        const previous = rows[0] ?? null;
        const at = new Date();
        const hash = custodyHash(previous?.hash ?? null, { at, ...entry });
        await sql`insert into forensics_custody (customer, package, seq, at, who, action, detail, hash)
          values (${scope.customer}, ${id}, ${(previous?.seq ?? 0) + 1}, ${at}, ${entry.who}, ${entry.action},
            ${entry.detail}, ${hash})`.execute(trx);
      }),
    custody: (scope, id) =>
      inCustomer(db.app, scope, async (trx) => {
        const { rows } = await sql<{ at: Date; who: string; action: CustodyAction; detail: string; hash: Sha256 }>`
          select at, who, action, detail, hash from forensics_custody
          where customer = ${scope.customer} and package = ${id} order by seq`.execute(trx);
        return rows;
      }),
  };
}

interface Row {
  id: PackageId;
  case_id: CaseId;
  product: ProductId;
  endpoint: EndpointId;
  size_bytes: string;
  received_bytes: string;
  sha256: Sha256;
  state: ForensicPackage["state"];
  recipients: string[];
  blob_key: string | null;
  uploaded_at: Date | null;
}

function packageOf(row: Row): ForensicPackage {
  return {
    id: row.id,
    caseId: row.case_id,
    product: row.product,
    endpoint: row.endpoint,
    sizeBytes: Number(row.size_bytes),
    receivedBytes: Number(row.received_bytes),
    sha256: row.sha256,
    state: row.state,
    recipients: row.recipients,
    blobKey: row.blob_key,
    uploadedAt: row.uploaded_at,
  };
}
