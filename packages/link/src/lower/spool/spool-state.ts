import { join } from "node:path";
import type { Epoch, Sha256 } from "@tms/records";
import { readIfThere, writeDurably } from "../../authority/private-file.ts";
import { readSummed, withSum } from "../summed-json.ts";
import type { SpoolPlace } from "./spool-place.ts";
import type { SpoolCursor } from "./spool-port.ts";

/** The small durable memory of one stream; everything else follows from the files beside it. */
export interface SpoolState {
  v: 1;
  epoch: Epoch;
  /** The ledger's figure "sent": numbers below are sealed. */
  sealedTo: number;
  head: Sha256 | null;
  /** Numbers below are acknowledged. */
  ackedTo: number;
  ackedHead: Sha256 | null;
  /** When the upper party last acknowledged a batch of ours; states of before do not know it. */
  ackedAt?: string | null;
  /** Cursors of sealed records, newest per source; open ones stand in the segments. */
  cursors: SpoolCursor[];
  /** Ledger of the epochs before, newest last. */
  ended: EndedEpoch[];
  /** What still has to be sealed into this epoch, in this order. */
  carry: CarryRange[];
}

export interface EndedEpoch {
  epoch: Epoch;
  sealedTo: number;
  head: Sha256 | null;
  /** Numbers below were acknowledged under it; all others went on into a later one. States of before do not know it. */
  ackedTo?: number;
}

/** Numbers of an ended epoch. */
export interface CarryRange {
  epoch: Epoch;
  from: number;
  to: number;
}

const MAX_ENDED = 64;

/** null = there is none, or none that can be believed. */
export async function loadState(place: SpoolPlace): Promise<SpoolState | null> {
  const text = await readIfThere(join(place.directory, "state.json"), place.disk);
  const state = text === null ? null : (readSummed(text) as StoredState | null);
  return state === null ? null : { ...state, carry: rangesOf(state) };
}

export function saveState({ disk, directory }: SpoolPlace, state: SpoolState): Promise<void> {
  return writeDurably(join(directory, "state.json"), withSum(state), disk);
}

/** The state at the begin of a new epoch; cursors go on, numbers do not. */
export function nextEpochState(
  state: SpoolState,
  next: { epoch: Epoch; carry: CarryRange[]; ended: EndedEpoch[] },
): SpoolState {
  const { epoch, carry } = next;
  const ended = next.ended.slice(-MAX_ENDED);
  return { ...freshState(epoch), ackedAt: state.ackedAt ?? null, cursors: state.cursors, ended, carry };
}

export function mergeCursors(known: readonly SpoolCursor[], more: readonly SpoolCursor[]): SpoolCursor[] {
  const merged = new Map<string, SpoolCursor>();
  for (const cursor of [...known, ...more]) {
    const key = `${cursor.agent}/${cursor.stream}/${cursor.epoch}`;
    const before = merged.get(key);
    if (before === undefined || before.number < cursor.number) merged.set(key, cursor);
  }
  return [...merged.values()];
}

export function freshState(epoch: Epoch): SpoolState {
  return {
    v: 1,
    epoch,
    sealedTo: 0,
    head: null,
    ackedTo: 0,
    ackedHead: null,
    cursors: [],
    ended: [],
    carry: [],
  };
}

/** Before there were ranges, the files themselves were listed: all of the epoch that had just ended. */
type StoredState = Omit<SpoolState, "carry"> & { carry: (CarryRange | string)[] };

function rangesOf({ carry, ended }: StoredState): CarryRange[] {
  const [first] = carry;
  const last = ended.at(-1);
  if (typeof first !== "string" || last === undefined) return carry.filter((one) => typeof one !== "string");
  const from = Number(/(\d{16})\.[0-9a-f]{64}\.batch$/.exec(first)?.[1] ?? 0);
  return [{ epoch: last.epoch, from, to: last.sealedTo }];
}
