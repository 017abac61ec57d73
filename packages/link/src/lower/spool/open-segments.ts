import { join } from "node:path";
import { AppError, type Epoch } from "@tms/records";
import type { Disk, DiskFile } from "../../disk/disk.ts";
import { encodeFrame, type Frame, type FrameMeta, lostFrame, readSegment } from "./segment.ts";
import type { SpoolPlace } from "./spool-place.ts";

/** A frame with the number of its first record. */
export interface NumberedFrame extends Frame {
  first: number;
}

interface Segment {
  path: string;
  first: number;
  count: number;
  sizeBytes: number;
  oldestAt: string | null;
}

const NAME = /^([0-9a-f-]{36})\.(\d{1,16})\.segment$/;

/** The append-only files of one stream's unsealed records. A file that a crash left is read and cut, never appended to. */
export class OpenSegments {
  readonly #disk: Disk;
  readonly #directory: string;
  #segments: Segment[] = [];
  #file: DiskFile | null = null;

  private constructor({ disk, directory }: SpoolPlace) {
    this.#disk = disk;
    this.#directory = directory;
  }

  static async open(place: SpoolPlace, epoch: Epoch): Promise<{ segments: OpenSegments; frames: NumberedFrame[] }> {
    const { disk, directories, directory } = place;
    await directories.make(directory);
    const segments = new OpenSegments(place);
    for (const name of await disk.list(directory)) {
      const matched = NAME.exec(name);
      if (matched === null) continue;
      if (matched[1] !== epoch) await disk.remove(join(directory, name));
      else await segments.#recover(join(directory, name), Number(matched[2]));
    }
    segments.#segments.sort((a, b) => a.first - b.first);
    return { segments, frames: await segments.read() };
  }

  get count(): number {
    return this.#segments.reduce((sum, one) => sum + one.count, 0);
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, one) => sum + one.sizeBytes, 0);
  }

  get oldestAt(): string | null {
    return this.#segments.find((one) => one.oldestAt !== null)?.oldestAt ?? null;
  }

  /** Number after the last record here; null if nothing is here. */
  get end(): number | null {
    const last = this.#segments.at(-1);
    return last === undefined ? null : last.first + last.count;
  }

  async append(place: { epoch: Epoch; first: number }, meta: Omit<FrameMeta, "b">, lines: readonly string[]) {
    const segment = await this.#current(place);
    const file = this.#file;
    if (file === null) throw new Error("no segment is open");
    const frame = encodeFrame(meta, lines, segment.count);
    try {
      await file.write(frame, segment.sizeBytes);
      await file.sync();
    } catch (error) {
      await file.truncate(segment.sizeBytes);
      throw new AppError("spool.full", { stream: this.#directory }, { cause: error });
    }
    segment.sizeBytes += frame.length;
    segment.count += meta.n;
    segment.oldestAt ??= meta.t;
  }

  async read(): Promise<NumberedFrame[]> {
    const all: NumberedFrame[] = [];
    for (const segment of this.#segments) {
      let first = segment.first;
      const { frames } = await readSegment(this.#disk, segment.path);
      for (const frame of frames) {
        all.push({ ...frame, first });
        first += frame.meta.n;
      }
      // What was there when it was appended or read last, and is no more.
      const missing = segment.first + segment.count - first;
      if (missing > 0) all.push({ ...lostFrame(missing, frames), first });
    }
    return all;
  }

  /** Everything here is sealed and the state says so. */
  async clear(): Promise<void> {
    await this.close();
    for (const segment of this.#segments.splice(0)) await this.#disk.remove(segment.path);
    await this.#disk.syncDirectory(this.#directory);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #current(place: { epoch: Epoch; first: number }): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (this.#file !== null && last !== undefined) return last;
    const path = join(this.#directory, `${place.epoch}.${place.first}.segment`);
    this.#file = await this.#disk.open(path, "create");
    await this.#disk.syncDirectory(this.#directory);
    const made = { path, first: place.first, count: 0, sizeBytes: 0, oldestAt: null };
    this.#segments.push(made);
    return made;
  }

  async #recover(path: string, first: number): Promise<void> {
    const { frames, goodBytes, sizeBytes } = await readSegment(this.#disk, path);
    if (goodBytes < sizeBytes) {
      // Usually the torn tail of an append that nobody was told of; kept aside all the same, in case a disk lied.
      await this.#disk.copy(path, `${path}.torn`);
      await this.#disk.truncate(path, goodBytes);
    }
    if (frames.length === 0) {
      await this.#disk.remove(path);
      return;
    }
    const count = frames.reduce((sum, frame) => sum + frame.meta.n, 0);
    this.#segments.push({ path, first, count, sizeBytes: goodBytes, oldestAt: frames[0]?.meta.t ?? null });
  }
}

/**
 * Gives all that lies here to another epoch, from a number of it on. The segments of several epochs follow each other in the
 * order in which they were begun.
 *
 * @returns How many there are.
 */
export async function renameSegments(place: SpoolPlace, to: { epoch: Epoch; first: number }): Promise<number> {
  const { disk, directories, directory } = place;
  await directories.make(directory);
  const found: { name: string; atMs: number; first: number }[] = [];
  for (const name of await disk.list(directory)) {
    const matched = NAME.exec(name);
    if (matched === null) continue;
    const { modifiedAt } = await disk.stat(join(directory, name));
    found.push({ name, atMs: modifiedAt.getTime(), first: Number(matched[2]) });
  }
  found.sort((one, other) => one.atMs - other.atMs || one.first - other.first);
  let { first } = to;
  for (const { name } of found) {
    const { frames } = await readSegment(disk, join(directory, name));
    await disk.rename(join(directory, name), join(directory, `${to.epoch}.${first}.segment`));
    first += frames.reduce((sum, frame) => sum + frame.meta.n, 0);
  }
  await disk.syncDirectory(directory);
  return found.length;
}
