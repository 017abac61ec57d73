import type { CaseState } from "@tms/records";

export interface ExpertCommand {
  what: string;
  command: string;
}

/** Files that an expert keeps beside: the portal's CA (from the connection details' owner), the password, the keys. */
const who = (userName: string | null) => `--ca ca.pem --user ${userName ?? "NAME"} --password-file password`;
const KEYS = "--keys keys --passphrase-file passphrase";

/** The commands an expert would type now, in order; the portal shows them and never runs one. */
export function expertCommands(asked: {
  shortId: string;
  state: CaseState;
  portalUrl: string;
  /** The expert who reads it; null for whoever cannot run it. */
  userName: string | null;
  pattern: { id: string; version: number } | null;
}): ExpertCommand[] {
  const { shortId, portalUrl } = asked;
  const draft = `${shortId}-draft`;
  const by = who(asked.userName);
  switch (asked.state) {
    case "new":
    case "package-downloaded":
    case "in-analysis":
      return [
        {
          what: "Fetch the package and open it with your own key",
          command: `npx --no tms case export ${shortId} --portal ${portalUrl} ${by} ${KEYS} --out ${shortId}`,
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
          command: `npx --no tms pattern import ${draft} --case ${shortId} --portal ${portalUrl} ${by}`,
        },
      ];
    case "waits-for-signature":
      return asked.pattern === null
        ? []
        : [{ what: "Check it and give your signature", command: signCommand(asked.pattern, asked) }];
    default:
      return [];
  }
}

/** The line that fetches a waiting pattern, checks it on the expert's own machine and signs it. */
export function signCommand(
  pattern: { id: string; version: number },
  at: { portalUrl: string; userName: string | null },
): string {
  return `npx --no tms pattern sign ${pattern.id} --version ${pattern.version} --portal ${at.portalUrl} ${who(at.userName)} ${KEYS}`;
}
