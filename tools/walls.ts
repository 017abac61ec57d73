import { createRequire } from "node:module";
import { cruise, type ICruiseOptions, type IForbiddenRuleType } from "dependency-cruiser";

interface Architecture {
  forbidden: IForbiddenRuleType[];
  options: ICruiseOptions;
}

const require = createRequire(import.meta.url);
const architecture = require("./architecture.cjs") as Architecture;
teachUsingDeclarations();

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

interface Statement {
  type: string;
  decls?: unknown[];
}

/**
 * swc parses `await using`, but the visitor that dependency-cruiser walks its tree with (@swc/core 1.16) throws on it.
 * It is a variable declaration like any other, and its initialiser may import.
 */
function teachUsingDeclarations(): void {
  const { Visitor } = require("@swc/core/Visitor.js") as {
    Visitor: {
      prototype: {
        visitStatement(statement: Statement): Statement;
        visitVariableDeclarators(list: unknown[]): unknown[];
      };
    };
  };
  const visitStatement = Visitor.prototype.visitStatement;
  Visitor.prototype.visitStatement = function (statement) {
    if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
    statement.decls = this.visitVariableDeclarators(statement.decls ?? []);
    return statement;
  };
}
