export { type Accounts, type AccountsDeps, type Credentials, createAccounts } from "./access/create-accounts.ts";
export { createThrottle, type Throttle, type ThrottleOptions } from "./access/create-throttle.ts";
export { createPasswordHasher, type PasswordHasher } from "./access/hash-passwords.ts";
export {
  type About,
  registerAccountRoutes,
  registerSessionRoutes,
  type SessionRoutesDeps,
} from "./access/session-routes.ts";
export type { ChainVerdict } from "./audit/audit-chain.ts";
export { type Audit, type AuditEntry, type AuditEvent, createAudit } from "./audit/create-audit.ts";
export {
  type CertificatePair,
  daysLeft,
  demandServable,
  endingStage,
  parseCertificatePair,
  readCertificatePair,
} from "./certificates/certificate-pair.ts";
export {
  type CertificateSource,
  type KeptCertificate,
  keepCertificate,
  keepListenerCertificates,
} from "./certificates/keep-certificate.ts";
export { inCustomer, inProvider } from "./database/in-scope.ts";
export { type DatabaseFound, inspectDatabase } from "./database/inspect-database.ts";
export { type BesideServer, openBesideServer } from "./database/open-beside-server.ts";
export { type Databases, type OpenDatabasesOptions, OWN_MIGRATIONS, openDatabases } from "./database/open-databases.ts";
export { createReadTogether } from "./database/read-together.ts";
export { CONNECTION_LIMITS, type ConnectionCounts, type ConnectionLimits } from "./http/connection-gate.ts";
export { CONNECTIONS, createHttpServer, type HttpServerOptions } from "./http/create-http-server.ts";
export { createHealth, type HealthPart, registerHealthRoutes } from "./http/health-routes.ts";
export { implement, type RouteInput } from "./http/implement.ts";
export { answerProblem, appErrorOf, problemOf } from "./http/problem.ts";
export { addressKey, createRateLimiter, type RateLimiter } from "./http/rate-limit.ts";
export type { RouteDeclaration } from "./http/route-guard.ts";
export { CONSOLE_POLICY } from "./http/security-headers.ts";
export { serveConsole } from "./http/serve-console.ts";
export type { Session, SessionSource } from "./http/session-source.ts";
export {
  createJobs,
  type JobContext,
  type JobHandler,
  type JobPayload,
  type Jobs,
  type SendOptions,
} from "./jobs/create-jobs.ts";
export type { JobsOptions, QueueDefinition } from "./jobs/jobs-options.ts";
export { createMetrics, type Labels, type Metrics } from "./metrics/create-metrics.ts";
export { meterListeners, meterMachine, type OtherListener, onAnswered } from "./metrics/meter-server.ts";
export { metricsFromSchema, registerMetricsRoute } from "./metrics/metrics-routes.ts";
export { createSecretBox, type SecretBox } from "./secrets/create-secret-box.ts";
export { type Closing, createClosing } from "./start/closing.ts";
export { createLogger, type Logger, type LoggerOptions } from "./start/create-logger.ts";
export { type ConfigSource, loadConfig } from "./start/load-config.ts";
export { runMain, type Started, startSentence } from "./start/run-main.ts";
