import type { GapBatchHeader } from "../../batch/batch-header.ts";
import type { NumberedFrame } from "./open-segments.ts";

export type PlannedBatch =
  | { kind: "records"; first: number; lines: string[] }
  | { kind: "gap"; first: number; gap: { count: number } & GapBatchHeader["gap"] };

/**
 * Cuts waiting frames into batches, in order: records up to the limits, gaps apart, neighbouring gaps of one cause
 * together. Records below `from` are sealed already and skipped.
 */
export function planBatches(
  frames: readonly NumberedFrame[],
  options: { from: number; limits: { sealRecords: number; sealPlainBytes: number } },
): PlannedBatch[] {
  const planned: PlannedBatch[] = [];
  let bytes = 0;
  for (const frame of frames) {
    const { gap, n } = frame.meta;
    if (gap !== undefined) {
      if (frame.first >= options.from) addGap(planned, frame.first, { ...gap, count: n });
      continue;
    }
    for (const [index, line] of frame.lines.entries()) {
      if (frame.first + index < options.from) continue;
      const size = Buffer.byteLength(line) + 1;
      const last = planned.at(-1);
      const fits =
        last?.kind === "records" &&
        last.lines.length < options.limits.sealRecords &&
        bytes + size <= options.limits.sealPlainBytes;
      if (fits) last.lines.push(line);
      else planned.push({ kind: "records", first: frame.first + index, lines: [line] });
      bytes = fits ? bytes + size : size;
    }
  }
  return planned;
}

function addGap(planned: PlannedBatch[], first: number, gap: { count: number } & GapBatchHeader["gap"]): void {
  const last = planned.at(-1);
  if (last?.kind === "gap" && last.gap.cause === gap.cause && last.first + last.gap.count === first) {
    last.gap.count += gap.count;
    last.gap.to = gap.to;
    return;
  }
  planned.push({ kind: "gap", first, gap });
}
