/** The six tones of the consoles; each has a colour and an outline of its own (design, section 2.2). */
export const TONES = ["ok", "move", "wait", "fail", "still", "gap"] as const;
export type Tone = (typeof TONES)[number];

/** What distinguishes the circles of tone `still`: off on purpose, away or not needed, ended. */
export type StillShape = "paused" | "away" | "ended";

/** Whose turn it is; every page answers this first. */
export const TURNS = ["you", "other-person", "portal", "endpoint", "nobody"] as const;
export type Turn = (typeof TURNS)[number];

export interface StateRow {
  text: string;
  tone: Tone;
  still?: StillShape;
}
