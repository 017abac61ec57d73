import type { DirectiveId, EndpointId } from "@tms/records";
import type { Kysely } from "kysely";
import { storableJson, storableText } from "#app/storable-text.ts";
import type { Order, OrderKind, OrderOutcome } from "./agent.ts";

interface DirectiveTable {
  id: DirectiveId;
  endpoint: EndpointId;
  kind: OrderKind;
  payload: Record<string, unknown>;
  created_at: Date;
  expires_at: Date;
  delivered_at: Date | null;
  outcome_at: Date | null;
  ok: boolean | null;
  code: string | null;
  detail: string | null;
  handled_at: Date | null;
}

export interface OrderTables {
  agents_directives: DirectiveTable;
}

export interface ReportedOutcome {
  id: DirectiveId;
  ok: boolean;
  code: string | null;
  detail: string | null;
}

export interface OrderStore {
  /** Idempotent by id. */
  insert(order: Order, now: Date): Promise<void>;
  /** Orders that are neither answered nor expired, oldest first; notes that they were delivered. */
  deliver(endpoint: EndpointId, now: Date): Promise<Order[]>;
  hasUndelivered(endpoint: EndpointId, now: Date): Promise<boolean>;
  /** The first outcome of an order counts, and only from the agent it was given to. */
  report(endpoint: EndpointId, outcomes: readonly ReportedOutcome[], now: Date): Promise<void>;
  /** Answers every order whose time is over with `directive.expired`. */
  expire(now: Date): Promise<void>;
  unheard(): Promise<OrderOutcome[]>;
  heard(id: DirectiveId, now: Date): Promise<void>;
  isDelivered(id: DirectiveId): Promise<boolean>;
}

/** What one heartbeat's answer carries at most; the rest comes with the next. */
const MAX_DELIVERED = 64;
const MAX_UNHEARD = 200;

export function createOrderStore(db: Kysely<OrderTables>): OrderStore {
  return {
    insert: async (order, now) => {
      await db
        .insertInto("agents_directives")
        .values({
          id: order.id,
          endpoint: order.endpoint,
          kind: order.kind,
          payload: storableJson(order.payload),
          created_at: now,
          expires_at: order.expiresAt,
        })
        .onConflict((conflict) => conflict.column("id").doNothing())
        .execute();
    },
    deliver: (endpoint, now) => deliver(db, endpoint, now),
    hasUndelivered: async (endpoint, now) => {
      const row = await db
        .selectFrom("agents_directives")
        .select("id")
        .where("endpoint", "=", endpoint)
        .where("delivered_at", "is", null)
        .where("outcome_at", "is", null)
        .where("expires_at", ">", now)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },
    report: async (endpoint, outcomes, now) => {
      for (const { id, ok, code, detail } of outcomes) {
        await db
          .updateTable("agents_directives")
          .set({ outcome_at: now, ok, code: nullOrText(code), detail: nullOrText(detail) })
          .where("id", "=", id)
          .where("endpoint", "=", endpoint)
          .where("outcome_at", "is", null)
          .execute();
      }
    },
    expire: async (now) => {
      await db
        .updateTable("agents_directives")
        .set({ outcome_at: now, ok: false, code: "directive.expired" })
        .where("outcome_at", "is", null)
        .where("expires_at", "<=", now)
        .execute();
    },
    unheard: async () => {
      const rows = await db
        .selectFrom("agents_directives")
        .selectAll()
        .where("outcome_at", "is not", null)
        .where("handled_at", "is", null)
        .orderBy("outcome_at")
        .limit(MAX_UNHEARD)
        .execute();
      return rows.map((row) => ({ ...row, ok: row.ok === true }));
    },
    heard: async (id, now) => {
      await db.updateTable("agents_directives").set({ handled_at: now }).where("id", "=", id).execute();
    },
    isDelivered: async (id) => {
      const row = await db
        .selectFrom("agents_directives")
        .select("delivered_at")
        .where("id", "=", id)
        .executeTakeFirst();
      return row !== undefined && row.delivered_at !== null;
    },
  };
}

async function deliver(db: Kysely<OrderTables>, endpoint: EndpointId, now: Date): Promise<Order[]> {
  const rows = await db
    .selectFrom("agents_directives")
    .selectAll()
    .where("endpoint", "=", endpoint)
    .where("outcome_at", "is", null)
    .where("expires_at", ">", now)
    .orderBy("created_at")
    .limit(MAX_DELIVERED)
    .execute();
  const fresh = rows.filter((row) => row.delivered_at === null).map((row) => row.id);
  if (fresh.length > 0) {
    await db.updateTable("agents_directives").set({ delivered_at: now }).where("id", "in", fresh).execute();
  }
  return rows.map(({ id, kind, payload, expires_at }) => ({ id, endpoint, kind, payload, expiresAt: expires_at }));
}

function nullOrText(text: string | null): string | null {
  return text === null ? null : storableText(text);
}
