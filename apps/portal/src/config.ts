import { join, resolve } from "node:path";
import { AppError } from "@tms/records";
import { type ConfigSource, loadConfig, metricsFromSchema } from "@tms/server-kit";
import { z } from "zod";

export const PORTAL_PROCESS_ROLES = ["console", "status-server", "log-server", "worker"] as const;
export type PortalProcessRole = (typeof PORTAL_PROCESS_ROLES)[number];

/** Which variable of the environment sets which key; the environment wins over the file. */
export const ENVIRONMENT = {
  TMS_DATA_DIR: "dataDir",
  TMS_DATABASE_URL: "database.url",
  TMS_EVENT_STORE_URL: "eventStore.url",
  TMS_PUBLIC_HOST: "publicHost",
} as const;

const listener = (port: number, text: string) =>
  z
    .strictObject({ host: z.string().min(1).max(253), port: z.int().min(0).max(65535) })
    .default({ host: "127.0.0.1", port })
    .describe(text);
const GIB = 1024 ** 3;
const pemFile = z.string().min(1).max(4096);

/** `portal.json`. Its descriptions are the reference: docs/reference/settings.md and ports.md are made from them. */
export const configSchema = z.strictObject({
  dataDir: z
    .string()
    .min(1)
    .describe("Everything that is not in a store: own CA, host key, secret key, blobs, embedded stores."),
  edition: z.enum(["hosted"]).default("hosted").describe("Who runs the portal."),
  name: z
    .string()
    .min(1)
    .max(120)
    .default("Threat Management Services Portal")
    .describe("Shown in the console, and in the name of the own CA."),
  zone: z
    .string()
    .default("UTC")
    .refine((zone) => isZone(zone), "must be an IANA time zone")
    .describe("IANA name of the zone in which consoles and reports show times."),
  listen: z
    .strictObject({
      console: listener(8440, "HTTPS for browsers and the experts' command line."),
      statusServer: listener(8443, "HTTPS for products: registration, heartbeats, cases, forensic packages, patterns."),
      logServerSsl: listener(8444, "HTTPS for products that send logs over SSL."),
      logServerSsh: listener(8022, "SSH for products that send logs over SSH."),
    })
    .prefault({}),
  publicHost: z
    .string()
    .min(1)
    .max(253)
    .default("127.0.0.1")
    .describe("The name or address that customers reach this portal by; it stands in connection details."),
  consoleCertificate: z
    .strictObject({
      certFile: pemFile.describe("The operator's certificate for the console, PEM, its chain behind it."),
      keyFile: pemFile.describe("Its key, PEM, without a passphrase."),
    })
    .optional(),
  database: z
    .union([z.strictObject({ url: z.string().min(1) }), z.strictObject({ embedded: z.literal(true) })])
    .default({ embedded: true })
    .describe("PostgreSQL: embedded, or the owner's address of one from version 15 on."),
  eventStore: z
    .union([
      z.strictObject({ url: z.string().min(1), user: z.string(), password: z.string() }),
      z.strictObject({ embedded: z.literal(true) }),
    ])
    .default({ embedded: true })
    .describe("Event store: embedded, or the HTTP interface of a ClickHouse server."),
  roles: z
    .array(z.enum(PORTAL_PROCESS_ROLES))
    .min(1)
    .default([...PORTAL_PROCESS_ROLES])
    .describe("Which of them this process serves."),
  metricsFrom: metricsFromSchema,
  limits: z
    .strictObject({
      bytesPerDay: z
        .int()
        .min(1)
        .default(100 * GIB)
        .describe("Bytes of logs and forensic packages that one product may send in a day (UTC)."),
      customerBytesPerDay: z
        .int()
        .min(1)
        .default(500 * GIB)
        .describe("The same of all products of one customer together."),
      packageBytes: z
        .int()
        .min(1)
        .max(4 * GIB)
        .default(4 * GIB)
        .describe("The largest forensic package, in bytes."),
      requestsPerSecond: z
        .number()
        .min(0.1)
        .max(10_000)
        .default(200)
        .describe("Requests of one product in a second, on each status and log server; two seconds' worth at once."),
    })
    .prefault({}),
  demo: z.boolean().default(false).describe('Marks every screen with "demo keys"; it changes nothing else.'),
  logLevel: z
    .enum(["error", "warn", "info", "debug"])
    .default("info")
    .describe("The least urgent lines that are written to `portal.log`."),
});
export type PortalConfig = z.output<typeof configSchema>;

/** Reads the configuration once: the environment wins over the file (architecture, section 7). */
export function readConfig(source: Pick<ConfigSource, "file" | "env"> & { roles?: string | undefined }): PortalConfig {
  const config = loadConfig(configSchema, {
    ...source,
    fromEnv: ENVIRONMENT,
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
