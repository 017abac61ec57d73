import { isTaken, type Judgement, type KnownStart, type LastOfStart, type StartWatch } from "@tms/link/upper";
import {
  AppError,
  type CustomerId,
  type EndpointId,
  type ProductId,
  type Registration,
  type Sha256,
} from "@tms/records";
import { type Kysely, sql } from "kysely";
import { storableJson } from "#app/storable-text.ts";
import type { Agent, Allowance, TrustReport } from "./agent.ts";
import type { EnrolmentStore } from "./enrol-agent.ts";
import type { KeptToken } from "./enrolment-token.ts";
import type { TokenStore } from "./make-enrolment-token.ts";
import type { RenewalStore } from "./renew-agent.ts";

interface AgentTable {
  endpoint: EndpointId;
  product: ProductId;
  customer: CustomerId;
  registration: Registration;
  tls_spki: Sha256;
  signing_key: string;
  instance_id: string;
  allow: Allowance[];
  certificate_not_after: Date;
  enrolled_at: Date;
  start_id: string | null;
  counter: string | number | null;
  heartbeat_digest: Sha256 | null;
  clock_offset_ms: number;
  next_tls_spki: Sha256 | null;
  next_certificate_not_after: Date | null;
  earlier_starts: LastOfStart[];
  watch: StartWatch | null;
  cloned_at: Date | null;
  trust: TrustReport | null;
}

export interface AgentTables {
  agents_tokens: {
    id: string;
    secret_sha256: Sha256;
    allow: Allowance[];
    uses: number;
    used: number;
    created_by: string;
    created_at: Date;
    expires_at: Date;
  };
  agents_agents: AgentTable;
  agents_announced: { product: ProductId; stream: string; epoch: string; sealed_to: number };
}

export interface HeartbeatMark {
  clockOffsetMs: number;
  /** What it trusts this mitigator by; null = it did not say. */
  trust: TrustReport | null;
  announced: readonly { stream: string; epoch: string; sealedTo: number }[];
}

export interface AgentStore extends EnrolmentStore, TokenStore, RenewalStore {
  /** The first request with a renewed key puts it in force. @returns null if no agent has it. */
  takeOver(spki: Sha256): Promise<Agent | null>;
  /** What the registered agents trust this mitigator by, as their last heartbeats said. */
  trusting(): Promise<{ product: ProductId; endpoint: EndpointId; trust: TrustReport | null }[]>;
  /** Ends a registration; its endpoint and history stay. */
  end(product: ProductId): Promise<void>;
  /** The same by a person's hand. */
  revoke(product: ProductId): Promise<void>;
  /**
   * Locks the agent's row, lets `decide` judge, and notes the heartbeat in the same transaction. Of a start that is not
   * in force only the watch is noted, and that it is a clone.
   */
  markHeartbeat(
    product: ProductId,
    mark: HeartbeatMark,
    decide: (known: KnownStart | null) => Judgement,
  ): Promise<Judgement>;
}

export function createAgentStore(db: Kysely<AgentTables>): AgentStore {
  const one = async (column: "endpoint" | "tls_spki" | "product", value: string): Promise<Agent | null> => {
    const row = await db.selectFrom("agents_agents").selectAll().where(sql.ref(column), "=", value).executeTakeFirst();
    return row === undefined ? null : agentOf(row);
  };
  return {
    agentOf: (endpoint) => one("endpoint", endpoint),
    agentBySpki: (spki) => one("tls_spki", spki),
    takeOver: async (spki) => {
      await takeOver(db, spki);
      // Somebody else's request with the same key may have done it a moment ago: the table says who has it now.
      return one("tls_spki", spki);
    },
    keepRenewal: async (product, { tlsSpki, certificateNotAfter }) => {
      await db
        .updateTable("agents_agents")
        .set({ next_tls_spki: tlsSpki, next_certificate_not_after: certificateNotAfter })
        .where("product", "=", product)
        .execute()
        .catch(refuseTakenKey);
    },
    agentByProduct: (product) => one("product", product),
    token: (id) => readToken(db, id),
    insertToken: async (token) => {
      await db
        .insertInto("agents_tokens")
        .values({
          id: token.id,
          secret_sha256: token.secretSha256,
          allow: [...token.allow],
          uses: token.uses,
          used: 0,
          created_by: token.createdBy,
          created_at: token.createdAt,
          expires_at: token.expiresAt,
        })
        .execute();
    },
    enrol: (tokenId, agent) => enrol(db, tokenId, agent),
    trusting: () =>
      db
        .selectFrom("agents_agents")
        .select(["product", "endpoint", "trust"])
        .where("registration", "in", ["registered", "unconfirmed", "may-only-renew"])
        .execute(),
    end: (product) => endAs(db, product, "unregistered"),
    revoke: (product) => endAs(db, product, "revoked"),
    markHeartbeat: (product, mark, decide) => markHeartbeat(db, product, { mark, decide }),
  };
}

/** A new enrolment begins anew: what was known of starts says nothing about it. */
const NO_STARTS = {
  start_id: null,
  counter: null,
  earlier_starts: "[]" as never,
  watch: null,
  cloned_at: null,
  trust: null,
} as const;
const NO_RENEWAL = { next_tls_spki: null, next_certificate_not_after: null } as const;

async function endAs(
  db: Kysely<AgentTables>,
  product: ProductId,
  registration: "unregistered" | "revoked",
): Promise<void> {
  await db
    .updateTable("agents_agents")
    .set({ registration, ...NO_RENEWAL })
    .where("product", "=", product)
    .execute();
}

async function takeOver(db: Kysely<AgentTables>, spki: Sha256): Promise<void> {
  await db
    .updateTable("agents_agents")
    .set({
      tls_spki: sql`next_tls_spki`,
      certificate_not_after: sql`next_certificate_not_after`,
      registration: sql`case registration when 'may-only-renew' then 'registered' else registration end`,
      ...NO_RENEWAL,
    })
    .where("next_tls_spki", "=", spki)
    .execute();
}

/** One key is one agent's. */
function refuseTakenKey(error: unknown): never {
  const isTaken = error instanceof Error && "code" in error && error.code === "23505";
  throw isTaken ? new AppError("link.csr_invalid", { reason: "another agent has this key" }, { cause: error }) : error;
}

async function readToken(db: Kysely<AgentTables>, id: string): Promise<KeptToken | null> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return null;
  const row = await db.selectFrom("agents_tokens").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) return null;
  return {
    id: row.id,
    secretSha256: row.secret_sha256,
    allow: row.allow,
    uses: row.uses,
    used: row.used,
    expiresAt: row.expires_at,
  };
}

async function enrol(db: Kysely<AgentTables>, tokenId: string, agent: Agent): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const counted = await trx
      .updateTable("agents_tokens")
      .set({ used: sql`used + 1` })
      .where("id", "=", tokenId)
      .whereRef("used", "<", "uses")
      .returning("id")
      .executeTakeFirst();
    if (counted === undefined) return false;
    const facts = {
      product: agent.product,
      customer: agent.customer,
      registration: agent.registration,
      tls_spki: agent.tlsSpki,
      signing_key: agent.signingKey,
      instance_id: agent.instanceId,
      allow: [...agent.allow],
      certificate_not_after: agent.certificateNotAfter,
      enrolled_at: agent.enrolledAt,
      ...NO_RENEWAL,
    };
    await trx
      .insertInto("agents_agents")
      .values({ endpoint: agent.endpoint, ...facts, ...NO_STARTS, clock_offset_ms: 0 })
      .onConflict((conflict) => conflict.column("endpoint").doUpdateSet({ ...facts, ...NO_STARTS }))
      .execute();
    return true;
  });
}

async function markHeartbeat(
  db: Kysely<AgentTables>,
  product: ProductId,
  by: { mark: HeartbeatMark; decide: (known: KnownStart | null) => Judgement },
): Promise<Judgement> {
  return db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom("agents_agents")
      .select(["start_id", "counter", "heartbeat_digest", "earlier_starts", "watch"])
      .where("product", "=", product)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const judgement = by.decide(knownOf(row));
    const { kind, after } = judgement;
    if (kind === "retry" || kind === "replayed") return judgement;
    const clone = kind === "clone" ? { cloned_at: sql<Date>`coalesce(cloned_at, now())` } : {};
    const state = isTaken(kind)
      ? {
          start_id: after.start,
          counter: after.counter,
          heartbeat_digest: after.contentDigest as Sha256,
          earlier_starts: storableJson([...after.earlier]),
          clock_offset_ms: by.mark.clockOffsetMs,
          trust: by.mark.trust === null ? null : storableJson(by.mark.trust),
        }
      : clone;
    await trx
      .updateTable("agents_agents")
      .set({ ...state, watch: after.watch === null ? null : storableJson(after.watch) })
      .where("product", "=", product)
      .execute();
    if (isTaken(kind)) await announce(trx, product, by.mark.announced);
    return judgement;
  });
}

function knownOf(row: {
  start_id: string | null;
  counter: string | number | null;
  heartbeat_digest: Sha256 | null;
  earlier_starts: LastOfStart[];
  watch: StartWatch | null;
}): KnownStart | null {
  if (row.start_id === null || row.counter === null) return null;
  const { start_id: start, heartbeat_digest: digest, earlier_starts: earlier, watch } = row;
  return { start, counter: Number(row.counter), contentDigest: digest ?? "", earlier, watch };
}

async function announce(
  trx: Kysely<AgentTables>,
  product: ProductId,
  announced: HeartbeatMark["announced"],
): Promise<void> {
  for (const { stream, epoch, sealedTo } of announced) {
    await trx
      .insertInto("agents_announced")
      .values({ product, stream, epoch, sealed_to: sealedTo })
      .onConflict((conflict) => conflict.columns(["product", "stream"]).doUpdateSet({ epoch, sealed_to: sealedTo }))
      .execute();
  }
}

function agentOf(row: AgentTable): Agent {
  return {
    endpoint: row.endpoint,
    product: row.product,
    customer: row.customer,
    registration: row.registration,
    tlsSpki: row.tls_spki,
    signingKey: row.signing_key,
    instanceId: row.instance_id,
    allow: row.allow,
    certificateNotAfter: row.certificate_not_after,
    enrolledAt: row.enrolled_at,
    clockOffsetMs: row.clock_offset_ms,
    clonedAt: row.cloned_at,
  };
}
