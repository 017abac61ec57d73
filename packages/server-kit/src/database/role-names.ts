import { createHmac, randomBytes } from "node:crypto";

export const DATABASE_ROLES = ["app", "provider", "jobs"] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

/** A role as it exists in the cluster: `<database>_app`, with the password of this start. */
export interface RoleLogin {
  role: DatabaseRole;
  name: string;
  password: string;
  url: string;
}

/** PostgreSQL cuts longer names without a word, and two databases would share a role. */
const MAX_NAME_BYTES = 63;

/**
 * The three roles of one database.
 *
 * Their passwords derive from the owner's, so that several processes (a second node, `tms account`) agree without
 * storing anything. An owner that connects without a password gives nothing to derive from: then they are random and
 * set anew at every start.
 */
export function roleLogins(ownerUrl: string): RoleLogin[] {
  const owner = new URL(ownerUrl);
  const database = databaseOf(owner);
  const key = owner.password === "" ? randomBytes(32) : Buffer.from(decodeURIComponent(owner.password), "utf8");
  return DATABASE_ROLES.map((role) => {
    const name = `${database}_${role}`;
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw new RangeError(`The database name ${database} is too long.`);
    const password = createHmac("sha256", key).update(`tms role ${name}`).digest("base64url");
    const url = new URL(ownerUrl);
    url.username = encodeURIComponent(name);
    url.password = password;
    return { role, name, password, url: url.toString() };
  });
}

export function databaseOf(url: URL): string {
  const name = decodeURIComponent(url.pathname.slice(1));
  if (name === "") throw new RangeError("The database address names no database.");
  return name;
}

/** Quotes an identifier; names come from the configuration, and DDL takes no parameters. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
