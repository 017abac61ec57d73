import type { Clock } from "@tms/records";
import { type Accounts, type Audit, registerSessionRoutes } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";

/** Set-up, log-on and sessions of the mitigator's console; its one role is Administrator. */
export function registerAccountRoutes(
  app: FastifyInstance,
  deps: {
    accounts: Accounts;
    audit: Audit;
    about(): { name: string; zone: string; version: string; demoKeys: boolean; certificateEndsAt?: string | null };
    clock: Clock;
  },
): void {
  registerSessionRoutes(app, {
    accounts: deps.accounts,
    audit: deps.audit,
    product: "mitigator",
    about: () => deps.about(),
    clock: deps.clock,
  });
}
