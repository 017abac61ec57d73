import { basename, dirname } from "node:path/posix";
import type { Disk, DiskFile } from "@tms/link";
import type { Random } from "./random.ts";
import type { VirtualTime } from "./virtual-time.ts";

type DiskTime = Pick<VirtualTime, "sleep" | "awaitThreads">;

// A disk in memory that keeps no more than it promised.
// I1  A power loss takes what was not synced: of a file's bytes since `sync`, and of a directory's names since
//     `syncDirectory`, any part in the order it came may be there, and a torn end may hold rubbish.
// I2  A kill takes nothing that was done, but the operation it fell into may be half done.
// I3  Nobody hears of an operation of a process that died: its promise stays open for ever.

interface FileNode {
  kind: "file";
  data: Buffer;
  synced: Buffer;
  modifiedMs: number;
}

interface DirectoryNode {
  kind: "directory";
  entries: Map<string, Node>;
  /** Names as of the last `syncDirectory`, and what was done to them since. */
  durable: Map<string, Node>;
  pending: Map<string, Node>[];
}

type Node = FileNode | DirectoryNode;

export interface DiskProcess {
  alive: boolean;
}

export class VirtualDisk {
  #root: DirectoryNode = newDirectory();
  #usedBytes = 0;
  /** Bytes that fit on it. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** How often it said that it is full. */
  refusals = 0;
  #killAfter: { operations: number; kill: () => void } | null = null;
  readonly #time: DiskTime;
  readonly #random: Random;
  readonly #now: () => Date;
  readonly #holdsBatches: boolean;

  constructor(deps: { time: DiskTime; random: Random; now: () => Date; holdsBatches?: boolean }) {
    this.#holdsBatches = deps.holdsBatches ?? false;
    this.#time = deps.time;
    this.#random = deps.random;
    this.#now = deps.now;
  }

  /** Directories that were there before the simulation began. */
  install(paths: readonly string[]): void {
    for (const path of paths) this.#makeDirectory(path);
    this.#root = copyOf(this.#root) as DirectoryNode;
  }

  get isFull(): boolean {
    return this.capacityBytes !== Number.POSITIVE_INFINITY;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** `kill` is called in the middle of the n-th operation from now that changes something. */
  killInOperation(operations: number, kill: () => void): void {
    this.#killAfter = { operations, kill };
  }

  /** What was planned by `killInOperation` does not come. */
  spare(): void {
    this.#killAfter = null;
  }

  losePower(): void {
    this.#root = this.#afterPowerLoss(this.#root) as DirectoryNode;
    this.#usedBytes = sizeOf(this.#root);
  }

  /** Everything on it, as a backup takes it. */
  image(): DirectoryNode {
    return copyOf(this.#root) as DirectoryNode;
  }

  restore(image: DirectoryNode): void {
    this.#root = copyOf(image) as DirectoryNode;
    this.#usedBytes = sizeOf(this.#root);
  }

  /** Changes one bit of one file whose path matches, as rot does; false if there is none. */
  rot(pattern: RegExp): string | null {
    const files = [...filesOf(this.#root, "")].filter(([path, file]) => pattern.test(path) && file.data.length > 0);
    if (files.length === 0) return null;
    const [path, file] = this.#random.pick(files);
    const at = this.#random.between(0, file.data.length - 1);
    file.data = flipped(file.data, at, this.#random.between(0, 7));
    file.synced = Buffer.from(file.data);
    return path;
  }

  readNow(path: string): Buffer | null {
    const node = this.#find(path);
    return node?.kind === "file" ? node.data : null;
  }

  /** The disk as one process sees it. */
  of(process: DiskProcess): Disk {
    const does = <T>(work: () => T): Promise<T> => this.#does(process, work);
    const changes = <T>(work: (part: number) => T): Promise<T> => this.#changes(process, work);
    const waits = (work: () => void): Promise<void> => this.#waits(process, work);
    return {
      makeDirectory: (path) => changes(() => this.#makeDirectory(path)),
      list: (path) => does(() => [...this.#directory(path).entries.keys()]),
      read: (path) =>
        does(() => {
          // What is read may be decoded.
          this.#time.awaitThreads();
          return Buffer.from(this.#file(path).data);
        }),
      stat: (path) =>
        does(() => {
          const file = this.#file(path);
          return { sizeBytes: file.data.length, modifiedAt: new Date(file.modifiedMs) };
        }),
      open: (path, how) =>
        how === "read"
          ? does(() => this.#handle(process, this.#file(path)))
          : changes(() => this.#handle(process, this.#create(path, how))),
      copy: (from, to) =>
        changes(() => {
          const { data } = this.#file(from);
          this.#write(this.#create(to, "overwrite"), { bytes: data, at: 0, part: 1 });
        }),
      truncate: (path, sizeBytes) => changes(() => this.#truncate(this.#file(path), sizeBytes)),
      rename: (from, to) => changes(() => this.#rename(from, to)),
      remove: (path) => changes(() => this.#remove(path)),
      setModified: (path, at) =>
        does(() => {
          this.#file(path).modifiedMs = at.getTime();
        }),
      syncDirectory: (path) =>
        waits(() => {
          const directory = this.#directory(path);
          directory.durable = new Map(directory.entries);
          directory.pending = [];
        }),
    };
  }

  #handle(process: DiskProcess, file: FileNode): DiskFile {
    return {
      readStart: (maxBytes) => this.#does(process, () => Buffer.from(file.data.subarray(0, maxBytes))),
      write: (bytes, at) => this.#changes(process, (part) => this.#write(file, { bytes, at, part })),
      truncate: (sizeBytes) => this.#changes(process, () => this.#truncate(file, sizeBytes)),
      sync: () =>
        this.#waits(process, () => {
          file.synced = file.data;
        }),
      close: () => this.#does(process, () => undefined),
    };
  }

  async #does<T>(process: DiskProcess, work: () => T): Promise<T> {
    return process.alive ? work() : never();
  }

  async #changes<T>(process: DiskProcess, work: (part: number) => T): Promise<T> {
    if (!process.alive) return never();
    const killing = this.#killAfter;
    if (killing !== null) {
      killing.operations -= 1;
      if (killing.operations <= 0) {
        this.#killAfter = null;
        if (this.#random.chance(0.5)) work(this.#random.float());
        killing.kill();
        if (!process.alive) return never();
      }
    }
    return work(1);
  }

  /** What takes time on a disk: everything else is done in its memory. */
  async #waits(process: DiskProcess, work: () => void): Promise<void> {
    if (!process.alive) return never();
    await this.#time.sleep(this.#random.between(1, 12));
    // The intake ends its decoding once the file is synced.
    if (this.#holdsBatches) this.#time.awaitThreads();
    return this.#does(process, work);
  }

  #makeDirectory(path: string): string | undefined {
    const found = this.#find(path);
    if (found?.kind === "directory") return undefined;
    if (found !== undefined) throw failure("EEXIST", path);
    const above = dirname(path);
    const first = this.#makeDirectory(above);
    this.#setEntries(this.#directory(above), [[basename(path), newDirectory()]]);
    return first ?? path;
  }

  #create(path: string, how: "overwrite" | "create"): FileNode {
    const directory = this.#directory(dirname(path));
    const found = directory.entries.get(basename(path));
    if (found?.kind === "directory") throw failure("EISDIR", path);
    if (found !== undefined && how === "create") throw failure("EEXIST", path);
    if (found !== undefined) {
      this.#truncate(found, 0);
      return found;
    }
    if (this.#usedBytes >= this.capacityBytes) this.#refuse(path);
    const empty = Buffer.alloc(0);
    const file: FileNode = { kind: "file", data: empty, synced: empty, modifiedMs: this.#now().getTime() };
    this.#setEntries(directory, [[basename(path), file]]);
    return file;
  }

  #write(file: FileNode, { bytes, at, part }: { bytes: Uint8Array; at: number; part: number }): void {
    const room = this.capacityBytes - this.#usedBytes + Math.max(0, file.data.length - at);
    const count = Math.min(part < 1 ? Math.floor(bytes.length * part) : bytes.length, Math.max(0, room));
    const size = Math.max(file.data.length, at + count);
    const grown = Buffer.alloc(size);
    file.data.copy(grown);
    grown.set(bytes.subarray(0, count), at);
    this.#usedBytes += size - file.data.length;
    file.data = grown;
    file.modifiedMs = this.#now().getTime();
    if (count < bytes.length && part >= 1) this.#refuse("write");
  }

  #truncate(file: FileNode, sizeBytes: number): void {
    this.#usedBytes += sizeBytes - file.data.length;
    const cut = Buffer.alloc(sizeBytes);
    file.data.copy(cut);
    file.data = cut;
  }

  #rename(from: string, to: string): void {
    const [source, target] = [this.#directory(dirname(from)), this.#directory(dirname(to))];
    const node = source.entries.get(basename(from));
    if (node === undefined) throw failure("ENOENT", from);
    const replaced = target.entries.get(basename(to));
    if (replaced !== undefined) this.#usedBytes -= sizeOf(replaced);
    if (source === target) {
      this.#setEntries(source, [
        [basename(to), node],
        [basename(from), null],
      ]);
      return;
    }
    this.#setEntries(target, [[basename(to), node]]);
    this.#setEntries(source, [[basename(from), null]]);
  }

  #remove(path: string): void {
    const directory = this.#find(dirname(path));
    const node = directory?.kind === "directory" ? directory.entries.get(basename(path)) : undefined;
    if (directory?.kind !== "directory" || node === undefined) return;
    this.#usedBytes -= sizeOf(node);
    this.#setEntries(directory, [[basename(path), null]]);
  }

  /** One change of names; it is made durable whole or not at all. */
  #setEntries(directory: DirectoryNode, changes: [string, Node | null][]): void {
    for (const [name, node] of changes) {
      if (node === null) directory.entries.delete(name);
      else directory.entries.set(name, node);
    }
    directory.pending.push(new Map(directory.entries));
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split("/")) {
      if (name === "" || name === ".") continue;
      node = node?.kind === "directory" ? node.entries.get(name) : undefined;
    }
    return node;
  }

  #directory(path: string): DirectoryNode {
    const node = this.#find(path);
    if (node?.kind !== "directory") throw failure("ENOENT", path);
    return node;
  }

  #file(path: string): FileNode {
    const node = this.#find(path);
    if (node?.kind !== "file") throw failure("ENOENT", path);
    return node;
  }

  #refuse(path: string): never {
    this.refusals += 1;
    throw failure("ENOSPC", path);
  }

  #afterPowerLoss(node: Node): Node {
    if (node.kind === "file") {
      const data = this.#torn(node);
      return { ...node, data, synced: data };
    }
    const kept = this.#random.between(0, node.pending.length);
    const names = kept === 0 ? node.durable : (node.pending[kept - 1] ?? node.durable);
    const entries = new Map([...names].map(([name, child]) => [name, this.#afterPowerLoss(child)]));
    return { kind: "directory", entries, durable: new Map(entries), pending: [] };
  }

  #torn({ data, synced }: FileNode): Buffer {
    if (data.equals(synced)) return Buffer.from(synced);
    const cut = this.#random.between(0, Math.max(data.length, synced.length));
    const torn = Buffer.concat([data.subarray(0, cut), synced.subarray(cut)]);
    const isRubbish = torn.length > synced.length && this.#random.chance(0.3);
    return isRubbish ? Buffer.concat([torn, this.#random.bytes(this.#random.between(1, 64))]) : torn;
  }
}

export type DiskImage = ReturnType<VirtualDisk["image"]>;

export function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at);
  return changed;
}

/** What a dead process awaits. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

function newDirectory(): DirectoryNode {
  return { kind: "directory", entries: new Map(), durable: new Map(), pending: [] };
}

function copyOf(node: Node): Node {
  if (node.kind === "file") {
    const data = Buffer.from(node.data);
    return { ...node, data, synced: data };
  }
  const entries = new Map([...node.entries].map(([name, child]) => [name, copyOf(child)]));
  return { kind: "directory", entries, durable: new Map(entries), pending: [] };
}

function* filesOf(node: Node, path: string): Generator<[string, FileNode]> {
  if (node.kind === "file") yield [path, node];
  else for (const [name, child] of node.entries) yield* filesOf(child, `${path}/${name}`);
}

function sizeOf(node: Node): number {
  let bytes = 0;
  for (const [, file] of filesOf(node, "")) bytes += file.data.length;
  return bytes;
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code} ${path}`), { code });
}
