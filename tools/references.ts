import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface PackageFile {
  name: string;
  dependencies?: Record<string, string>;
}

/** `references` order the build and guard nothing, so they must at least agree with `dependencies`. */
export function checkReferences(root: string): string[] {
  return globSync("{packages,apps}/*/package.json", { cwd: root }).flatMap((file) => {
    const folder = dirname(file);
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, file), "utf8")) as PackageFile;
    const { references = [] } = JSON.parse(readFileSync(join(root, folder, "tsconfig.json"), "utf8")) as {
      references?: { path: string }[];
    };
    const declared = Object.keys(dependencies).filter((name) => name.startsWith("@tms/"));
    const built = references.map(({ path }) => `@tms/${path.split("/").at(-1)}`);
    return [
      ...declared
        .filter((name) => !built.includes(name))
        .map((name) => `${folder}: tsconfig does not reference ${name}`),
      ...built
        .filter((name) => !declared.includes(name))
        .map((name) => `${folder}: package.json does not depend on ${name}`),
    ];
  });
}
