import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDataDirectory } from "@tms/link";
import type { AgentConfig } from "./config.ts";

export interface AgentFolders {
  identity: string;
  spool: string;
  patterns: string;
  packages: string;
  journal: string;
  quarantine: string;
  /** Where files wait between the move and their container, each on another file system. */
  staging: string[];
  /** Everything here that is never scanned, collected or cleaned. */
  own: string[];
}

/** Makes the agent's own folders, 0700. */
export function makeFolders(config: AgentConfig): AgentFolders {
  const make = (...names: string[]): string => {
    const path = join(config.dataDir, ...names);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  makeDataDirectory(config.dataDir);
  // A move is one step only on one file system: where a watched folder lies on another, staging lies there too.
  const elsewhere = config.watch
    .filter((path) => statSync(path).dev !== statSync(config.dataDir).dev)
    .map((path) => join(path, ".tms-staging"));
  for (const path of elsewhere) mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    identity: make("identity"),
    spool: make("spool"),
    patterns: make("patterns"),
    packages: make("packages"),
    journal: make("journal"),
    quarantine: make("quarantine"),
    staging: [make("staging"), ...elsewhere],
    own: [config.dataDir, ...elsewhere],
  };
}

/** Where the product's own code lies; not the whole checkout, whose data folder may hold the demo's sandbox. */
export function programFolders(): string[] {
  const app = dirname(dirname(fileURLToPath(import.meta.url)));
  const checkout = dirname(dirname(app));
  return [app, join(checkout, "packages"), join(checkout, "node_modules")];
}
