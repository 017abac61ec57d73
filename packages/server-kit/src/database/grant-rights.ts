import type pg from "pg";
import { databaseOf, quoteName, quoteText, type RoleLogin } from "./role-names.ts";

// Who may do what (architecture, section 6).
// G1  The roles own nothing, are no superusers and cannot pass row-level security; only the owner makes and changes tables.
// G2  app: rows of every table of the schema `public`, except the migrations' own; an audit entry is written, never changed.
// G3  provider: only the tables and verbs for which a migration wrote a policy named `provider_<verb>`, or granted
//     by hand with {{provider}}.
// G4  Only the roles of a database may connect to it.
// G5  Everything here is idempotent and runs at every start, so a clone of a template gets its own roles' rights.

const PROVIDER_VERBS: ReadonlySet<string> = new Set(["select", "insert", "update", "delete"]);
/** Tables of which a row, once written, stays as it is. */
const APPEND_ONLY = ["audit_entries"];

export async function makeRoles(client: pg.ClientBase, roles: readonly RoleLogin[]): Promise<void> {
  for (const { name, password } of roles) {
    const { rowCount } = await client.query("select 1 from pg_roles where rolname = $1", [name]);
    const verb = rowCount === 0 ? "create" : "alter";
    await client.query(
      `${verb} role ${quoteName(name)} login password ${quoteText(password)}
        nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit`,
    );
  }
}

export async function grantRights(client: pg.ClientBase, ownerUrl: string, roles: readonly RoleLogin[]): Promise<void> {
  const nameOf = (role: RoleLogin["role"]) => quoteName(roles.find((login) => login.role === role)?.name ?? role);
  const [app, provider, jobs] = [nameOf("app"), nameOf("provider"), nameOf("jobs")];
  const database = quoteName(databaseOf(new URL(ownerUrl)));
  await client.query(`revoke all on database ${database} from public`);
  await client.query(`grant connect on database ${database} to ${app}, ${provider}, ${jobs}`);
  await client.query("revoke create on schema public from public");
  await client.query(`grant usage on schema public to ${app}, ${provider}`);
  await client.query(`grant select, insert, update, delete on all tables in schema public to ${app}`);
  await client.query(`grant usage, select on all sequences in schema public to ${app}`);
  await client.query(`revoke all on tms_migrations from ${app}, ${provider}`);
  for (const table of APPEND_ONLY) await client.query(`revoke update, delete, truncate on ${table} from ${app}`);
  for (const { table, verb } of await providerPolicies(client)) {
    await client.query(`grant ${verb} on ${table} to ${provider}`);
  }
}

/** The policies that migrations wrote for the provider, read back from the catalogue. */
async function providerPolicies(client: pg.ClientBase): Promise<{ table: string; verb: string }[]> {
  const { rows } = await client.query<{ tablename: string; policyname: string }>(
    "select tablename, policyname from pg_policies where schemaname = 'public' and policyname like 'provider\\_%'",
  );
  return rows
    .map(({ tablename, policyname }) => ({
      table: quoteName(tablename),
      verb: policyname.slice("provider_".length),
    }))
    .filter(({ verb }) => PROVIDER_VERBS.has(verb));
}
