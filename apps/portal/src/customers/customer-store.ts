import { AppError, type CustomerId, type ProviderScope, type Sha256 } from "@tms/records";
import { type Databases, inProvider } from "@tms/server-kit";
import { sql } from "kysely";
import type { OwnLimits } from "#app/limits/index.ts";
import type { Customer, OwnHeartbeat } from "./customer.ts";

/** Customers belong to the provider: every method takes its scope, and only this table's narrow policy lets it in. */
export interface CustomerStore {
  insert(
    scope: ProviderScope,
    customer: Omit<Customer, "createdAt" | "limits" | "heartbeat">,
    passwordHash: string,
  ): Promise<Customer>;
  list(scope: ProviderScope): Promise<Customer[]>;
  find(scope: ProviderScope, id: CustomerId): Promise<Customer | null>;
  findByUserName(scope: ProviderScope, userName: string): Promise<{ customer: Customer; passwordHash: string } | null>;
  change(
    scope: ProviderScope,
    id: CustomerId,
    change: {
      validUntil?: Date | undefined;
      contactEmail?: string | null | undefined;
      limits?: OwnLimits | undefined;
      heartbeat?: OwnHeartbeat | undefined;
    },
  ): Promise<Customer | null>;
  setPassword(scope: ProviderScope, id: CustomerId, passwordHash: string): Promise<boolean>;
}

const COLUMNS = sql`customer, name, valid_until, contact_email, user_name, pattern_root, demo_keys, created_at,
  limits, heartbeat`;

export function createCustomerStore(db: Databases): CustomerStore {
  return {
    insert: (_, customer, passwordHash) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<Row>`insert into customers_customers (customer, name, valid_until, contact_email,
            user_name, password_hash, pattern_root, demo_keys)
          values (${customer.id}, ${customer.name}, ${customer.validUntil}, ${customer.contactEmail},
            ${customer.userName}, ${passwordHash}, ${customer.patternRoot}, ${customer.demoKeys})
          on conflict (customer) do nothing returning ${COLUMNS}`.execute(trx);
        const row = rows[0];
        if (row === undefined) throw new AppError("customer.exists", { customer: customer.id });
        return customerOf(row);
      }),
    list: () =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<Row>`select ${COLUMNS} from customers_customers order by name, customer`.execute(
          trx,
        );
        return rows.map(customerOf);
      }),
    find: (_, id) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<Row>`select ${COLUMNS} from customers_customers where customer = ${id}`.execute(trx);
        return rows[0] === undefined ? null : customerOf(rows[0]);
      }),
    findByUserName: (_, userName) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql<Row & { password_hash: string }>`select ${COLUMNS}, password_hash
          from customers_customers where user_name = ${userName}`.execute(trx);
        const row = rows[0];
        return row === undefined ? null : { customer: customerOf(row), passwordHash: row.password_hash };
      }),
    change: (_, id, change) =>
      inProvider(db.provider, async (trx) => {
        const keepsContact = change.contactEmail === undefined;
        const heartbeat = change.heartbeat === undefined ? null : JSON.stringify(change.heartbeat);
        const limits = change.limits === undefined ? null : JSON.stringify(change.limits);
        const { rows } = await sql<Row>`update customers_customers set
            valid_until = coalesce(${change.validUntil ?? null}::timestamptz, valid_until),
            heartbeat = coalesce(${heartbeat}::jsonb, heartbeat),
            limits = coalesce(${limits}::jsonb, limits),
            contact_email = case when ${keepsContact}::boolean then contact_email else ${change.contactEmail ?? null}::text end
          where customer = ${id} returning ${COLUMNS}`.execute(trx);
        return rows[0] === undefined ? null : customerOf(rows[0]);
      }),
    setPassword: (_, id, passwordHash) =>
      inProvider(db.provider, async (trx) => {
        const { rows } = await sql`update customers_customers set password_hash = ${passwordHash}
          where customer = ${id} returning customer`.execute(trx);
        return rows.length > 0;
      }),
  };
}

interface Row {
  customer: CustomerId;
  name: string;
  valid_until: Date;
  contact_email: string | null;
  user_name: string;
  pattern_root: Sha256;
  demo_keys: boolean;
  created_at: Date;
  limits: OwnLimits;
  heartbeat: OwnHeartbeat;
}

function customerOf(row: Row): Customer {
  return {
    id: row.customer,
    name: row.name,
    validUntil: row.valid_until,
    contactEmail: row.contact_email,
    userName: row.user_name,
    patternRoot: row.pattern_root,
    demoKeys: row.demo_keys,
    createdAt: row.created_at,
    limits: row.limits,
    heartbeat: row.heartbeat,
  };
}
