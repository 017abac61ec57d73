import type { Ceremony } from "./ceremony.ts";
import type { Installation } from "./installation.ts";
import type { Planted } from "./plant/plant.ts";
import type { SealedTruth } from "./sealed-truth.ts";

/** What the steps of the loop pass on to each other. */
export interface LoopContext {
  protocol: "ssh" | "ssl";
  seed: number;
  installation: Installation;
  ceremony: Ceremony;
  truth: SealedTruth;
  /** Every planted process so far; whoever ends the loop ends them. */
  planting: Planted["processes"];
  /** Set by the step that learns it; a later step that needs it fails if it is missing. */
  found: Partial<Found>;
}

export interface Found {
  customer: string;
  product: string;
  planted: Planted;
  /** Ids of detections from before the planting. */
  earlierDetections: ReadonlySet<string>;
  /** How often each endpoint had asked for a pattern before the planting. */
  earlierRequests: ReadonlyMap<string, number>;
  endpoint: string;
  otherEndpoint: string;
  threat: string;
  event: string;
  case: string;
  pattern: string;
  version: number;
  incident: string;
  chainFile: string;
  expectedFile: string;
  packagePath: string;
  packageSha256: string;
  html: string;
  pdf: string;
}

export function need<Key extends keyof Found>(context: LoopContext, key: Key): Found[Key] {
  const value = context.found[key];
  if (value === undefined) throw new Error(`the step before did not find the ${key}`);
  return value;
}
