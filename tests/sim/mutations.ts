import type { Disk } from "@tms/link";
import type { Epoch } from "@tms/records";
import type { IndexStreamDeps } from "../../apps/portal/src/event-index/index-stream.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A mistake that the simulation must catch, made where the parts are put together: the parts themselves are shipped. */
export interface Mutation {
  portalDisk?(disk: Disk, time: VirtualTime): Disk;
  indexedEvents?(events: IndexStreamDeps["events"]): IndexStreamDeps["events"];
  newEpoch?(newEpoch: () => Epoch): () => Epoch;
}

export const MUTATION_NAMES = ["ack-before-fsync", "skip-dedup", "reuse-epoch"] as const;
export type MutationName = (typeof MUTATION_NAMES)[number];

/** A write-back cache that says "synced" so long before it is. */
const LATE_SYNC_MS = 2000;

export const MUTATIONS: Record<MutationName, Mutation> = {
  "ack-before-fsync": {
    portalDisk: (disk, time) => ({
      ...disk,
      open: async (path, how) => {
        const file = await disk.open(path, how);
        return { ...file, sync: async () => late(time, () => file.sync()) };
      },
      syncDirectory: async (path) => late(time, () => disk.syncDirectory(path)),
    }),
  },
  "skip-dedup": {
    indexedEvents: (events) => ({ ...events, present: async () => new Map() }),
  },
  "reuse-epoch": {
    newEpoch: (newEpoch) => {
      let first: Epoch | null = null;
      return () => {
        first ??= newEpoch();
        return first;
      };
    },
  },
};

function late(time: VirtualTime, sync: () => Promise<void>): void {
  time.after(LATE_SYNC_MS, () => {
    // A directory that is gone by then needs no sync any more.
    void sync().catch(() => undefined);
  });
}
