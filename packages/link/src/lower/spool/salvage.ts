import { join } from "node:path";
import type { Epoch } from "@tms/records";
import { type BatchFile, listBatchFiles } from "./batch-files.ts";
import { renameSegments } from "./open-segments.ts";
import type { SpoolPlace } from "./spool-place.ts";
import { freshState, loadState, type SpoolState, saveState } from "./spool-state.ts";

/** The state of a stream, or the one that follows where there is none that can be believed. */
export async function openState(
  place: SpoolPlace,
  how: { newEpoch: () => Epoch; onDamage: () => void },
): Promise<SpoolState> {
  const known = await loadState(place);
  if (known !== null) return known;
  const { state, isDamaged } = await salvage(place, how.newEpoch());
  if (isDamaged) how.onDamage();
  return state;
}

/**
 * A stream whose state cannot be believed, or is gone, begins a new epoch and carries over everything that lies beside it:
 * what was acknowledged cannot be told from what was not, and the upper party knows repeated records by their ids. A crash
 * on the way leaves the damaged state, and all is done again.
 */
async function salvage(place: SpoolPlace, epoch: Epoch): Promise<{ state: SpoolState; isDamaged: boolean }> {
  const { disk, directories, directory } = place;
  const all = join(directory, "batches");
  await directories.make(all);
  const epochs: BatchFile[][] = [];
  for (const name of await disk.list(all)) {
    const files = await listBatchFiles(place, name as Epoch);
    if (files.length > 0) epochs.push(files);
  }
  epochs.sort((one, other) => newestOf(one) - newestOf(other));
  const carry = epochs.flatMap((files) => {
    const [first, last] = [files[0]?.header, files.at(-1)?.header];
    if (first === undefined || last === undefined) return [];
    return [{ epoch: first.epoch, from: first.first, to: last.first + last.count }];
  });
  const ended = carry.map((range) => ({ epoch: range.epoch, sealedTo: range.to, head: null, ackedTo: 0 }));
  const state = { ...freshState(epoch), ended, carry };
  const firstOpen = carry.reduce((sum, { from, to }) => sum + to - from, 0);
  const opened = await renameSegments({ ...place, directory: join(directory, "open") }, { epoch, first: firstOpen });
  await saveState(place, state);
  return { state, isDamaged: carry.length > 0 || opened > 0 };
}

function newestOf(files: readonly BatchFile[]): number {
  return Math.max(...files.map((file) => file.touchedAt.getTime()));
}
