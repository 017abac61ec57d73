import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Installation } from "@tms/contracts";
import { ROLL_FILES, ROLLED_KEYS, STATEMENT_KEY_FILE } from "@tms/link";
import { type PortalConfig, secretKeyFileOf } from "./config.ts";

const MIGRATIONS = fileURLToPath(new URL("../migrations", import.meta.url));

/** What the configuration means on this machine. */
export function installationOf(config: PortalConfig, env: NodeJS.ProcessEnv): Installation {
  const dataDir = resolve(config.dataDir);
  const roles = new Set(config.roles);
  const { console, statusServer, logServerSsl, logServerSsh } = config.listen;
  const listener = (id: string, listen: { host: string; port: number }, proof: "own-ca" | "console" | "host-key") => ({
    id,
    listen,
    public: { host: config.publicHost, port: listen.port },
    proof,
  });
  return {
    schema: "tms.installation/1",
    process: "portal",
    dataDir,
    consoleUrl: roles.has("console") && console.port !== 0 ? consoleUrlOf(config) : null,
    listeners: [
      ...(roles.has("console") ? [listener("console", console, "console")] : []),
      ...(roles.has("status-server") ? [listener("status-server", statusServer, "own-ca")] : []),
      ...(roles.has("log-server") ? [listener("log-server-ssl", logServerSsl, "own-ca")] : []),
      ...(roles.has("log-server") ? [listener("log-server-ssh", logServerSsh, "host-key")] : []),
    ],
    certificates: [
      {
        id: "ca",
        certFile: join(dataDir, "ca.pem"),
        keyFile: join(dataDir, "ca-key.pem"),
        from: "own",
        mustName: null,
      },
      ...(config.consoleCertificate === undefined
        ? []
        : [{ id: "console", ...config.consoleCertificate, from: "operator" as const, mustName: config.publicHost }]),
    ],
    hostKeyFile: join(dataDir, "ssh-host-key"),
    identityFile: null,
    pinsFile: null,
    database: {
      name: "portal",
      at: "url" in config.database ? { url: config.database.url } : { directory: join(dataDir, "postgres") },
      migrations: [MIGRATIONS],
    },
    eventStore: "url" in config.eventStore ? config.eventStore : { directory: join(dataDir, "event-store") },
    secretKeyFile: secretKeyFileOf(config, env),
    publicHost: config.publicHost,
    keyFiles: [
      { name: "ca.pem", path: join(dataDir, "ca.pem") },
      { name: "ca-key.pem", path: join(dataDir, "ca-key.pem") },
      { name: "ssh-host-key", path: join(dataDir, "ssh-host-key") },
      { name: "secret-key", path: secretKeyFileOf(config, env) },
      { name: STATEMENT_KEY_FILE, path: join(dataDir, STATEMENT_KEY_FILE), mayBeMissing: true },
      // While one rolls over, the next key.
      ...ROLLED_KEYS.map((key) => ({
        name: ROLL_FILES[key],
        path: join(dataDir, ROLL_FILES[key]),
        mayBeMissing: true,
      })),
    ],
    witnessFile: join(dataDir, "ca-key.pem"),
  };
}

function consoleUrlOf({ publicHost, listen }: PortalConfig): string {
  return `https://${isIP(publicHost) === 6 ? `[${publicHost}]` : publicHost}:${listen.console.port}`;
}
