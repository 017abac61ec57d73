/**
 * What the link needs of a disk. The names promise nothing about a power loss: only what was synced survives one, a
 * file's bytes by `DiskFile.sync` and its name by `syncDirectory`. Errors carry Node's codes (`ENOENT`, `ENOSPC`, …).
 */
export interface Disk {
  /** With parents, for the owning account alone. Gives the first directory that was made; undefined if all were there. */
  makeDirectory(path: string): Promise<string | undefined>;
  list(path: string): Promise<string[]>;
  read(path: string): Promise<Buffer>;
  stat(path: string): Promise<{ sizeBytes: number; modifiedAt: Date }>;
  /** `read`: must exist. `overwrite`: emptied if it exists. `create`: must not exist. */
  open(path: string, how: "read" | "overwrite" | "create"): Promise<DiskFile>;
  copy(from: string, to: string): Promise<void>;
  truncate(path: string, sizeBytes: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** With everything below it; nothing happens if it is not there. */
  remove(path: string): Promise<void>;
  setModified(path: string, at: Date): Promise<void>;
  /** Makes new, renamed and removed names in the directory survive a power loss. */
  syncDirectory(path: string): Promise<void>;
}

export interface DiskFile {
  /** The first bytes, at most so many. */
  readStart(maxBytes: number): Promise<Buffer>;
  write(bytes: Uint8Array, at: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  /** Makes what was written survive a power loss. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
