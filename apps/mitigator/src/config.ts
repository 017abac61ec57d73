import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hostSchema, portSchema } from "@tms/contracts";
import { loadConfig, metricsFromSchema } from "@tms/server-kit";
import { z } from "zod";

/** Which variable of the environment sets which key; the environment wins over the file. */
export const ENVIRONMENT = { TMS_DATA_DIR: "dataDir", TMS_DATABASE_URL: "database.url" } as const;

const listener = (port: number, text: string) =>
  z
    .strictObject({ host: hostSchema, port: z.int().min(0).max(65_535) })
    .default({ host: "127.0.0.1", port })
    .describe(text);
const pemFile = z.string().min(1).max(4096);

/** `mitigator.json`. Its descriptions are the reference: docs/reference/settings.md and ports.md are made from them. */
export const configSchema = z.strictObject({
  dataDir: z
    .string()
    .min(1)
    .describe("Everything that lasts: keys, spool, packages, pattern mirror, embedded database."),
  name: z
    .string()
    .trim()
    .min(1)
    .max(64)
    .default("Threat Mitigator")
    .describe("Shown in the console, and proposed to the portal."),
  zone: z.string().default("UTC").describe("IANA name of the zone that the console shows times in."),
  listen: z
    .strictObject({
      console: listener(9440, "HTTPS for browsers."),
      agents: listener(9443, "HTTPS for agents: enrolment, heartbeats, logs, forensic packages, patterns."),
    })
    .prefault({}),
  publicHost: hostSchema
    .default("127.0.0.1")
    .describe("The name or address by which agents and browsers reach this machine; enrolment tokens carry it."),
  publicAgentsPort: portSchema
    .optional()
    .describe("The agents' port as seen from outside, where something translates it."),
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
  recoveryRecipient: z
    .string()
    .regex(/^age1[0-9a-z]{10,190}$/)
    .nullable()
    .default(null)
    .describe("age recipient of the customer's offline recovery key; every forensic package is encrypted to it too."),
  metricsFrom: metricsFromSchema,
  demo: z.boolean().default(false).describe('Marks every screen with "demo keys"; it changes nothing else.'),
  lineSettings: z
    .strictObject({
      heartbeatSeconds: z.int().min(1).max(300).default(60).describe("Interval by which an agent's silence is judged."),
    })
    .prefault({}),
});
export type Config = z.infer<typeof configSchema>;

/** Reads the configuration that the command line names; the environment wins over the file. */
export function readConfig(): Config {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  return loadConfig(configSchema, {
    file: values.config,
    env: process.env,
    fromEnv: ENVIRONMENT,
  });
}

/** The key that seals the portal's password. */
export function secretKeyFileOf(config: Config, env: NodeJS.ProcessEnv): string {
  return env.TMS_SECRET_KEY_FILE || join(resolve(config.dataDir), "keys", "secret-key");
}
