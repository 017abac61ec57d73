import { join } from "node:path";
import type { Epoch, Sha256 } from "@tms/records";
import { readIfThere, writeDurably } from "../../authority/private-file.ts";
import type { SpoolPlace } from "./batch-files.ts";
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
  ended: { epoch: Epoch; sealedTo: number; head: Sha256 | null }[];
  /** Batch files of an ended epoch whose records still have to be sealed into this one. */
  carry: string[];
}

const MAX_ENDED = 64;

export async function loadState(place: SpoolPlace, newEpoch: () => Epoch): Promise<SpoolState> {
  const text = await readIfThere(join(place.directory, "state.json"), place.disk);
  if (text !== null) return JSON.parse(text) as SpoolState;
  const state = freshState(newEpoch());
  await saveState(place, state);
  return state;
}

export function saveState({ disk, directory }: SpoolPlace, state: SpoolState): Promise<void> {
  return writeDurably(join(directory, "state.json"), JSON.stringify(state), disk);
}

/** The state at the begin of a new epoch; cursors go on, numbers do not. */
export function nextEpochState(state: SpoolState, next: { epoch: Epoch; carry: string[] }): SpoolState {
  const ended = [...state.ended, { epoch: state.epoch, sealedTo: state.sealedTo, head: state.head }].slice(-MAX_ENDED);
  const { epoch, carry } = next;
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

function freshState(epoch: Epoch): SpoolState {
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
