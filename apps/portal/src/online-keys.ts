import type { CustomerId } from "@tms/records";
import { type BesideServer, createAudit, type SecretBox } from "@tms/server-kit";
import { z } from "zod";
import { PROVIDER } from "#app/core/index.ts";
import { createRepositoryStore } from "#app/patterns/index.ts";

const onlineKeysSchema = z.array(
  z.strictObject({
    customer: z.uuid().transform((text) => text as CustomerId),
    snapshot: z.string().max(10_000),
    timestamp: z.string().max(10_000),
  }),
);

interface Parts {
  db: BesideServer;
  secrets: SecretBox;
}

/** The online keys of every customer; the audit log says that they were taken. */
export async function exportOnlineKeys({ db, secrets }: Parts) {
  const onlineKeys = await createRepositoryStore(db, secrets).exportOnlineKeys(PROVIDER);
  await createAudit({ db }).write({
    actor: "host",
    action: "keys.exported",
    subject: "portal",
    detail: { customers: onlineKeys.length },
  });
  return { schema: "tms.online-keys/1", ok: true, onlineKeys };
}

/** Seals anew what does not open here. */
export async function restoreOnlineKeys({ db, secrets }: Parts, text: string) {
  const store = createRepositoryStore(db, secrets);
  const counts = { good: 0, restored: 0, no_customer: 0 };
  for (const { customer, ...keys } of onlineKeysSchema.parse(JSON.parse(text))) {
    counts[await store.restoreOnlineKeys({ customer }, keys)] += 1;
  }
  if (counts.restored > 0) {
    const { restored } = counts;
    const event = { actor: "host", action: "keys.restored", subject: "portal", detail: { restored } };
    await createAudit({ db }).write(event);
  }
  return { schema: "tms.online-keys/1", ok: true, ...counts };
}
