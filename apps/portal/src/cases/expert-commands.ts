import type { CaseState } from "@tms/records";

export interface ExpertCommand {
  what: string;
  command: string;
}

/** Files that an expert keeps beside: the portal's CA (from the connection details' owner), the password, the keys. */
const WHO = "--ca ca.pem --user NAME --password-file password";
const KEYS = "--keys keys --passphrase-file passphrase";

/** The commands an expert would type now, in order; the portal shows them and never runs one. */
export function expertCommands(asked: {
  shortId: string;
  state: CaseState;
  portalUrl: string;
  pattern: { id: string; version: number } | null;
}): ExpertCommand[] {
  const { shortId, portalUrl } = asked;
  const draft = `${shortId}-draft`;
  switch (asked.state) {
    case "new":
    case "package-downloaded":
    case "in-analysis":
      return [
        {
          what: "Fetch the package and open it with your own key",
          command: `npx --no tms case export ${shortId} --portal ${portalUrl} ${WHO} ${KEYS} --out ${shortId}`,
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
          what: "Bring the draft to the portal",
          command: `npx --no tms pattern import ${draft} --case ${shortId} --portal ${portalUrl} ${WHO}`,
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
  return `npx --no tms pattern sign ${pattern.id} --version ${pattern.version} --portal ${portalUrl} ${WHO} ${KEYS}`;
}
