import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hostSchema, portSchema } from "@tms/contracts";
import { loadConfig } from "@tms/server-kit";
import { z } from "zod";

const listenSchema = z.strictObject({ host: hostSchema, port: z.int().min(0).max(65_535) });

/** `mitigator.json`. Port 0 takes any free port; the ready message says which. */
export const configSchema = z.strictObject({
  dataDir: z.string().min(1),
  /** Shown in the console and proposed to the portal. */
  name: z.string().trim().min(1).max(64).default("Threat Mitigator"),
  /** IANA name of the zone that the console shows times in. */
  zone: z.string().default("UTC"),
  listen: z
    .strictObject({
      console: listenSchema.default({ host: "127.0.0.1", port: 9440 }),
      agents: listenSchema.default({ host: "127.0.0.1", port: 9443 }),
    })
    .prefault({}),
  /** The name or address under which agents and browsers reach this machine. */
  publicHost: hostSchema.default("127.0.0.1"),
  /** The agents' port as seen from outside, where something translates it. */
  publicAgentsPort: portSchema.optional(),
  /** The operator's pair for the console, PEM; without it the mitigator's own CA certifies the console. */
  consoleCertificate: z
    .strictObject({ certFile: z.string().min(1).max(4096), keyFile: z.string().min(1).max(4096) })
    .optional(),
  database: z
    .union([z.strictObject({ url: z.string().min(1) }), z.strictObject({ embedded: z.literal(true) })])
    .default({ embedded: true }),
  /** age recipient of the customer's offline recovery key; goes into enrolment tokens. */
  recoveryRecipient: z
    .string()
    .regex(/^age1[0-9a-z]{10,190}$/)
    .nullable()
    .default(null),
  demo: z.boolean().default(false),
  lineSettings: z
    .strictObject({
      /** Interval by which an agent's silence is judged. */
      heartbeatSeconds: z.int().min(1).max(300).default(60),
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
    fromEnv: { TMS_DATA_DIR: "dataDir", TMS_DATABASE_URL: "database.url" },
  });
}

/** The key that seals the portal's password. */
export function secretKeyFileOf(config: Config, env: NodeJS.ProcessEnv): string {
  return env.TMS_SECRET_KEY_FILE || join(resolve(config.dataDir), "keys", "secret-key");
}
