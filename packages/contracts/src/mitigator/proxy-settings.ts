import { z } from "zod";
import { JSON_LIMIT, READ_LIMIT } from "../console.ts";
import { route } from "../route.ts";
import { hostSchema, instantSchema, portSchema } from "../scalars.ts";
import { connectionTestSchema } from "./portal-connection.ts";

const ADMINISTRATOR = { kind: "session", roles: ["administrator"] } as const;

/** Bounds of RFC 1929; a proxy over HTTP gets no longer ones either. */
const userNameSchema = z.string().min(1).max(255);
const passwordSchema = z.string().min(1).max(255);

/** The values of Services › Proxy Settings (domain, section 4). */
export const proxySettingsSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({
    kind: z.enum(["http", "socks4", "socks5"]),
    host: hostSchema,
    port: portSchema,
    userName: userNameSchema.optional(),
    /** Absent = keep the stored one, as long as the user name stays; never sent to the browser. */
    password: passwordSchema.optional(),
  }),
]);
export type ProxySettings = z.infer<typeof proxySettingsSchema>;

export const proxyViewSchema = z.object({
  settings: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("none") }),
    z.object({
      kind: z.enum(["http", "socks4", "socks5"]),
      host: hostSchema,
      port: portSchema,
      userName: userNameSchema.optional(),
    }),
  ]),
  passwordKeptSince: instantSchema.nullable(),
  /** The portal's addresses that a test goes to; null until they are saved. */
  reaches: z.object({ logServer: z.string(), statusServer: z.string(), protocol: z.enum(["ssh", "ssl"]) }).nullable(),
});
export type ProxyView = z.infer<typeof proxyViewSchema>;

export const proxySettingsRoutes = {
  getProxySettings: route({
    method: "GET",
    path: "/api/v1/proxy-settings",
    operationId: "getProxySettings",
    summary: "The proxy in force, without its password.",
    identity: ADMINISTRATOR,
    limit: READ_LIMIT,
    response: proxyViewSchema,
  }),
  testProxySettings: route({
    method: "POST",
    path: "/api/v1/proxy-settings/tests",
    operationId: "testProxySettings",
    summary: "Tests the saved connection to the portal through these values and saves nothing.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: proxySettingsSchema,
    response: connectionTestSchema,
  }),
  saveProxySettings: route({
    method: "PUT",
    path: "/api/v1/proxy-settings",
    operationId: "saveProxySettings",
    summary: "Saves, and dials anew through it at once.",
    identity: ADMINISTRATOR,
    limit: JSON_LIMIT,
    body: proxySettingsSchema,
    response: proxyViewSchema,
  }),
};
