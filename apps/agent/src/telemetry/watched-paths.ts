import { existsSync, realpathSync } from "node:fs";
import { basename, dirname } from "node:path";

const SLASH = 0x2f;

/** Which paths the agent looks at: below a watched folder, and not below a folder of its own. */
export interface WatchedPaths {
  readonly folders: readonly Buffer[];
  readonly own: readonly Buffer[];
  has(path: Buffer): boolean;
  isOwn(path: Buffer): boolean;
}

/** Folders are resolved once at start, because /proc and the watcher speak of real paths. */
export function createWatchedPaths(folders: readonly string[], own: readonly string[]): WatchedPaths {
  const resolved = folders.map(realPath);
  const kept = own.map(realPath);
  const isOwn = (path: Buffer): boolean => kept.some((folder) => isBelow(path, folder));
  return {
    folders: resolved,
    own: kept,
    isOwn,
    has: (path) => resolved.some((folder) => isBelow(path, folder)) && !isOwn(path),
  };
}

/** By whole components: `/a/bc` is not below `/a/b`. */
export function isBelow(path: Buffer, folder: Buffer): boolean {
  if (path.length === folder.length) return path.equals(folder);
  if (folder.length === 1 && folder[0] === SLASH) return path[0] === SLASH;
  return path.length > folder.length && path[folder.length] === SLASH && path.subarray(0, folder.length).equals(folder);
}

/** The real path of something that need not exist yet: of its nearest folder that does, and the rest as it stands. */
export function realPath(path: string): Buffer {
  if (existsSync(path) || path === dirname(path)) return realpathSync(path, { encoding: "buffer" });
  return Buffer.concat([realPath(dirname(path)), Buffer.from(`/${basename(path)}`)]);
}
