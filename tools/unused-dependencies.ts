import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Finds declared dependencies that no file of their package names: each one is installed on every machine, and has to
 * be trusted there, for nothing. (The opposite, an import that is not declared, is Biome's rule.)
 */
export function checkUnusedDependencies(root: string): string[] {
  return globSync("{packages,apps}/*/package.json", { cwd: root }).flatMap((file) => {
    const folder = dirname(file);
    const { dependencies = {} } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
      dependencies?: Record<string, string>;
    };
    const texts = globSync(`${folder}/{*.ts,src/**/*.{ts,tsx,css}}`, { cwd: root }).map((path) =>
      readFileSync(join(root, path), "utf8"),
    );
    return Object.keys(dependencies)
      .filter(
        (name) =>
          !texts.some((text) =>
            ['"', "`"].some((quote) => text.includes(`${quote}${name}${quote}`) || text.includes(`${quote}${name}/`)),
          ),
      )
      .map((name) => `${folder}: nothing names its dependency ${name}`);
  });
}
