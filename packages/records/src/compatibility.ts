/** One line of the compatibility list: which versions work together over which link protocol. */
export interface CompatibilityRow {
  portal: string;
  /** The oldest and the newest that work with it. */
  mitigators: { from: string; to: string };
  agents: { from: string; to: string };
  protocol: string;
}

/**
 * What works with what. A mitigator up to two minor versions behind works with a portal, an agent up to two behind with
 * its mitigator; `tests/frozen` holds the proof for every protocol listed here. Newest first.
 */
export const COMPATIBILITY: readonly CompatibilityRow[] = [
  { portal: "1.0", mitigators: { from: "1.0", to: "1.0" }, agents: { from: "1.0", to: "1.0" }, protocol: "link/1" },
];
