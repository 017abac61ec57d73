import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority } from "@tms/link";
import { type Clock, systemClock } from "@tms/records";

/** A real certificate authority in a directory of its own, which goes with it. */
export async function createTestCa(
  options: { name?: string; clock?: Clock } = {},
): Promise<Authority & { [Symbol.asyncDispose](): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "tms-ca-"));
  const authority = await createAuthority({
    directory,
    name: options.name ?? "Test CA",
    clock: options.clock ?? systemClock,
  });
  return { ...authority, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}
