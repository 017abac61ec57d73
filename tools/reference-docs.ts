// docs/reference/settings.md and ports.md, made from the schemas that the servers read their files by.
// `node tools/reference-docs.ts` writes them; tools/check.ts fails while they differ from the code.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import * as agent from "../apps/agent/src/config.ts";
import * as mitigator from "../apps/mitigator/src/config.ts";
import * as portal from "../apps/portal/src/config.ts";

interface Server {
  title: string;
  file: string;
  schema: z.ZodType;
  environment: Readonly<Record<string, string>>;
}

const SERVERS: Server[] = [
  { title: "Portal", file: "portal.json", schema: portal.configSchema, environment: portal.ENVIRONMENT },
  {
    title: "Threat Mitigator",
    file: "mitigator.json",
    schema: mitigator.configSchema,
    environment: mitigator.ENVIRONMENT,
  },
  { title: "Agent", file: "agent.json", schema: agent.configSchema, environment: {} },
];

/** What no key stands for. */
const SECRET_KEY_FILE =
  "| `TMS_SECRET_KEY_FILE` | the file of the key that seals secrets; without it one in the data directory |";

const MADE = "<!-- Made by `node tools/reference-docs.ts` from the schemas in apps/*/src/config.ts. Do not edit. -->";

interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
}

export interface Setting {
  key: string;
  kind: string;
  /** JSON text, `required`, or an em dash where leaving it out has a meaning of its own. */
  ifAbsent: string;
  text: string;
}

/** Every key of a schema that a person can set. @throws {Error} For one that nobody has described. */
export function settingsOf(schema: z.ZodType): Setting[] {
  return walk(z.toJSONSchema(schema, { io: "input" }) as JsonSchema, { path: [], mayBeLeftOut: false });
}

/** The pages by their path. */
export function referencePages(): Map<string, string> {
  return new Map([
    ["docs/reference/settings.md", settingsPage()],
    ["docs/reference/ports.md", portsPage()],
  ]);
}

/** One line for each page that is not what the code says. */
export function staleReferencePages(root: string, pages = referencePages()): string[] {
  return [...pages].flatMap(([path, text]) =>
    readIfThere(join(root, path)) === text ? [] : [`${path} is stale: run node tools/reference-docs.ts`],
  );
}

function walk(schema: JsonSchema, group: { path: string[]; mayBeLeftOut: boolean }): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const path = [...group.path, name];
    const key = path.join(".");
    const isRequired = schema.required?.includes(name) === true && !group.mayBeLeftOut;
    // Described as a whole, or by its parts.
    if (inner.description === undefined && inner.properties !== undefined) {
      return walk(inner, { path, mayBeLeftOut: !isRequired });
    }
    if (inner.description === undefined) throw new Error(`The setting ${key} has no description.`);
    const ifAbsent = inner.default === undefined ? (isRequired ? "required" : "–") : JSON.stringify(inner.default);
    return [{ key, kind: kindOf(inner), ifAbsent, text: inner.description }];
  });
}

function kindOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.type === "array") return `list of ${kindOf(schema.items ?? {})}`;
  if (schema.type === "object") {
    const parts = Object.entries(schema.properties ?? {}).map(([name, inner]) => `${name}: ${kindOf(inner)}`);
    return `{ ${parts.join(", ")} }`;
  }
  if (schema.type === "integer") return `${schema.minimum} to ${schema.maximum}`;
  return schema.type ?? "any";
}

function settingsPage(): string {
  const parts = SERVERS.map((server) => {
    const rows = settingsOf(server.schema).map(
      ({ key, kind, ifAbsent, text }) => `| \`${key}\` | ${cell(text)} | ${cell(kind)} | ${codeCell(ifAbsent)} |`,
    );
    const variables = Object.entries(server.environment).map(([name, key]) => `| \`${name}\` | \`${key}\` |`);
    const table = ["| key | meaning | value | if absent |", "| --- | --- | --- | --- |", ...rows];
    const environment =
      variables.length === 0 ? [] : ["", "| variable | sets |", "| --- | --- |", ...variables, SECRET_KEY_FILE];
    return [`## ${server.title}: \`${server.file}\``, "", ...table, ...environment].join("\n");
  });
  const intro =
    "Each server reads one JSON file, named by `--config`. Keys that are not listed are refused. The environment wins over\nthe file. What the person at a console sets is not here: it is kept in the database. Changes take effect at the next\nstart; the files of `consoleCertificate` [are taken up while it runs](../how-to/console-certificate.md).";
  return `${MADE}\n\n# Settings\n\n${intro}\n\n${parts.join("\n\n")}\n`;
}

function portsPage(): string {
  const rows = SERVERS.flatMap(({ title, schema }) =>
    settingsOf(schema)
      .filter(({ key }) => key.startsWith("listen."))
      .map(({ key, ifAbsent, text }) => {
        const { host, port } = JSON.parse(ifAbsent) as { host: string; port: number };
        return `| ${title} | TCP ${port} | ${host} | \`${key}\` | ${cell(text)} |`;
      }),
  );
  const table = ["| server | port | listens on | setting | for what |", "| --- | --- | --- | --- | --- |", ...rows];
  const rest = [
    "Each listener has its own address and port, so that all can be 443 on different addresses. Port 0 takes any free one.",
    "To be reached from other machines, set the address: the default is the loopback one.",
    "",
    "Only the lower party opens connections: a mitigator to the portal's status server and to one of its log servers,",
    "directly or through its proxy; an agent to its mitigator. Nothing is opened towards agents or mitigators, and an agent",
    "listens nowhere. Embedded stores listen on the loopback address, each on any free port, behind a random password.",
    "[`tms doctor`](../how-to/check-an-installation.md) says whether a port is free and the public address leads here.",
  ];
  return `${MADE}\n\n# Ports\n\n${table.join("\n")}\n\n${rest.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function codeCell(text: string): string {
  return text === "required" || text === "–" ? text : `\`${cell(text)}\``;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  for (const [path, text] of referencePages()) writeFileSync(join(root, path), text);
}
