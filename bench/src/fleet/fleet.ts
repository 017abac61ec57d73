import { join } from "node:path";
import { type Child, startChild } from "../child.ts";
import type { FleetOrder, FleetReport } from "./fleet-process.ts";

/** A process full of products. */
export type Fleet = Child<FleetOrder, FleetReport>;

export function startFleet(): Fleet {
  return startChild(join(import.meta.dirname, "fleet-process.ts"));
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
