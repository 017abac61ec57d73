import { createRequire } from "node:module";
import { cruise, type ICruiseOptions, type IForbiddenRuleType } from "dependency-cruiser";

interface Architecture {
  forbidden: IForbiddenRuleType[];
  options: ICruiseOptions;
}

const architecture = createRequire(import.meta.url)("./architecture.cjs") as Architecture;

export const WALL_NAMES: readonly string[] = architecture.forbidden.map((rule) => String(rule.name));

export interface WallReport {
  modules: number;
  violations: { rule: string; from: string; to: string }[];
}

/**
 * Checks the imports below `packages` and `apps` of a tree against the walls.
 *
 * @param baseDirectory Absolute path of the tree's root.
 */
export async function checkWalls(baseDirectory: string): Promise<WallReport> {
  const { output } = await cruise(["packages", "apps"], {
    ...architecture.options,
    baseDir: baseDirectory,
    validate: true,
    ruleSet: { forbidden: architecture.forbidden },
  });
  if (typeof output === "string") throw new Error("dependency-cruiser answered text instead of a result");
  return {
    modules: output.summary.totalCruised,
    violations: output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
