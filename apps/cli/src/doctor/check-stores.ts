import type { Installation } from "@tms/contracts";
import { findPostgres } from "@tms/embedded-stores";
import { AppError } from "@tms/records";
import { type DatabaseFound, inspectDatabase } from "@tms/server-kit";
import { fetch } from "undici";
import { type Check, type DoctorDeps, good, warning, wrong, wrongBy } from "./check.ts";

const ANSWER_WITHIN_MS = 5_000;
/** A database that is this far off would date records and sessions wrongly. */
const MAX_CLOCK_OFFSET_MS = 5_000;

/** PostgreSQL (reachable, migrated by this version, same clock) and the event store. */
export async function checkStores(installation: Installation, deps: DoctorDeps): Promise<Check[]> {
  const checks: Check[] = [];
  if (installation.database !== null) checks.push(...(await checkDatabase(installation.database)));
  if (installation.eventStore !== null) checks.push(await checkEventStore(installation.eventStore, deps.signal));
  return checks;
}

async function checkDatabase({ at, name, migrations }: NonNullable<Installation["database"]>): Promise<Check[]> {
  const id = "postgresql";
  try {
    if ("url" in at) return judgeDatabase(await inspectDatabase({ url: at.url, migrations }), "its own");
    const found = await findPostgres(at.directory);
    if (found.state === "absent") return [good(id, "embedded; it is made at the first start")];
    if (found.state === "stopped") return [good(id, `embedded, in ${found.place}; it starts with the server`)];
    return judgeDatabase(await inspectDatabase({ url: found.url(name), migrations }), "embedded");
  } catch (error) {
    return [wrongBy(id, error)];
  }
}

function judgeDatabase(found: DatabaseFound, whose: "embedded" | "its own"): Check[] {
  const id = "postgresql";
  const version = `PostgreSQL ${found.version}`;
  if (!found.mayCreateRoles) {
    return [wrong(id, "store.rights_missing", `${version}: the account of database.url may not create roles.`)];
  }
  if (found.unknown.length > 0) return [wrong(id, "store.schema_newer", `applied there: ${found.unknown.join(", ")}`)];
  if (found.changed.length > 0) {
    return [wrong(id, "store.schema_newer", `with other contents there: ${found.changed.join(", ")}`)];
  }
  return [judgeMigrations(id, found, version), ...(whose === "its own" ? [judgeClock(found)] : [])];
}

function judgeMigrations(id: string, found: DatabaseFound, version: string): Check {
  if (found.isNew) return good(id, `${version}, an empty database; the first start makes its tables`);
  if (found.pending.length === 0) return good(id, `${version}, all migrations applied`);
  return warning(id, "store.migrations_pending", `${version}; the next start applies ${found.pending.join(", ")}`);
}

function judgeClock({ clockOffsetMs }: DatabaseFound): Check {
  const id = "clock-database";
  const found = `The database's clock is ${(clockOffsetMs / 1000).toFixed(1)} s from this machine's.`;
  return Math.abs(clockOffsetMs) > MAX_CLOCK_OFFSET_MS ? wrong(id, "clock.wrong", found) : good(id, found);
}

async function checkEventStore(at: NonNullable<Installation["eventStore"]>, stop: AbortSignal): Promise<Check> {
  const id = "event-store";
  if ("directory" in at) return good(id, "embedded; it runs inside the portal");
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
  try {
    const headers = { "x-clickhouse-user": at.user ?? "default", "x-clickhouse-key": at.password ?? "" };
    const answer = await fetch(new URL("/?query=SELECT%20version()", at.url), { headers, signal });
    const text = (await answer.text()).trim().slice(0, 200);
    if (answer.ok) return good(id, `version ${text}`);
    return wrong(id, "store.unavailable", `${hostOf(at.url)} answers ${answer.status}.`);
  } catch (error) {
    const code = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).name;
    return wrongBy(id, new AppError("store.unavailable", { host: hostOf(at.url), reason: code }, { cause: error }));
  }
}

/** Never the whole address: it may hold a password. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "(no address)";
}
