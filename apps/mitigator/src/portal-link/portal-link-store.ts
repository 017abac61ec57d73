import type { StoredIdentity } from "@tms/link/lower";
import { newId, type RecordId, type Stream } from "@tms/records";
import { type Generated, type Kysely, sql } from "kysely";
import { storableJson } from "#app/storable-text.ts";
import type { PortalSettings } from "./portal-settings.ts";
import { createSkippedStore, type SkippedStore, type SkippedTables } from "./skipped-store.ts";

export interface PortalLinkTables extends SkippedTables {
  portal_link_settings: {
    single: boolean;
    settings: PortalSettings;
    password_sealed: string | null;
    password_kept_since: Date | null;
    saved_at: Date;
    disabled_since: Date | null;
    disabled_period: string | null;
    send_meanwhile: boolean;
  };
  portal_link_registration: {
    single: boolean;
    identity: StoredIdentity;
    customer_name: string | null;
    user_name: string;
    registered_at: Date;
  };
  portal_link_spooled: { id: Generated<string>; record: RecordId; stream: Stream; at_portal_since: Date | null };
}

export interface StoredSettings {
  settings: PortalSettings;
  passwordSealed: string | null;
  passwordKeptSince: Date | null;
  /** `sendMeanwhile` = what passed by is to be sent once sending is on. */
  disabled: { since: Date; period: string; sendMeanwhile: boolean } | null;
}

export interface StoredRegistration {
  identity: StoredIdentity;
  customerName: string | null;
  userName: string;
  registeredAt: Date;
}

export interface PortalLinkStore extends SkippedStore {
  settings(): Promise<StoredSettings | null>;
  save(values: SavedValues, now: Date): Promise<void>;
  /** The portal's keys have rolled over: what is tested and shown from now on is what the link trusts. */
  followTrust(trust: Pick<PortalSettings, "caPins" | "sshHostKeys">): Promise<void>;
  registration(): Promise<StoredRegistration | null>;
  register(registration: StoredRegistration): Promise<void>;
  unregister(): Promise<void>;
  /** Notes that records lie in the spool; idempotent. */
  spooled(stream: Stream, records: readonly RecordId[]): Promise<void>;
  /** The newest entry that is not known to be at the portal; null if there is none. */
  newestWaiting(stream: Stream): Promise<number | null>;
  arrived(stream: Stream, upTo: number, now: Date): Promise<void>;
  atPortalSince(record: RecordId): Promise<Date | null>;
  /** Forgets what was counted and held, and that sending was off. */
  enabled(): Promise<void>;
}

export interface SavedValues {
  settings: PortalSettings;
  passwordSealed: string | null;
  /** Whether what passed by while sending was off is to be sent. */
  sendMeanwhile: boolean;
}

export function createPortalLinkStore(db: Kysely<PortalLinkTables>): PortalLinkStore {
  return {
    settings: () => readSettings(db),
    save: (values, now) => save(db, values, now),
    followTrust: (trust) => followTrust(db, trust),
    registration: async () => {
      const row = await db.selectFrom("portal_link_registration").selectAll().executeTakeFirst();
      return row === undefined
        ? null
        : {
            identity: row.identity,
            customerName: row.customer_name,
            userName: row.user_name,
            registeredAt: row.registered_at,
          };
    },
    register: async ({ identity, customerName, userName, registeredAt }) => {
      const columns = {
        identity: storableJson(identity),
        customer_name: customerName,
        user_name: userName,
        registered_at: registeredAt,
      };
      await db
        .insertInto("portal_link_registration")
        .values({ single: true, ...columns })
        .onConflict((conflict) => conflict.column("single").doUpdateSet(columns))
        .execute();
    },
    unregister: async () => {
      await db.deleteFrom("portal_link_registration").execute();
    },
    spooled: async (stream, records) => {
      if (records.length === 0) return;
      await db
        .insertInto("portal_link_spooled")
        .values(records.map((record) => ({ record, stream })))
        .onConflict((conflict) => conflict.column("record").doNothing())
        .execute();
    },
    newestWaiting: async (stream) => {
      const row = await db
        .selectFrom("portal_link_spooled")
        .select(sql<string | null>`max(id)`.as("newest"))
        .where("stream", "=", stream)
        .where("at_portal_since", "is", null)
        .executeTakeFirst();
      return row === undefined || row.newest === null ? null : Number(row.newest);
    },
    arrived: async (stream, upTo, now) => {
      await db
        .updateTable("portal_link_spooled")
        .set({ at_portal_since: now })
        .where("stream", "=", stream)
        .where("id", "<=", String(upTo))
        .where("at_portal_since", "is", null)
        .execute();
    },
    atPortalSince: async (record) => {
      const row = await db
        .selectFrom("portal_link_spooled")
        .select("at_portal_since")
        .where("record", "=", record)
        .executeTakeFirst();
      return row?.at_portal_since ?? null;
    },
    ...createSkippedStore(db as unknown as Kysely<SkippedTables>),
    enabled: () => enabled(db),
  };
}

async function enabled(db: Kysely<PortalLinkTables>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.deleteFrom("portal_link_skipped").execute();
    await trx.deleteFrom("portal_link_held").execute();
    await trx
      .updateTable("portal_link_settings")
      .set({ disabled_since: null, disabled_period: null, send_meanwhile: false })
      .execute();
  });
}

const EARLIER_SETTINGS = { frequencyMinutes: 15, uploadKbits: null, downloadKbits: null } as const;

async function readSettings(db: Kysely<PortalLinkTables>): Promise<StoredSettings | null> {
  const row = await db.selectFrom("portal_link_settings").selectAll().executeTakeFirst();
  if (row === undefined) return null;
  const { disabled_since: since, disabled_period: period } = row;
  return {
    // Settings saved before there were such fields.
    settings: { ...EARLIER_SETTINGS, ...row.settings },
    passwordSealed: row.password_sealed,
    passwordKeptSince: row.password_kept_since,
    disabled: since === null || period === null ? null : { since, period, sendMeanwhile: row.send_meanwhile },
  };
}

/** Where a person left the pins empty they stay so: that was on purpose, and nobody has confirmed them since. */
async function followTrust(
  db: Kysely<PortalLinkTables>,
  { caPins, sshHostKeys }: Pick<PortalSettings, "caPins" | "sshHostKeys">,
): Promise<void> {
  for (const [name, values] of Object.entries({ caPins, sshHostKeys })) {
    const change = JSON.stringify({ [name]: values });
    await sql`update portal_link_settings set settings = settings || ${change}::jsonb
      where jsonb_array_length(settings -> ${name}) > 0`.execute(db);
  }
}

async function save(db: Kysely<PortalLinkTables>, values: SavedValues, now: Date): Promise<void> {
  const before = await readSettings(db);
  const kept = values.passwordSealed === null;
  const columns = {
    settings: storableJson(values.settings),
    password_sealed: kept ? (before?.passwordSealed ?? null) : values.passwordSealed,
    password_kept_since: kept ? (before?.passwordKeptSince ?? null) : now,
    saved_at: now,
    send_meanwhile: values.settings.sending && values.sendMeanwhile,
  };
  // Going on again keeps the note of when it went off, until the gap is declared (`enabled`).
  const disabled = values.settings.sending
    ? {}
    : { disabled_since: before?.disabled?.since ?? now, disabled_period: before?.disabled?.period ?? newId<string>() };
  await db
    .insertInto("portal_link_settings")
    .values({ single: true, ...columns, ...disabled })
    .onConflict((conflict) => conflict.column("single").doUpdateSet({ ...columns, ...disabled }))
    .execute();
}
