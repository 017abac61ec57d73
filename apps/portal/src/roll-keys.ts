import { openKeyRoll, type RollOrder, type RollParty, type RollReport, takeRollStep } from "@tms/link";
import { type Clock, type Registration, systemClock } from "@tms/records";
import { type BesideServer, createAudit } from "@tms/server-kit";
import { PROVIDER } from "#app/core/index.ts";
import { createTrustStore } from "#app/heartbeats/index.ts";
import { createRegistrationStore } from "#app/registration/index.ts";

export interface RollPlace {
  db: Pick<BesideServer, "app" | "provider">;
  dataDir: string;
  clock?: Clock;
}

/** A step of the roll-over of this portal's CA or SSH host key, beside the running portal or without it. */
export function rollPortalKey(order: RollOrder, { db, dataDir, clock = systemClock }: RollPlace): Promise<RollReport> {
  const audit = createAudit({ db, clock });
  return takeRollStep(order, {
    roll: openKeyRoll(order.key, { directory: dataDir, clock }),
    parties: () => partiesOf(db),
    audit: (action, detail) => audit.write({ actor: order.by, action, subject: "portal", detail }),
  });
}

/** Nobody waits for those that may not come back. */
const COUNTED: readonly Registration[] = ["registered", "unconfirmed", "may-only-renew"];

async function partiesOf(db: RollPlace["db"]): Promise<RollParty[]> {
  const [products, reports] = await Promise.all([
    createRegistrationStore(db).list(PROVIDER),
    createTrustStore(db).reports(PROVIDER),
  ]);
  return products
    .filter(({ registration }) => COUNTED.includes(registration))
    .map(({ id, name, host, customer }) => {
      const { trust, lastSeenAt } = reports.get(id) ?? { trust: null, lastSeenAt: null };
      return { id, name, host, customer, lastSeenAt, trust };
    });
}
