import type { ServerChannel } from "ssh2";
import type { SshSession } from "./ssh-session.ts";

/** `exec tms-test`: the same application round trip as `POST /link/v1/test`. */
export async function runTest(channel: ServerChannel, session: SshSession): Promise<number> {
  const answer = { accepts: true, role: "log-server", serverTime: session.deps.clock.now().toISOString() };
  channel.write(`${JSON.stringify(answer)}\n`);
  return 0;
}
