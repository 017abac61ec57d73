import {
  AppError,
  type CaseId,
  type CustomerId,
  type CustomerScope,
  type EndpointId,
  type PatternId,
  type PatternState,
  type ProviderScope,
  type Sha256,
} from "@tms/records";
import { type Databases, inCustomer, inProvider, type SecretBox } from "@tms/server-kit";
import { type Kysely, type RawBuilder, sql } from "kysely";
import { type CustomPattern, type SignedRole, wasIssued } from "./custom-pattern.ts";
import type { DraftStore, NewDraft } from "./draft-pattern.ts";
import { lockRepository, openRepositoryTransaction } from "./repository-store.ts";
import type { SignPatternDeps } from "./sign-pattern.ts";

/** What the job `pattern-issued` is told. */
export interface IssuedJob {
  customer: CustomerId;
  pattern: PatternId;
  version: number;
}

export interface PatternStore extends DraftStore {
  find(scope: CustomerScope, id: string, version: number): Promise<CustomPattern | null>;
  lockedForSigning: SignPatternDeps["lockedForSigning"];
  ofCase(scope: CustomerScope, id: CaseId): Promise<CustomPattern[]>;
  list(
    scope: ProviderScope,
    filter: { customer?: CustomerId | undefined },
  ): Promise<{ customer: CustomerId; pattern: CustomPattern }[]>;
  /** Which customer a pattern belongs to; its id names it among all customers. */
  ownerOf(scope: ProviderScope, id: string, version: number): Promise<CustomerId | null>;
}

export function createPatternStore(deps: {
  db: Databases;
  secrets: SecretBox;
  enqueueIssued(job: IssuedJob, trx: Kysely<unknown>): Promise<void>;
}): PatternStore {
  const { db } = deps;
  return {
    find: (scope, id, version) => inCustomer(db.app, scope, (trx) => findOne(trx, scope, { id, version })),
    ofCase: (scope, id) =>
      inCustomer(db.app, scope, async (trx) =>
        (await select(trx, sql`p.customer = ${scope.customer} and p.case_id = ${id}`)).map((one) => one.pattern),
      ),
    list: (_, filter) =>
      inProvider(db.provider, (trx) =>
        select(trx, filter.customer === undefined ? sql`true` : sql`p.customer = ${filter.customer}`),
      ),
    ownerOf: (_, id, version) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<{ customer: CustomerId }>`select customer from patterns_patterns
          where id = ${id} and version = ${version}`.execute(trx);
        return rows[0]?.customer ?? null;
      }),
    lockedForDraft: (scope, asked, work) =>
      inCustomer(db.app, scope, async (trx) => {
        await lockRepository(trx, scope);
        return work({
          versions: await versionsOf(trx, scope, asked.id),
          async save(draft) {
            await writeDraft(trx, scope, draft).catch(refuseTakenId);
            const saved = await findOne(trx, scope, asked);
            if (saved === null) throw new AppError("pattern.unknown", { ...asked });
            return saved;
          },
        });
      }),
    lockedForSigning: (scope, asked, work) =>
      inCustomer(db.app, scope, async (trx) => {
        const repository = await openRepositoryTransaction(trx, scope, deps.secrets);
        const key = sql`customer = ${scope.customer} and id = ${asked.id} and version = ${asked.version}`;
        const pattern = await findOne(trx, scope, asked);
        return work({
          ...repository,
          pattern,
          hasOtherOpen: pattern !== null && (await hasOtherOpen(trx, scope, pattern)),
          newestIssued: Math.max(
            0,
            ...(await versionsOf(trx, scope, asked.id)).filter((one) => wasIssued(one.state)).map((one) => one.version),
          ),
          async keepProposal(proposal) {
            await sql`update patterns_patterns set proposed = ${proposal.bytes}, proposed_version = ${proposal.version},
              state_since = case when state = ${proposal.state} then state_since else now() end,
              state = ${proposal.state}, signatures_needed = ${proposal.needed} where ${key}`.execute(trx);
            for (const signer of proposal.signers) {
              await sql`insert into patterns_signatures (customer, id, version, key_id, name)
                values (${scope.customer}, ${asked.id}, ${asked.version}, ${signer.keyId}, ${signer.name})
                on conflict do nothing`.execute(trx);
            }
          },
          async issue() {
            await sql`update patterns_patterns set state = 'superseded', state_since = now()
              where customer = ${scope.customer} and id = ${asked.id} and version <> ${asked.version}
                and state = 'issued'`.execute(trx);
            await sql`update patterns_patterns set state = 'issued', state_since = now() where ${key}`.execute(trx);
            if (pattern === null) return;
            await deps.enqueueIssued({ customer: scope.customer, pattern: pattern.id, version: pattern.version }, trx);
          },
        });
      }),
  };
}

async function findOne(
  trx: Kysely<unknown>,
  scope: CustomerScope,
  asked: { id: string; version: number },
): Promise<CustomPattern | null> {
  const [found] = await select(
    trx,
    sql`p.customer = ${scope.customer} and p.id = ${asked.id} and p.version = ${asked.version}`,
  );
  return found?.pattern ?? null;
}

async function versionsOf(trx: Kysely<unknown>, scope: CustomerScope, id: string): Promise<CustomPattern[]> {
  const found = await select(trx, sql`p.customer = ${scope.customer} and p.id = ${id}`);
  return found.map((one) => one.pattern);
}

async function writeDraft(trx: Kysely<unknown>, scope: CustomerScope, draft: NewDraft): Promise<void> {
  await sql`insert into patterns_patterns (customer, id, version, title, role, case_id, case_short_id, state,
      digest, plan_digest, target_path, bytes, endpoints, "check", signatures_needed, drafted_by)
    values (${scope.customer}, ${draft.id}, ${draft.version}, ${draft.title}, ${draft.role}, ${draft.caseId},
      ${draft.caseShortId}, ${draft.state}, ${draft.digest}, ${draft.planDigest}, ${draft.targetPath},
      ${draft.bytes}, ${draft.endpoints}::uuid[], ${JSON.stringify(draft.check)}::jsonb,
      ${draft.signaturesNeeded}, ${draft.draftedBy})
    on conflict (customer, id, version) do update set title = excluded.title, role = excluded.role,
      state = excluded.state, state_since = now(), digest = excluded.digest, plan_digest = excluded.plan_digest,
      target_path = excluded.target_path, bytes = excluded.bytes, endpoints = excluded.endpoints,
      "check" = excluded."check", signatures_needed = excluded.signatures_needed,
      drafted_by = excluded.drafted_by, drafted_at = now(), proposed = null, proposed_version = null`.execute(trx);
}

/** An id names one pattern of all customers: the console and the experts' tools find a pattern by it. */
function refuseTakenId(error: unknown): never {
  const isTaken = error instanceof Error && "code" in error && error.code === "23505";
  throw isTaken ? new AppError("pattern.id_taken", {}, { cause: error }) : error;
}

async function hasOtherOpen(trx: Kysely<unknown>, scope: CustomerScope, pattern: CustomPattern): Promise<boolean> {
  const { rows } = await sql`select 1 from patterns_patterns where customer = ${scope.customer}
    and role = ${pattern.role} and state = 'waits-for-second-signature'
    and not (id = ${pattern.id} and version = ${pattern.version}) limit 1`.execute(trx);
  return rows.length > 0;
}

interface Row {
  customer: CustomerId;
  id: PatternId;
  version: number;
  title: string;
  role: SignedRole;
  case_id: CaseId | null;
  case_short_id: string | null;
  state: PatternState;
  state_since: Date;
  digest: Sha256;
  plan_digest: Sha256;
  target_path: string;
  bytes: Buffer;
  endpoints: EndpointId[];
  check: unknown;
  proposed: Buffer | null;
  signatures_needed: number;
  drafted_by: string;
  signatures: { keyId: Sha256; name: string; at: string }[];
}

async function select(
  trx: Kysely<unknown>,
  condition: RawBuilder<unknown>,
): Promise<{ customer: CustomerId; pattern: CustomPattern }[]> {
  const { rows } = await sql<Row>`select p.customer, p.id, p.version, p.title, p.role, p.case_id, p.case_short_id,
      p.state, p.state_since, p.digest, p.plan_digest, p.target_path, p.bytes, to_jsonb(p.endpoints) as endpoints,
      p."check", p.proposed, p.signatures_needed, p.drafted_by,
      coalesce((select jsonb_agg(jsonb_build_object('keyId', s.key_id, 'name', s.name, 'at', s.at) order by s.at, s.key_id)
        from patterns_signatures s where s.customer = p.customer and s.id = p.id and s.version = p.version), '[]')
        as signatures
    from patterns_patterns p where ${condition} order by p.state_since desc, p.id limit 1000`.execute(trx);
  return rows.map((row) => ({
    customer: row.customer,
    pattern: {
      id: row.id,
      version: row.version,
      title: row.title,
      role: row.role,
      caseId: row.case_id,
      caseShortId: row.case_short_id,
      state: row.state,
      stateSince: row.state_since,
      digest: row.digest,
      planDigest: row.plan_digest,
      targetPath: row.target_path,
      bytes: row.bytes,
      endpoints: row.endpoints,
      check: row.check,
      proposed: row.proposed,
      signaturesNeeded: row.signatures_needed,
      draftedBy: row.drafted_by,
      signatures: row.signatures.map((one) => ({ ...one, at: new Date(one.at) })),
    },
  }));
}
