// Who speaks as a product: one installation, or two; shown beside the state and never folded into it.

/** What tells one installation from its copy. */
export interface Speaker {
  instanceId: string;
  host: string;
  address: string;
  version: string;
  start: string;
  /** Milliseconds of the portal's clock. */
  firstSeenMs: number;
  lastSeenMs: number;
}

/** What the heartbeats keep of them. */
export interface SpeakersWatch {
  face: Speaker;
  rival: { face: Speaker; isAlive: boolean } | null;
  clone: { faces: [Speaker, Speaker] } | null;
}

/**
 * - `being-told-apart`: another start of it speaks and waits; it is a restored backup or a copy, and soon known as one.
 * - `clone-suspected`: both are alive, and neither is served.
 */
export interface IdentityFact {
  identity: "one" | "being-told-apart" | "clone-suspected";
  speakers: readonly Speaker[];
}

export function identityOf(clonedAt: Date | null, watch: SpeakersWatch | null): IdentityFact {
  if (clonedAt !== null) return { identity: "clone-suspected", speakers: watch?.clone?.faces ?? [] };
  // One that never answered its challenge may be a request that came late.
  if (watch?.rival?.isAlive) return { identity: "being-told-apart", speakers: [watch.face, watch.rival.face] };
  return { identity: "one", speakers: [] };
}
