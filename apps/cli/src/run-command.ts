import { AppError } from "@tms/records";
import { accountReset } from "./account/reset-account.ts";
import { caseExport } from "./case/export-case.ts";
import { completenessCertify } from "./completeness/certify.ts";
import { consentGive } from "./consent/give-consent.ts";
import { doctor } from "./doctor/doctor.ts";
import { keysCustomer, keysExport, keysImport, keysRecipients } from "./keys/keys-commands.ts";
import { keysRoll } from "./keys/roll-keys.ts";
import { patternCheck } from "./pattern/check-pattern.ts";
import { patternDraft } from "./pattern/draft-pattern.ts";
import { patternImport } from "./pattern/import-pattern.ts";
import { patternSign } from "./pattern/sign-pattern.ts";
import { PROCESS_USAGE } from "./processes/run-process.ts";
import type { Command, CommandIo, CommandResult } from "./shell/command.ts";
import { failureOf, sentenceOf } from "./shell/failure-line.ts";
import { verifyFile } from "./verify/verify-file.ts";

const COMMANDS: readonly Command[] = [
  caseExport,
  patternDraft,
  patternCheck,
  patternImport,
  patternSign,
  consentGive,
  completenessCertify,
  verifyFile,
  doctor,
  accountReset,
  keysCustomer,
  keysRecipients,
  keysExport,
  keysImport,
  keysRoll,
];

/** Finds the command, runs it, and turns whatever it throws into its last line. */
export async function runCommand(argv: string[], io: CommandIo): Promise<CommandResult> {
  const command = COMMANDS.find(({ name }) => name.split(" ").every((word, index) => argv[index] === word));
  if (command === undefined || argv.includes("--help")) return usage(argv, command, io);
  try {
    return await command.run(argv.slice(command.name.split(" ").length), io);
  } catch (error) {
    const result = failureOf(command, error);
    io.say(sentenceOf(result));
    if (result.exit === 2) io.say(`Usage: ${command.usage}`);
    return result;
  }
}

/** Servers and the demo have an output of their own; help names them all the same. */
const RUN_ELSEWHERE = [
  ...PROCESS_USAGE,
  { name: "demo", usage: "tms demo [--once] [--auto] [--fresh] [--plant-seed N]" },
];

function usage(argv: string[], command: Command | undefined, io: CommandIo): CommandResult {
  const asked = command !== undefined || argv.length === 0 || argv[0] === "help" || argv.includes("--help");
  if (!asked) return unknown(argv, io);
  const shown = command === undefined ? [...COMMANDS, ...RUN_ELSEWHERE] : [command];
  for (const { usage: line } of shown) io.say(line);
  return {
    exit: 0,
    line: { schema: "tms.help/1", ok: true, commands: shown.map(({ name, usage: line }) => ({ name, usage: line })) },
  };
}

/** One sentence rather than all usages; those of the same first word may be what was meant. */
function unknown(argv: string[], io: CommandIo): CommandResult {
  const result = failureOf(
    { schema: "tms.help/1" },
    new AppError("cli.command_unknown", { command: argv.slice(0, 2).join(" ") }),
  );
  io.say(sentenceOf(result));
  for (const { name, usage: line } of COMMANDS) if (name.split(" ")[0] === argv[0]) io.say(`Usage: ${line}`);
  return result;
}
