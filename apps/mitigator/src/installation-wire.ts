import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Installation } from "@tms/contracts";
import { type Config, secretKeyFileOf } from "./config.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));

/** What the configuration means on this machine. */
export function installationOf(config: Config, env: NodeJS.ProcessEnv): Installation {
  const dataDir = resolve(config.dataDir);
  const { console, agents } = config.listen;
  const { publicHost } = config;
  const keys = join(dataDir, "keys");
  const ca = join(dataDir, "ca");
  return {
    schema: "tms.installation/1",
    process: "mitigator",
    dataDir,
    consoleUrl:
      console.port === 0
        ? null
        : `https://${publicHost.includes(":") ? `[${publicHost}]` : publicHost}:${console.port}`,
    listeners: [
      { id: "console", listen: console, public: { host: publicHost, port: console.port }, proof: "console" },
      {
        id: "agents",
        listen: agents,
        public: { host: publicHost, port: config.publicAgentsPort ?? agents.port },
        proof: "own-ca",
      },
    ],
    certificates: [
      { id: "ca", certFile: join(ca, "ca.pem"), keyFile: join(ca, "ca-key.pem"), from: "own", mustName: null },
      ...(config.consoleCertificate === undefined
        ? []
        : [{ id: "console", ...config.consoleCertificate, from: "operator" as const, mustName: publicHost }]),
    ],
    hostKeyFile: null,
    identityFile: join(keys, "identity.json"),
    pinsFile: null,
    database: {
      name: "mitigator",
      at: "url" in config.database ? { url: config.database.url } : { directory: join(dataDir, "postgres") },
      migrations: [MIGRATIONS],
    },
    eventStore: null,
    secretKeyFile: secretKeyFileOf(config, env),
    publicHost,
    keyFiles: [],
    witnessFile: join(ca, "ca-key.pem"),
  };
}
