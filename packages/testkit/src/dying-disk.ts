import { type Disk, nodeDisk } from "@tms/link";
import { AppError } from "@tms/records";

/** What a disk that died throws; an `AppError`, so that it passes for a failure of the line where those are expected. */
export class Killed extends AppError {}

/** The disk of this machine under a process that is killed at its n-th change; what was done before stays. */
export class DyingDisk {
  left: number;
  readonly disk: Disk;

  constructor(left: number) {
    this.left = left;
    const dying =
      <Args extends unknown[], Out>(work: (...args: Args) => Promise<Out>) =>
      async (...args: Args): Promise<Out> => {
        if (this.left === 0) throw new Killed("link.timeout", { reason: "killed" });
        this.left -= 1;
        return work(...args);
      };
    this.disk = {
      ...nodeDisk,
      open: dying((path: string, how: "read" | "overwrite" | "create") => nodeDisk.open(path, how)),
      rename: dying((from: string, to: string) => nodeDisk.rename(from, to)),
      remove: dying((path: string) => nodeDisk.remove(path)),
      syncDirectory: dying((path: string) => nodeDisk.syncDirectory(path)),
    };
  }
}
