import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AppError, type Sha256 } from "@tms/records";
import { pathBytes, pathText } from "@tms/root-cause";
import { anchor, codeOf, holdFolder, type OpenedFile, openAnchored, sameFile, through } from "./anchored.ts";
import { openContainer, sealContainer } from "./container.ts";
import { type Action, type Run, syncFolder } from "./journal.ts";
import { dress, hashOfOpen, stateOf } from "./object-state.ts";

// Moving a file into quarantine and back.
// I1  Never lost, never both: at every moment the bytes are in place, or in staging, or in a whole container; the staged
//     file goes only after the container is on disk, the container only after the restored file is.
// I2  What was moved is compared by device and inode with what was opened and hashed; anything else is put back.
// I3  Restoring never overwrites: the name is taken with link(2), which fails where something stands.

export interface QuarantineStore {
  /** Holds the containers; 0700. */
  directory: string;
  hostKey: Buffer;
  /** Candidates for staging, each on another file system; made 0700 on first use. */
  stagingFolders: readonly string[];
  /** Named points for the test that kills the process at each of them. */
  checkpoint(name: string): void;
  now(): Date;
}

type QuarantineAction = Extract<Action, { verb: "file.quarantine" }>;

/** How often the container is begun anew for a file that somebody still writes. */
const SEAL_TRIES = 3;

/**
 * Moves a file away.
 *
 * @param expected The content the decision was about; another one is `cleanup.target_changed`.
 * @returns Whether other names of the same file (hard links) remain.
 */
export function quarantineFile(
  store: QuarantineStore,
  run: Run,
  order: { n: number; step: string; path: Buffer; expected: Sha256 | null; detection: string },
): { otherNames: number } {
  const file = openAnchored(order.path);
  try {
    const { sha256 } = hashOfOpen(file.fd);
    if (order.expected !== null && sha256 !== order.expected) throw new AppError("cleanup.target_changed", {});
    const staging = stagingFor(store, file);
    const item = randomUUID();
    const action: QuarantineAction = {
      verb: "file.quarantine",
      path: pathText(order.path),
      before: stateOf(file.stat, sha256),
      item,
      staging,
    };
    run.append({ t: "intent", n: order.n, step: order.step, action });
    store.checkpoint("quarantine.intent");
    moveToStaging(file, staging, item);
    store.checkpoint("quarantine.moved");
    finishStaged(store, run, { n: order.n, action, detection: order.detection });
    return { otherNames: Number(file.stat.nlink) - 1 };
  } finally {
    file.close();
  }
}

/** From a staged file to a container; also the way to go on after a crash, from wherever it happened. */
function finishStaged(
  store: QuarantineStore,
  run: Run,
  at: { n: number; action: QuarantineAction; detection: string },
): void {
  const { action, n } = at;
  const staged = join(action.staging, action.item);
  const container = containerPath(store, action.item);
  if (!existsSync(container)) seal(store, { staged, container, action, detection: at.detection });
  store.checkpoint("quarantine.sealed");
  run.append({ t: "preimage", n });
  rmSync(staged, { force: true });
  syncFolder(action.staging);
  store.checkpoint("quarantine.unlinked");
}

function seal(
  store: QuarantineStore,
  what: { staged: string; container: string; action: QuarantineAction; detection: string },
): void {
  const part = `${what.container}.part`;
  const fd = openSync(what.staged, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    for (let tries = 1; ; tries += 1) {
      rmSync(part, { force: true });
      // A process that still has the file open may write on: what is stored is what the container says, by its own hash.
      const { sha256, sizeBytes } = hashOfOpen(fd);
      const before = { ...what.action.before, sha256, sizeBytes };
      const path = pathBytes(what.action.path).toString("base64");
      const header = {
        item: what.action.item,
        path,
        before,
        detection: what.detection,
        quarantinedAt: store.now().toISOString(),
      };
      try {
        sealContainer(fd, part, { host: store.hostKey, header });
        break;
      } catch (error) {
        const stillWritten = error instanceof AppError && error.code === "cleanup.target_changed";
        if (!stillWritten || tries === SEAL_TRIES) throw error;
      }
    }
    store.checkpoint("quarantine.part");
    renameSync(part, what.container);
    syncFolder(store.directory);
  } finally {
    closeSync(fd);
  }
}

function moveToStaging(file: OpenedFile, staging: string, item: string): void {
  const folder = holdFolder(Buffer.from(staging));
  try {
    const staged = through(folder, item);
    renameSync(file.at, staged);
    const moved = lstatSync(staged, { bigint: true });
    if (!sameFile(moved, file.stat)) {
      putBack(staged, file.at, moved.isDirectory());
      throw new AppError("cleanup.target_changed", {});
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new AppError("cleanup.target_missing", {}, { cause: error });
    throw error;
  } finally {
    closeSync(folder);
  }
}

/**
 * What was moved was not what was meant (I2). It goes back to its name; where that is taken by now, beside it under a
 * name that says so: nothing of somebody else's ever stays in our folder.
 */
function putBack(staged: Buffer, name: Buffer, isFolder: boolean): void {
  if (isFolder) {
    renameSync(staged, name);
    return;
  }
  try {
    linkSync(staged, name);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    linkSync(staged, Buffer.concat([name, Buffer.from(`.put-back-${randomUUID()}`)]));
  }
  unlinkSync(staged);
}

/** A staging folder of ours on the file's own file system: only there is a move one step. */
function stagingFor(store: QuarantineStore, file: OpenedFile): string {
  for (const folder of store.stagingFolders) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = statSync(folder, { bigint: true });
    const isOurs = stat.uid === BigInt(process.geteuid?.() ?? 0) && (Number(stat.mode) & 0o077) === 0;
    if (isOurs && stat.dev === file.stat.dev) return folder;
  }
  throw new AppError("cleanup.target_outside", { reason: "no staging folder on this file system" });
}

/** Goes on after a crash between intent and done. @returns Whether the file is in quarantine now. */
export function recoverQuarantine(
  store: QuarantineStore,
  run: Run,
  at: { n: number; action: QuarantineAction },
): boolean {
  const { action } = at;
  rmSync(`${containerPath(store, action.item)}.part`, { force: true });
  const staged = lstatSync(join(action.staging, action.item), { bigint: true, throwIfNoEntry: false });
  if (staged === undefined) return existsSync(containerPath(store, action.item));
  if (String(staged.ino) !== action.before.ino || String(staged.dev) !== action.before.dev) {
    // The crash came between the move and the comparison: what was moved is not what was meant.
    const held = anchor(pathBytes(action.path));
    try {
      putBack(Buffer.from(join(action.staging, action.item)), held.at, staged.isDirectory());
    } finally {
      held.close();
    }
    return false;
  }
  finishStaged(store, run, { ...at, detection: "" });
  return true;
}

/**
 * Puts a file back where it was, with its bytes, owner, mode and times.
 *
 * @throws {AppError} `undo.path_taken`, `quarantine.damaged`, `cleanup.target_missing` (its folder is gone).
 */
export function restoreFile(store: QuarantineStore, action: QuarantineAction): void {
  const container = containerPath(store, action.item);
  const held = anchor(pathBytes(action.path));
  try {
    // Of a restore that a crash cut off; linked already, it would be a second name of the restored file.
    rmSync(tempName(held, action), { force: true });
    if (!existsSync(container)) {
      // A crash after the last step of an earlier undo: the restored file stands there already.
      if (isRestored(held.at, action)) return;
      throw new AppError("quarantine.damaged", { what: "the container is gone" });
    }
    if (!isRestored(held.at, action)) restoreInto(store, held, { action, container });
    rmSync(container);
    syncFolder(store.directory);
  } finally {
    held.close();
  }
}

function restoreInto(
  store: QuarantineStore,
  held: { folder: number; at: Buffer },
  what: { action: QuarantineAction; container: string },
): void {
  if (lstatSync(held.at, { throwIfNoEntry: false }) !== undefined) throw new AppError("undo.path_taken", {});
  const temp = tempName(held, what.action);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(temp, flags, 0o600);
  try {
    const header = openContainer(what.container, store.hostKey, (plain) => {
      for (let done = 0; done < plain.length; ) done += writeSync(fd, plain, done);
    });
    if (pathText(Buffer.from(header.path, "base64")) !== what.action.path) {
      throw new AppError("quarantine.damaged", { what: "another path" });
    }
    dress(fd, header.before, "restore times");
    fsyncSync(fd);
    store.checkpoint("restore.written");
    linkSync(temp, held.at);
    store.checkpoint("restore.linked");
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw new AppError("undo.path_taken", {}, { cause: error });
    throw error;
  } finally {
    closeSync(fd);
    rmSync(temp, { force: true });
  }
}

function tempName(held: { folder: number }, action: QuarantineAction): Buffer {
  return through(held.folder, `.tms-restore-${action.item}`);
}

/** The very bytes stand at the path: the file was restored before. */
function isRestored(at: Buffer, action: QuarantineAction): boolean {
  const stat = lstatSync(at, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size !== action.before.sizeBytes) return false;
  const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return hashOfOpen(fd).sha256 === action.before.sha256;
  } finally {
    closeSync(fd);
  }
}

function containerPath(store: QuarantineStore, item: string): string {
  return join(store.directory, `${item}.tmsq`);
}
