import { userInfo } from "node:os";
import { createAccounts, createAudit, openBesideServer } from "@tms/server-kit";
import { readInstallation } from "../installation/read-installation.ts";
import { withDatabase } from "../installation/with-database.ts";
import { onlyPositional, readArguments, serverOf } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";

/** Who may read the server's configuration may let a person in again: there is no other right to ask for on the host. */
export const accountReset: Command = {
  name: "account reset",
  schema: "tms.account-reset/1",
  usage: "tms account reset NAME --portal FILE | --mitigator FILE",
  async run(argv, io) {
    const args = readArguments(argv, { portal: { type: "string" }, mitigator: { type: "string" } });
    const name = onlyPositional(args, "the name of one account");
    const { server, file } = serverOf(args);
    const installation = await readInstallation(server, file);
    const done = await withDatabase(installation, (url) => resetIn(url, name));
    const link = `${installation.consoleUrl ?? ""}${done.link}`;
    io.say(`${done.userName} is logged off everywhere, and the old password is good for nothing.`);
    io.say(`Give this link to that person alone. It sets a new password, once, until ${done.expiresAt.toISOString()}:`);
    io.say(installation.consoleUrl === null ? `${link} (behind the console's address)` : link);
    const { userName, sessionsEnded } = done;
    const expiresAt = done.expiresAt.toISOString();
    return { exit: 0, line: { schema: this.schema, ok: true, server, userName, link, expiresAt, sessionsEnded } };
  },
};

async function resetIn(ownerUrl: string, name: string) {
  const db = await openBesideServer(ownerUrl);
  try {
    const accounts = await createAccounts({ db });
    const audit = createAudit({ db });
    return await accounts.reset(name, (trx, { userName, sessionsEnded }) =>
      audit.write(
        { actor: `host ${userInfo().username}`, action: "account.reset", subject: userName, detail: { sessionsEnded } },
        trx,
      ),
    );
  } finally {
    await db.close();
  }
}
