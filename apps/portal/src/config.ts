import { join, resolve } from "node:path";
import { AppError } from "@tms/records";
import { type ConfigSource, loadConfig } from "@tms/server-kit";
import { z } from "zod";

export const PORTAL_PROCESS_ROLES = ["console", "status-server", "log-server", "worker"] as const;
export type PortalProcessRole = (typeof PORTAL_PROCESS_ROLES)[number];

const listener = (port: number) =>
  z
    .strictObject({ host: z.string().min(1).max(253), port: z.int().min(0).max(65535) })
    .default({ host: "127.0.0.1", port });

const configSchema = z.strictObject({
  /** Everything that is not in a store: own CA, host key, secret key, blobs, embedded stores. */
  dataDir: z.string().min(1),
  edition: z.enum(["hosted"]).default("hosted"),
  name: z.string().min(1).max(120).default("Threat Management Services Portal"),
  /** IANA name of the zone in which consoles and reports show times. */
  zone: z
    .string()
    .default("UTC")
    .refine((zone) => isZone(zone), "must be an IANA time zone"),
  listen: z
    .strictObject({
      console: listener(8440),
      statusServer: listener(8443),
      logServerSsl: listener(8444),
      logServerSsh: listener(8022),
    })
    .prefault({}),
  /** The address that customers reach this portal by. */
  publicHost: z.string().min(1).max(253).default("127.0.0.1"),
  /** The operator's pair for the console, PEM; without it the portal's own CA certifies the console. */
  consoleCertificate: z
    .strictObject({ certFile: z.string().min(1).max(4096), keyFile: z.string().min(1).max(4096) })
    .optional(),
  database: z
    .union([z.strictObject({ url: z.string().min(1) }), z.strictObject({ embedded: z.literal(true) })])
    .default({ embedded: true }),
  eventStore: z
    .union([
      z.strictObject({ url: z.string().min(1), user: z.string(), password: z.string() }),
      z.strictObject({ embedded: z.literal(true) }),
    ])
    .default({ embedded: true }),
  roles: z
    .array(z.enum(PORTAL_PROCESS_ROLES))
    .min(1)
    .default([...PORTAL_PROCESS_ROLES]),
  /** Marks the screens; it changes nothing else. */
  demo: z.boolean().default(false),
  logLevel: z.enum(["error", "warn", "info", "debug"]).default("info"),
});
export type PortalConfig = z.output<typeof configSchema>;

/** Reads the configuration once: the environment wins over the file (architecture, section 7). */
export function readConfig(source: Pick<ConfigSource, "file" | "env"> & { roles?: string | undefined }): PortalConfig {
  const config = loadConfig(configSchema, {
    ...source,
    fromEnv: {
      TMS_DATA_DIR: "dataDir",
      TMS_DATABASE_URL: "database.url",
      TMS_EVENT_STORE_URL: "eventStore.url",
      TMS_PUBLIC_HOST: "publicHost",
    },
  });
  // `--roles a,b` of the command line wins over both.
  return source.roles === undefined ? config : { ...config, roles: rolesOf(source.roles) };
}

/** The key that seals secrets: nodes that share a database share it too. */
export function secretKeyFileOf(config: PortalConfig, env: NodeJS.ProcessEnv): string {
  return env.TMS_SECRET_KEY_FILE || join(resolve(config.dataDir), "secret-key");
}

function rolesOf(text: string): PortalProcessRole[] {
  return text.split(",").map((word) => {
    const role = PORTAL_PROCESS_ROLES.find((known) => known === word.trim());
    if (role === undefined)
      throw new AppError("start.config_invalid", { key: "roles", problem: `unknown role ${word}` });
    return role;
  });
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    // The platform tells an unknown zone by throwing; the schema names it.
    return false;
  }
}
