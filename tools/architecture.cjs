// The walls of docs/explanation/architecture.md as dependency-cruiser rules. tools/walls.ts runs them;
// tools/walls.test.ts plants one violation a rule.

/** What each package may import of ours. */
const MAY_IMPORT = {
  records: [],
  contracts: ["records"],
  signing: ["records"],
  "root-cause": ["records"],
  patterns: ["records", "signing"],
  "scan-engine": ["patterns", "records"],
  link: ["contracts", "records", "signing"],
  "embedded-stores": ["records"],
  "server-kit": ["contracts", "records"],
  "console-kit": ["contracts", "records"],
  testkit: ["records", "contracts", "signing", "link", "embedded-stores", "server-kit"],
};
const APPS = {
  agent: ["records", "contracts", "signing", "patterns", "root-cause", "scan-engine", "link"],
  mitigator: serverPackages(),
  portal: serverPackages(),
  cli: serverPackages(),
  "portal-console": ["contracts", "records", "console-kit"],
  "mitigator-console": ["contracts", "records", "console-kit"],
};
const TEST = "[.](test|contract)[.]tsx?$";
const PURE = "^packages/(records|contracts|signing|patterns|root-cause)/src/";
const SERVERS = "^apps/(portal|mitigator|agent)/src/";

function serverPackages() {
  return [
    "records",
    "contracts",
    "signing",
    "patterns",
    "root-cause",
    "scan-engine",
    "link",
    "embedded-stores",
    "server-kit",
  ];
}

function wall(kind, name, allowed) {
  return {
    name: `wall-${name}`,
    comment: `${kind}/${name} may import of ours only: ${allowed.join(", ") || "nothing"}`,
    severity: "error",
    from: { path: `^${kind}/${name}/`, pathNot: TEST },
    to: {
      path: "^packages/([^/]+)/",
      pathNot: `^packages/(${[...allowed, ...(kind === "packages" ? [name] : [])].join("|") || "$none"})/`,
    },
  };
}

const forbid = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(([name, allowed]) => wall("packages", name, allowed)),
    ...Object.entries(APPS).map(([name, allowed]) => wall("apps", name, allowed)),
    forbid("no-cycles", "a cycle makes two rooms one", {}, { circular: true }),
    forbid(
      "no-unresolvable",
      "an import that nothing answers",
      { pathNot: "vite[.]config[.]ts$" },
      { couldNotResolve: true },
    ),
    forbid("packages-know-no-app", "a package is below every app", { path: "^packages/" }, { path: "^apps/" }),
    forbid(
      "apps-know-no-app",
      "apps meet over TCP only",
      { path: "^apps/([^/]+)/" },
      { path: "^apps/([^/]+)/", pathNot: "^apps/$1/" },
    ),
    forbid(
      "slices-meet-at-the-door",
      "another slice imports only index.ts",
      { path: `${SERVERS}([^/]+)/`, pathNot: TEST },
      { path: `${SERVERS}[^/]+/.+`, pathNot: [`^apps/[^/]+/src/$2/`, "^apps/[^/]+/src/[^/]+/index[.]ts$"] },
    ),
    forbid(
      "only-main-composes",
      "a slice never imports the composition root",
      { path: `${SERVERS}[^/]+/`, pathNot: TEST },
      { path: `${SERVERS}(app|main)[.]ts$` },
    ),
    forbid(
      "fastify-at-the-edge",
      "Fastify only in -routes, app, main, server-kit",
      {
        path: "^(apps|packages)/",
        pathNot: [
          TEST,
          "-routes[.]ts$",
          "/(app|main)[.]ts$",
          "^packages/(server-kit|testkit)/",
          "^packages/link/src/upper/",
        ],
      },
      { path: "node_modules/(fastify|@fastify/[^/]+)/" },
    ),
    forbid(
      "sql-in-stores",
      "SQL only in -store, app, main, server-kit, embedded-stores, testkit",
      {
        path: "^(apps|packages)/",
        pathNot: [TEST, "-store[.]ts$", "/(app|main)[.]ts$", "^packages/(server-kit|embedded-stores|testkit)/"],
      },
      { path: "node_modules/(kysely|pg|pg-boss|@clickhouse/client)/" },
    ),
    forbid(
      "contracts-at-the-edge",
      "inside portal, mitigator and agent, contracts only in -routes and -wire",
      { path: SERVERS, pathNot: [TEST, "-(routes|wire)[.]ts$", "/src/(app|main|config)[.]ts$"] },
      { path: "^packages/contracts/" },
    ),
    forbid(
      "pure-packages-do-no-io",
      "pure packages use of Node only crypto, buffer, util",
      { path: PURE, pathNot: TEST },
      { dependencyTypes: ["core"], pathNot: "^(node:)?(crypto|buffer|util)$" },
    ),
    forbid(
      "records-and-contracts-know-no-node",
      "they run in browsers too",
      { path: "^packages/(records|contracts)/src/", pathNot: TEST },
      { dependencyTypes: ["core"] },
    ),
    forbid(
      "testkit-in-tests-only",
      "fakes never ship",
      { path: "^(apps|packages)/", pathNot: [TEST, "^packages/testkit/"] },
      { path: "^packages/testkit/" },
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(apps|packages)/[^/]+/dist/" },
    // Without a parser for .ts dependency-cruiser reads 0 modules and exits 0.
    parser: "swc",
    // Type imports count: a wall that types walk through is no wall.
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".cjs", ".json"],
    },
  },
};
