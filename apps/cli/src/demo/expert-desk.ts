import { mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { newId } from "@tms/records";
import { rememberedPassword } from "./log-ons.ts";
import { type LoopContext, need } from "./loop-context.ts";

/** The arguments of the `tms` commands with which the demo's two experts answer the case, in order. */
export interface ExpertDesk {
  exportPackage: string[];
  draft: string[];
  check: string[];
  importDraft: string[];
  /** One command an expert; the pattern's id is known once the draft is at the portal. */
  sign(pattern: string): string[][];
}

/** Lays out the experts' own machine: a 0700 folder with their passwords; their keys come from the ceremony. */
export async function layExpertDesk(context: LoopContext): Promise<ExpertDesk> {
  const { installation, ceremony } = context;
  const { directory, portalConsole, portalCa } = installation;
  const desk = join(directory, "expert-desk");
  await mkdir(desk, { recursive: true, mode: 0o700 });
  const experts = await Promise.all(
    ceremony.experts.map(async ({ name, directory: keys }) => {
      const userName = `expert.${name}`;
      const passwordFile = join(desk, `${name}.password`);
      await writeFile(passwordFile, await rememberedPassword(directory, "portal", userName), { mode: 0o600 });
      return {
        at: ["--portal", portalConsole, "--ca", portalCa, "--user", userName, "--password-file", passwordFile],
        keys: ["--keys", keys, "--passphrase-file", ceremony.passphraseFile],
      };
    }),
  );
  const [first] = experts;
  if (first === undefined) throw new Error("the ceremony made no expert");
  const caseId = need(context, "case");
  // A case of an earlier start left its own; nothing is ever overwritten.
  const folder = join(desk, `package-${caseId}`);
  const draft = join(desk, `draft-${caseId}`);
  return {
    exportPackage: ["case", "export", caseId, ...first.at, ...first.keys, "--out", folder],
    draft: ["pattern", "draft", "--from-package", folder, "--out", draft],
    check: ["pattern", "check", draft, "--package", folder],
    importDraft: ["pattern", "import", draft, "--case", caseId, ...first.at],
    sign: (pattern) => experts.map(({ at, keys }) => ["pattern", "sign", pattern, ...at, ...keys]),
  };
}

/** The same commands as lines to paste into a shell in the current folder. */
export async function pasteableCommands(context: LoopContext): Promise<{ what: string; lines: string[] }[]> {
  const desk = await layExpertDesk(context);
  // Chosen here and not by the draft, so that the lines below need no editing.
  const pattern = `CP-${newId().slice(-12)}`;
  const line = (args: readonly string[]) => `npx --no tms ${args.map(shown).join(" ")}`;
  return [
    { what: "Fetch the package and open it with your own key", lines: [line(desk.exportPackage)] },
    {
      what: "Make a draft from it, and check the draft",
      lines: [line([...desk.draft, "--id", pattern]), line(desk.check)],
    },
    { what: "Bring the draft to the portal", lines: [line(desk.importDraft)] },
    { what: "Sign as one expert, then as the other", lines: desk.sign(pattern).map(line) },
  ];
}

/** Paths below the current folder are shown from there; none of the arguments needs quoting. */
function shown(argument: string): string {
  const here = argument.startsWith("/") ? relative(process.cwd(), argument) : argument;
  return here.startsWith("..") ? argument : here;
}
