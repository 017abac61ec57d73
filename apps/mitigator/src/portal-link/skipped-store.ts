import type { LinkRecord, Stream } from "@tms/records";
import { type Generated, type Kysely, sql } from "kysely";
import { storableJson } from "#app/storable-text.ts";

// What is not sent while sending is off: counted by its source's numbers, and held as long as there is room, because
// whoever enables sending again may want it sent.

export interface SkippedTables {
  portal_link_skipped: { source: string; stream: Stream; epoch: string; number: number; count: number | string };
  portal_link_held: { id: Generated<string>; stream: Stream; record: LinkRecord };
}

export interface SkippedSource {
  source: string;
  stream: Stream;
  epoch: string;
  number: number;
}

export interface HeldRecord {
  id: number;
  record: LinkRecord;
}

export interface SkippedStore {
  /** Counts what was not sent, and holds its records; a repeat of the same numbers changes nothing. */
  skip(source: SkippedSource, skipped: { count: number; records: readonly LinkRecord[] }): Promise<void>;
  skipped(): Promise<{ stream: Stream; count: number }[]>;
  /** The next held records of a stream, oldest first. */
  held(stream: Stream, page: { after: number; limit: number }): Promise<HeldRecord[]>;
}

/** Held records of one stream, at most; what comes later is counted and not held. */
const MAX_HELD = 500_000;

export function createSkippedStore(db: Kysely<SkippedTables>): SkippedStore {
  return {
    skip: async (source, { count, records }) => {
      await db.transaction().execute(async (trx) => {
        const counted = await trx
          .insertInto("portal_link_skipped")
          .values({ ...source, count })
          .onConflict((conflict) =>
            conflict
              .columns(["source", "stream", "epoch"])
              .doUpdateSet({ number: source.number, count: sql`portal_link_skipped.count + ${count}` })
              .where("portal_link_skipped.number", "<", source.number),
          )
          .returning("number")
          .executeTakeFirst();
        if (counted === undefined || records.length === 0) return;
        const { room } = await trx
          .selectFrom("portal_link_held")
          .select(sql<string>`${MAX_HELD} - count(*)`.as("room"))
          .where("stream", "=", source.stream)
          .executeTakeFirstOrThrow();
        const held = records.slice(0, Math.max(0, Number(room)));
        if (held.length === 0) return;
        await trx
          .insertInto("portal_link_held")
          .values(held.map((record) => ({ stream: source.stream, record: storableJson(record) })))
          .execute();
      });
    },
    skipped: async () => {
      const rows = await db
        .selectFrom("portal_link_skipped")
        .select(["stream", sql<string>`sum(count)`.as("total")])
        .groupBy("stream")
        .execute();
      return rows.map(({ stream, total }) => ({ stream, count: Number(total) }));
    },
    held: async (stream, { after, limit }) => {
      const rows = await db
        .selectFrom("portal_link_held")
        .select(["id", "record"])
        .where("stream", "=", stream)
        .where("id", ">", String(after))
        .orderBy("id")
        .limit(limit)
        .execute();
      return rows.map(({ id, record }) => ({ id: Number(id), record }));
    },
  };
}
