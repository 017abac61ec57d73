import { join } from "node:path";
import { AppError, assertNever, type Clock } from "@tms/records";
import type { Disk } from "../disk/disk.ts";
import { nodeDisk } from "../disk/node-disk.ts";
import { readPresentCa, settleCaRoll } from "./authority.ts";
import { makeNextCa } from "./issue-certificates.ts";
import { makeSshKey } from "./make-ssh-key.ts";
import {
  type CaRoll,
  type HostKeyRoll,
  ROLL_FILES,
  type RolledKey,
  type RollPhase,
  readCaRoll,
  readHostKeyRoll,
  writeCaRoll,
  writeHostKeyRoll,
} from "./roll-record.ts";
import { spkiOfCertificate } from "./spki.ts";
import { fingerprintOfKey, HOST_KEY_FILE, readPresentHostKey, settleHostKeyRoll } from "./ssh-host-key.ts";

export interface KeyRollState {
  phase: "none" | Exclude<RollPhase, "retired">;
  /** As lower parties name it: the pin of a CA, the fingerprint of an SSH host key. */
  present: string;
  next: string | null;
  begunAt: string | null;
  switchedAt: string | null;
}

/** The steps of one key's roll-over, on the disk of the upper party; its running servers follow. */
export interface KeyRoll {
  state(): Promise<KeyRollState>;
  /** Makes the next key and keeps it beside the present one. @throws {AppError} `roll.under_way` */
  begin(): Promise<void>;
  /** From here on the next key serves. @throws {AppError} `roll.not_begun`, `roll.switched_already` */
  switchOver(): Promise<void>;
  /** From here on there is no old key. @throws {AppError} `roll.not_begun`, `roll.not_switched` */
  retire(): Promise<void>;
  /** Forgets the next key, which nothing was certified by. @throws {AppError} `roll.not_begun`, `roll.switched_already` */
  abandon(): Promise<void>;
}

export interface KeyRollPlace {
  /** Where the present key lies. */
  directory: string;
  clock: Clock;
  disk?: Disk;
}

export function openKeyRoll(key: RolledKey, place: KeyRollPlace): KeyRoll {
  switch (key) {
    case "ca":
      return rollOf(caPort(place), place.clock);
    case "ssh-host-key":
      return rollOf(hostKeyPort(place), place.clock);
    default:
      return assertNever(key);
  }
}

type AnyRoll = CaRoll | HostKeyRoll;

/** What is different between the kinds of key. */
interface RollPort<Roll extends AnyRoll> {
  read(): Promise<Roll | null>;
  write(roll: Roll): Promise<void>;
  drop(): Promise<void>;
  settle(): Promise<void>;
  makeNext(): Promise<Roll["next"]>;
  presentName(): Promise<string>;
  nameOf(next: Roll["next"]): string;
}

function rollOf<Roll extends AnyRoll>(port: RollPort<Roll>, clock: Clock): KeyRoll {
  /** A retirement that a crash cut short is ended first. */
  const open = async () => {
    await port.settle();
    return port.read();
  };
  const demand = async (phase: "announced" | "switched"): Promise<Roll> => {
    const roll = await open();
    if (roll === null) throw new AppError("roll.not_begun");
    if (roll.phase === phase) return roll;
    throw new AppError(phase === "announced" ? "roll.switched_already" : "roll.not_switched");
  };
  const now = () => clock.now().toISOString();
  return {
    async state() {
      const roll = await open();
      const present = await port.presentName();
      if (roll === null || roll.phase === "retired") {
        return { phase: "none", present, next: null, begunAt: null, switchedAt: null };
      }
      const { phase, begunAt, switchedAt } = roll;
      return { phase, present, next: port.nameOf(roll.next), begunAt, switchedAt };
    },
    async begin() {
      if ((await open()) !== null) throw new AppError("roll.under_way");
      const next = await port.makeNext();
      const facts = { schema: "tms.roll/1", phase: "announced", begunAt: now(), switchedAt: null } as const;
      await port.write({ ...facts, next } as Roll);
    },
    async switchOver() {
      await port.write({ ...(await demand("announced")), phase: "switched", switchedAt: now() });
    },
    async retire() {
      await port.write({ ...(await demand("switched")), phase: "retired" });
      await port.settle();
    },
    async abandon() {
      await demand("announced");
      await port.drop();
    },
  };
}

function caPort({ directory, clock, disk = nodeDisk }: KeyRollPlace): RollPort<CaRoll> {
  return {
    read: () => readCaRoll(directory),
    write: (roll) => writeCaRoll(directory, roll, disk),
    drop: () => drop(directory, "ca", disk),
    settle: () => settleCaRoll(directory, disk),
    makeNext: async () => makeNextCa(await readPresentCa(directory), clock),
    presentName: async () => spkiOfCertificate((await readPresentCa(directory)).caPem),
    nameOf: ({ caPem }) => spkiOfCertificate(caPem),
  };
}

function hostKeyPort({ directory, disk = nodeDisk }: KeyRollPlace): RollPort<HostKeyRoll> {
  const nameOf = (privatePem: string) => fingerprintOfKey(privatePem, join(directory, HOST_KEY_FILE));
  return {
    read: () => readHostKeyRoll(directory),
    write: (roll) => writeHostKeyRoll(directory, roll, disk),
    drop: () => drop(directory, "ssh-host-key", disk),
    settle: () => settleHostKeyRoll(directory, disk),
    makeNext: async () => {
      // It must be there: a roll-over before the first start would be of a key that nobody knows.
      await readPresentHostKey(directory);
      return { privatePem: makeSshKey() };
    },
    presentName: async () => nameOf(await readPresentHostKey(directory)),
    nameOf: ({ privatePem }) => nameOf(privatePem),
  };
}

async function drop(directory: string, key: RolledKey, disk: Disk): Promise<void> {
  await disk.remove(join(directory, ROLL_FILES[key]));
  await disk.syncDirectory(directory);
}
