import type { Position } from "@tms/contracts/link";
import type { Epoch } from "@tms/records";
import type { BatchFile } from "./batch-files.ts";
import type { CarryRange, EndedEpoch, SpoolState } from "./spool-state.ts";

// A stream's epochs in their order, and where in them the upper party stands. Pure.
// E1  A batch that was acknowledged under an epoch that ended is kept like every other. An upper party that stands before
//     its end was restored and has lost it: a new epoch carries it over again.
// E2  What is no longer kept is declared where the position says that it was lost. A position that names no epoch of ours says
//     nothing: then we were restored, and all that is kept goes up again, in case both were.

export type ChainState = Pick<SpoolState, "epoch" | "sealedTo" | "head" | "ackedTo" | "ended">;

/** Everything before it lies with the upper party: `next` in the epoch that stands at `index`, and all epochs before. */
export interface Standing {
  index: number;
  next: number;
}

/** Where the acknowledgements say that the upper party stands. */
export function acknowledgedStanding({ ended, ackedTo }: ChainState): Standing {
  return { index: ended.length, next: ackedTo };
}

/**
 * Where a position lies in our epochs; null where nothing can be concluded from it.
 *
 * @param continues Whether what we keep of the epoch goes on from there.
 */
export function standingOf(
  state: ChainState,
  position: Position | null,
  continues: (position: Position) => boolean,
): Standing | null {
  if (position === null) return { index: 0, next: 0 };
  const epochs = chainOf(state);
  const index = epochs.findLastIndex(({ epoch }) => epoch === position.epoch);
  const known = epochs[index];
  if (known === undefined) return null;
  if (position.next >= known.ackedTo) return { index, next: known.ackedTo };
  return continues(position) ? { index, next: position.next } : null;
}

/** Whether something that was acknowledged does not lie before it; `earlier` = under an epoch that ended. */
export function lossAt(state: ChainState, standing: Standing | null): "none" | "present" | "earlier" {
  const { index, next } = standing ?? { index: 0, next: 0 };
  const lost = chainOf(state).map(({ ackedTo }, at) => at >= index && ackedTo > (at === index ? next : 0));
  if (lost.slice(0, -1).includes(true)) return "earlier";
  return lost.at(-1) === true ? "present" : "none";
}

/** What a new epoch takes over if the upper party stands there, and how the epochs before it are remembered then. */
export function planCarry(
  state: ChainState,
  standing: Standing | null,
  kept: readonly BatchFile[],
): { carry: CarryRange[]; ended: EndedEpoch[] } {
  const chain = chainOf(state);
  const carry = chain.flatMap(({ epoch, ackedTo, sealedTo }, at): CarryRange[] => {
    const isPresent = at === chain.length - 1;
    const to = isPresent ? sealedTo : ackedTo;
    const oldest = kept.find((file) => file.header.epoch === epoch)?.header.first ?? to;
    const unsure = Math.min(oldest, isPresent ? ackedTo : to);
    const from = standing === null ? unsure : at < standing.index ? to : at === standing.index ? standing.next : 0;
    return from < to ? [{ epoch, from, to }] : [];
  });
  const ended = chain.map(({ epoch, sealedTo, head, ackedTo }, at) => {
    const stays = standing !== null && at <= standing.index;
    return { epoch, sealedTo, head, ackedTo: !stays ? 0 : at === standing.index ? standing.next : ackedTo };
  });
  return { carry, ended };
}

function chainOf({ ended, epoch, sealedTo, head, ackedTo }: ChainState): (Required<EndedEpoch> & { epoch: Epoch })[] {
  return [...ended.map((one) => ({ ...one, ackedTo: one.ackedTo ?? 0 })), { epoch, sealedTo, head, ackedTo }];
}
