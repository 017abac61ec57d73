import type { CaseState } from "@tms/records";

export interface ExpertCommand {
  what: string;
  command: string;
}

/** What an expert puts in: the names of their own files. */
const KEYS = "--keys keys --passphrase-file passphrase.txt";

function at(portalUrl: string): string {
  return `--portal ${portalUrl} --ca ca.pem --user NAME --password-file password.txt`;
}

/** The commands an expert would type now, in order; the portal shows them and never runs one. */
export function expertCommands(asked: {
  shortId: string;
  state: CaseState;
  portalUrl: string;
  pattern: { id: string; version: number } | null;
}): ExpertCommand[] {
  const { shortId, portalUrl } = asked;
  const draft = `${shortId}-pattern`;
  switch (asked.state) {
    case "new":
    case "package-downloaded":
    case "in-analysis":
      return [
        {
          what: "Fetch the package and open it with your own key",
          command: `npx --no tms case export ${shortId} ${at(portalUrl)} ${KEYS} --out ${shortId}`,
        },
        {
          what: "Make a draft from what the package shows",
          command: `npx --no tms pattern draft --from-package ${shortId} --out ${draft}`,
        },
        {
          what: "Check the draft against the package",
          command: `npx --no tms pattern check ${draft} --package ${shortId}`,
        },
        {
          what: "Bring the draft into this case; the signatures come next",
          command: `npx --no tms pattern import ${draft} --case ${shortId} ${at(portalUrl)}`,
        },
      ];
    case "waits-for-signature":
      return asked.pattern === null
        ? []
        : [{ what: "Check it and give your signature", command: signCommand(asked.pattern, portalUrl) }];
    default:
      return [];
  }
}

/** The line that fetches a waiting pattern, checks it on the expert's own machine and signs it. */
export function signCommand(pattern: { id: string; version: number }, portalUrl: string): string {
  return `npx --no tms pattern sign ${pattern.id} --version ${pattern.version} ${at(portalUrl)} ${KEYS}`;
}
