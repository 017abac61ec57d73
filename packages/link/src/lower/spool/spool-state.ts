import { join } from "node:path";
import { type Epoch, newId, type Sha256 } from "@tms/records";
import { readIfThere, writeDurably } from "../../authority/private-file.ts";
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

export async function loadState(directory: string): Promise<SpoolState> {
  const text = await readIfThere(join(directory, "state.json"));
  if (text !== null) return JSON.parse(text) as SpoolState;
  const state = freshState(newId<Epoch>());
  await saveState(directory, state);
  return state;
}

export function saveState(directory: string, state: SpoolState): Promise<void> {
  return writeDurably(join(directory, "state.json"), JSON.stringify(state));
}

/** The state at the begin of a new epoch; cursors go on, numbers do not. */
export function nextEpochState(state: SpoolState, carry: string[]): SpoolState {
  const ended = [...state.ended, { epoch: state.epoch, sealedTo: state.sealedTo, head: state.head }].slice(-MAX_ENDED);
  return { ...freshState(newId<Epoch>()), ackedAt: state.ackedAt ?? null, cursors: state.cursors, ended, carry };
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
