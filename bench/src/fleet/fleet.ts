import { join } from "node:path";
import { type Child, startChild } from "../child.ts";
import type { FleetOrder, FleetReport } from "./fleet-process.ts";

/** A process full of products. */
export type Fleet = Child<FleetOrder, FleetReport>;

export function startFleet(): Fleet {
  return startChild(join(import.meta.dirname, "fleet-process.ts"));
}
