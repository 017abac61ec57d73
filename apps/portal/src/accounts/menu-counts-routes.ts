import { portalAccessRoutes } from "@tms/contracts/portal";
import { implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";

/** What waits for a person, for the menu. */
export interface MenuCounts {
  products: number;
  incidents: number;
  cases: number;
}

export function registerMenuCountsRoute(app: FastifyInstance, deps: { counts(): Promise<MenuCounts> }): void {
  implement(app, portalAccessRoutes.menuCounts, () => deps.counts());
}
