import { join } from "node:path";
import { AppError } from "@tms/records";
import { INSTALLED, type InstalledName, readInstallation } from "../installation/read-installation.ts";
import { readArguments } from "../shell/arguments.ts";
import type { Command, CommandIo } from "../shell/command.ts";
import { exists } from "../shell/files.ts";
import { type Check, type CheckPart, type DoctorDeps, good, wrongBy } from "./check.ts";
import { checkCertificates } from "./check-certificates.ts";
import { checkClock } from "./check-clock.ts";
import { checkDirectory } from "./check-directory.ts";
import { checkListeners } from "./check-listeners.ts";
import { checkStores } from "./check-stores.ts";
import { checkUpper } from "./check-upper.ts";

/** Where service units keep their configuration; looked at when none is named. */
const USUAL_DIRECTORY = "/etc/tms";
/** Below this share of the disk the servers themselves sound the alarm. */
const MIN_FREE_PERCENT = 10;

/** In the order in which a person would put things right. */
const PARTS: readonly CheckPart[] = [
  checkDirectory,
  checkClock,
  checkListeners,
  checkCertificates,
  checkStores,
  checkUpper,
];

type ProcessCheck = Check & { process: InstalledName };

export const doctor: Command = {
  name: "doctor",
  schema: "tms.doctor/1",
  usage: "tms doctor [--json] [--portal FILE] [--mitigator FILE] [--agent FILE] [--min-free-percent N]",
  async run(argv, io) {
    const args = readArguments(argv, {
      json: { type: "boolean" },
      portal: { type: "string" },
      mitigator: { type: "string" },
      agent: { type: "string" },
      "min-free-percent": { type: "string" },
    });
    if (args.positionals.length > 0) throw new AppError("cli.usage", { unexpected: args.positionals[0] });
    const deps: DoctorDeps = {
      now: io.now,
      signal: io.signal,
      minFreePercent: percentOf(args.text("min-free-percent")),
    };
    const named = INSTALLED.flatMap((name) => {
      const file = args.text(name);
      return file === undefined ? [] : [{ name, file }];
    });
    const asked = named.length > 0 ? named : await usualFiles();
    if (asked.length === 0) throw new AppError("doctor.nothing_configured", { directory: USUAL_DIRECTORY });
    const checks: ProcessCheck[] = [];
    for (const one of asked) checks.push(...(await examine(one, deps)));
    tell(checks, io);
    const ok = checks.every((check) => check.ok);
    return { exit: ok ? 0 : 1, line: { schema: this.schema, ok, checks } };
  },
};

async function examine(
  { name, file }: { name: InstalledName; file: string },
  deps: DoctorDeps,
): Promise<ProcessCheck[]> {
  const ofProcess = (check: Check): ProcessCheck => ({ process: name, ...check });
  try {
    const installation = await readInstallation(name, file);
    const checks = [good("configuration", `${file}, data in ${installation.dataDir}${fromEnvironment()}`)];
    for (const part of PARTS) checks.push(...(await part(installation, deps)));
    return checks.map(ofProcess);
  } catch (error) {
    // A file that cannot be read is a wrong call; one that is read and wrong is what was asked about.
    if (error instanceof AppError && error.code === "start.config_invalid") {
      return [ofProcess(wrongBy("configuration", error))];
    }
    throw error;
  }
}

/** Variables win over the file: whoever wonders about a value must see where it comes from. */
function fromEnvironment(): string {
  const names = Object.keys(process.env).filter((name) => name.startsWith("TMS_") && process.env[name] !== "");
  return names.length === 0 ? "" : `; set by the environment: ${names.sort().join(", ")}`;
}

async function usualFiles(): Promise<{ name: InstalledName; file: string }[]> {
  const found: { name: InstalledName; file: string }[] = [];
  for (const name of INSTALLED) {
    const file = join(USUAL_DIRECTORY, `${name}.json`);
    if (await exists(file)) found.push({ name, file });
  }
  return found;
}

function percentOf(text: string | undefined): number {
  const value = text === undefined ? MIN_FREE_PERCENT : Number(text);
  if (!(value >= 0 && value <= 100)) throw new AppError("cli.usage", { "min-free-percent": text });
  return value;
}

function tell(checks: readonly ProcessCheck[], io: CommandIo): void {
  for (const { process: name, id, ok, code, found, cure } of checks) {
    const word = ok ? (code === "" ? "ok     " : "warning") : "wrong  ";
    io.say(`${word} ${name} ${id}: ${found}${code === "" ? "" : ` ${cure} (${code})`}`);
  }
}
