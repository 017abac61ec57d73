import { join } from "node:path";
import type { Installation } from "@tms/contracts";
import type { AgentConfig } from "./config.ts";

/** What the configuration means on this machine: an agent listens nowhere and has no store but its folder. */
export function installationOf({ dataDir }: AgentConfig): Installation {
  const identity = join(dataDir, "identity");
  return {
    schema: "tms.installation/1",
    process: "agent",
    dataDir,
    consoleUrl: null,
    listeners: [],
    certificates: [],
    hostKeyFile: null,
    identityFile: join(identity, "identity.json"),
    pinsFile: join(identity, "pins.json"),
    database: null,
    eventStore: null,
    secretKeyFile: null,
    publicHost: null,
    keyFiles: [],
    witnessFile: join(identity, "pins.json"),
  };
}
