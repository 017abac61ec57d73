import { join } from "node:path";
import { AppError } from "@tms/records";
import { z } from "zod";
import type { Disk } from "../disk/disk.ts";
import { readIfThere, writeDurably } from "./private-file.ts";

// How a key rolls over, on the disk of the upper party.
// R1  The next key and how far it has come are one file, beside the files of the present key, for the owner alone. Each
//     step is one rename of it: a crash leaves the step done or not done.
// R2  `announced`: the present key serves, both are told. `switched`: the next serves, both are told. `retired`: the next
//     is the present one; its bytes are being put into the present key's files, and then the record goes (I3 of
//     renewal-keys.ts, at the other end of the hop). Whoever reads `retired` takes the next key for the present one.

export const ROLLED_KEYS = ["ca", "ssh-host-key"] as const;
export type RolledKey = (typeof ROLLED_KEYS)[number];

/** The record's file beside the key's own. */
export const ROLL_FILES: Record<RolledKey, string> = { ca: "ca-roll.json", "ssh-host-key": "ssh-host-key-roll.json" };

export const ROLL_PHASES = ["announced", "switched", "retired"] as const;
export type RollPhase = (typeof ROLL_PHASES)[number];

const facts = {
  schema: z.literal("tms.roll/1"),
  phase: z.enum(ROLL_PHASES),
  begunAt: z.iso.datetime(),
  switchedAt: z.iso.datetime().nullable(),
};
const pem = z.string().max(16_384);
const caRollSchema = z.strictObject({ ...facts, next: z.strictObject({ keyPem: pem, caPem: pem, crossPem: pem }) });
const hostKeyRollSchema = z.strictObject({ ...facts, next: z.strictObject({ privatePem: pem }) });
export type CaRoll = z.infer<typeof caRollSchema>;
export type HostKeyRoll = z.infer<typeof hostKeyRollSchema>;

/** @throws {AppError} `roll.record_unreadable` */
export async function readCaRoll(directory: string): Promise<CaRoll | null> {
  return readRoll(caRollSchema, join(directory, ROLL_FILES.ca));
}

/** @throws {AppError} `roll.record_unreadable` */
export async function readHostKeyRoll(directory: string): Promise<HostKeyRoll | null> {
  return readRoll(hostKeyRollSchema, join(directory, ROLL_FILES["ssh-host-key"]));
}

export async function writeCaRoll(directory: string, roll: CaRoll, disk?: Disk): Promise<void> {
  await writeDurably(join(directory, ROLL_FILES.ca), JSON.stringify(roll, null, 1), disk);
}

export async function writeHostKeyRoll(directory: string, roll: HostKeyRoll, disk?: Disk): Promise<void> {
  await writeDurably(join(directory, ROLL_FILES["ssh-host-key"]), JSON.stringify(roll, null, 1), disk);
}

async function readRoll<T>(schema: z.ZodType<T>, path: string): Promise<T | null> {
  const text = await readIfThere(path);
  if (text === null) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    // Its cause would quote the key.
    throw new AppError("roll.record_unreadable", { path, reason: (error as Error).name });
  }
}
