import { dirname, join } from "node:path";
import { type Clock, type Epoch, type LinkRecord, newId, type Stream } from "@tms/records";
import type { Disk } from "../../disk/disk.ts";
import { DurableDirectories } from "../../disk/durable-directories.ts";
import { nodeDisk } from "../../disk/node-disk.ts";
import { SPOOL_LIMITS, type Spool, type SpoolLimits } from "./spool-port.ts";
import { StreamSpool } from "./stream-spool.ts";

/**
 * Opens the spool, cuts what a crash tore, and finishes what it interrupted.
 *
 * This guards against a crash, not against whoever may read the directory: files are 0600 and plain.
 */
export async function openSpool(options: {
  directory: string;
  streams: readonly Stream[];
  clock: Clock;
  limits?: Partial<SpoolLimits>;
  disk?: Disk;
  newEpoch?: () => Epoch;
  /** The stream's memory was damaged: it began a new epoch, and all that lies here is sent (again). */
  onDamage?: (stream: Stream) => void;
}): Promise<Spool> {
  const limits = { ...SPOOL_LIMITS, ...options.limits };
  const { clock, disk = nodeDisk, newEpoch = () => newId<Epoch>() } = options;
  const directories = new DurableDirectories(disk, dirname(options.directory));
  await directories.make(options.directory);
  const spools = new Map<Stream, StreamSpool>();
  const total = () => [...spools.values()].reduce((sum, one) => sum + one.report().spooledBytes, 0);
  for (const stream of options.streams) {
    const place = { disk, directories, directory: join(options.directory, stream) };
    const onDamage = () => options.onDamage?.(stream);
    spools.set(stream, await StreamSpool.open({ place, stream, clock, limits, total, newEpoch, onDamage }));
  }
  const listeners = new Set<(stream: Stream) => void>();
  const of = (stream: Stream): StreamSpool => {
    const found = spools.get(stream);
    if (found === undefined) throw new Error(`The spool was opened without the stream ${stream}`);
    return found;
  };
  const told = async <T>(stream: Stream, work: Promise<T>): Promise<T> => {
    const result = await work;
    for (const listener of listeners) listener(stream);
    return result;
  };
  return {
    streams: options.streams,
    append: (stream, records, how = {}) => told(stream, of(stream).append(records.map(textOf), how)),
    appendGap: (stream, gap, how = {}) => told(stream, of(stream).appendGap(gap, how)),
    report: () => [...spools.values()].map((one) => one.report()),
    cursors: () => [...spools.values()].flatMap((one) => one.cursors()),
    nextBatch: (stream) => of(stream).nextBatch(),
    acknowledge: (stream, digest) => of(stream).acknowledge(digest),
    replaceByGap: (stream, digest, cause) => of(stream).replaceByGap(digest, cause),
    realign: (stream, position) => of(stream).realign(position),
    newEpoch: (stream, told) => of(stream).newEpoch(told),
    onAppend: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      for (const one of spools.values()) await one.close();
    },
  };
}

function textOf(record: LinkRecord): string {
  return JSON.stringify(record);
}
