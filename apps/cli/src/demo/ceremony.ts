import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CustomerKeys, customerKeysSchema } from "@tms/contracts/portal";
import { runTms } from "./run-tms.ts";

export interface Ceremony {
  directory: string;
  bundle: CustomerKeys;
  passphraseFile: string;
  experts: { name: string; directory: string }[];
}

export const DEMO_EXPERTS = ["heron", "wren"] as const;
const RULES = join(import.meta.dirname, "rules");

/**
 * The operator's key ceremony, once per data directory, before anything is started: `tms keys customer`.
 *
 * The keys are the demo's; every screen says so.
 */
export async function holdCeremony(directory: string, passphraseFile: string, rules = RULES): Promise<Ceremony> {
  const bundleFile = join(directory, "customer.public.json");
  if (!existsSync(bundleFile)) {
    await runTms([
      "keys",
      "customer",
      "--out",
      directory,
      "--name",
      "Example Works",
      "--experts",
      DEMO_EXPERTS.join(","),
      "--regular",
      rules,
      "--passphrase-file",
      passphraseFile,
      "--demo",
    ]);
  }
  const bundle = customerKeysSchema.parse(JSON.parse(await readFile(bundleFile, "utf8")));
  const experts = DEMO_EXPERTS.map((name) => ({ name, directory: join(directory, "experts", name) }));
  return { directory, bundle, passphraseFile, experts };
}
