import { z } from "zod";

// What a configuration means on its machine. Each server's own `installation-main.ts` prints it, because only the
// server's own schema reads its file; `tms doctor`, `tms account` and `tms keys` work from it, and import no server.

const place = z.strictObject({ host: z.string(), port: z.int().min(0).max(65_535) });

const listenerSchema = z.strictObject({
  id: z.string(),
  listen: place,
  /** Where others reach it; its port follows `listen` unless something translates it. */
  public: place,
  /** By what a program that holds the port is known to be ours. */
  proof: z.enum(["own-ca", "console", "host-key"]),
});

const certificateSchema = z.strictObject({
  id: z.string(),
  certFile: z.string(),
  keyFile: z.string(),
  /** `own` is made at the first start if it is not there; `operator` must be there. */
  from: z.enum(["own", "operator"]),
  /** A name that it must hold; null for a CA. */
  mustName: z.string().nullable(),
});

const storeUrl = z.strictObject({ url: z.string(), user: z.string().optional(), password: z.string().optional() });

export const installationSchema = z.strictObject({
  schema: z.literal("tms.installation/1"),
  process: z.enum(["portal", "mitigator", "agent"]),
  /** Absolute. */
  dataDir: z.string(),
  /** As people reach it; null where there is no console, or its port is only known while it runs. */
  consoleUrl: z.string().nullable(),
  listeners: z.array(listenerSchema),
  certificates: z.array(certificateSchema),
  hostKeyFile: z.string().nullable(),
  /** `identity.json` of a lower party. */
  identityFile: z.string().nullable(),
  /** Of the upper party, as far as files tell. */
  pinsFile: z.string().nullable(),
  database: z
    .strictObject({
      name: z.string(),
      at: z.union([z.strictObject({ url: z.string() }), z.strictObject({ directory: z.string() })]),
      migrations: z.array(z.string()),
    })
    .nullable(),
  eventStore: z.union([storeUrl, z.strictObject({ directory: z.string() })]).nullable(),
  secretKeyFile: z.string().nullable(),
  publicHost: z.string().nullable(),
  /** What makes a server the one that others know; `tms keys export` takes those that exist. */
  keyFiles: z.array(
    z.strictObject({
      name: z.string(),
      path: z.string(),
      /** Whoever has none makes another, or needs none just now: an export of before has none. */
      mayBeMissing: z.boolean().optional(),
    }),
  ),
  /** Exists from the first start on. */
  witnessFile: z.string(),
});
export type Installation = z.infer<typeof installationSchema>;
