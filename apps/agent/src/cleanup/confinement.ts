import { isProtectedPath } from "@tms/patterns";
import { AppError } from "@tms/records";
import { isBelow } from "#app/telemetry/index.ts";

/** What a cleanup may touch at all, whatever a pattern says. */
export interface Confinement {
  /** Real path; null = the whole machine but for the protected list. */
  root: Buffer | null;
  /** The agent's own folders: data, quarantine, program. */
  own: readonly Buffer[];
}

/** @throws {AppError} `cleanup.target_protected`, `cleanup.target_outside`. */
export function checkFile(confinement: Confinement, path: Buffer): void {
  if (confinement.own.some((folder) => isBelow(path, folder))) throw new AppError("cleanup.target_protected", {});
  if (confinement.root !== null && !isBelow(path, confinement.root)) throw new AppError("cleanup.target_outside", {});
  // Latin-1 keeps every byte apart; the protected list itself is ASCII.
  if (isProtectedPath(path.toString("latin1"))) throw new AppError("cleanup.target_protected", {});
}
