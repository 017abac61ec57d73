import {
  BANDWIDTHS,
  DEFAULT_FREQUENCY,
  type PortalConnection,
  type PortalSettings,
  portalSettingsSchema,
} from "@tms/contracts/mitigator";

// The form's values and the settings of the contract; pure, so that the page itself only draws.

/** What a person edits: ports are text while somebody types them. */
export interface SettingsValues {
  sending: boolean;
  logHost: string;
  logPort: string;
  protocol: "ssh" | "ssl";
  /** Minutes, 0 = immediately. */
  frequency: string;
  statusHost: string;
  statusPort: string;
  /** kbit/s, or "unlimited". */
  upload: string;
  download: string;
  userName: string;
  password: string;
  email: string;
  name: string;
}

/** What connection details pin; no person types these. */
export interface Pins {
  caPins: PortalSettings["caPins"];
  sshHostKeys: string[];
  patternRoot: PortalSettings["patternRoot"] | null;
}

export const UNLIMITED = "unlimited";
export const FIXED_BANDWIDTHS: readonly string[] = [UNLIMITED, ...BANDWIDTHS.map(String)];

export const EMPTY_VALUES: SettingsValues = {
  sending: true,
  logHost: "",
  logPort: "",
  protocol: "ssl",
  frequency: String(DEFAULT_FREQUENCY),
  statusHost: "",
  statusPort: "",
  upload: UNLIMITED,
  download: UNLIMITED,
  userName: "",
  password: "",
  email: "",
  name: "",
};

type Saved = NonNullable<PortalConnection["settings"]>;

export function valuesOf(saved: Saved | null, name: string): SettingsValues {
  if (saved === null) return { ...EMPTY_VALUES, name };
  return {
    sending: saved.sending,
    logHost: saved.logServer.host,
    logPort: String(saved.logServer.port),
    protocol: saved.protocol,
    frequency: String(saved.frequencyMinutes),
    statusHost: saved.statusServer.host,
    statusPort: String(saved.statusServer.port),
    upload: bandwidthText(saved.uploadKbits),
    download: bandwidthText(saved.downloadKbits),
    userName: saved.userName,
    password: "",
    email: saved.email,
    name: saved.name,
  };
}

export function pinsOf(saved: Saved | null): Pins {
  if (saved === null) return { caPins: [], sshHostKeys: [], patternRoot: null };
  return { caPins: saved.caPins, sshHostKeys: saved.sshHostKeys, patternRoot: saved.patternRoot };
}

export type FieldName = keyof SettingsValues;

const FIELD_OF_PATH: Record<string, FieldName> = {
  "logServer.host": "logHost",
  "logServer.port": "logPort",
  "statusServer.host": "statusHost",
  "statusServer.port": "statusPort",
  protocol: "protocol",
  frequencyMinutes: "frequency",
  uploadKbits: "upload",
  downloadKbits: "download",
  userName: "userName",
  password: "password",
  email: "email",
  name: "name",
};

export type SettingsOutcome =
  | { kind: "valid"; settings: PortalSettings }
  | { kind: "invalid"; fields: FieldName[]; pinsMissing: boolean };

/**
 * Reads the form into settings.
 *
 * @param passwordKept Whether an empty password means "keep the stored one".
 */
export function readValues(values: SettingsValues, pins: Pins, passwordKept: boolean): SettingsOutcome {
  const parsed = portalSettingsSchema.safeParse({
    sending: values.sending,
    logServer: { host: values.logHost.trim(), port: portOf(values.logPort) },
    protocol: values.protocol,
    frequencyMinutes: Number(values.frequency),
    statusServer: { host: values.statusHost.trim(), port: portOf(values.statusPort) },
    uploadKbits: kbitsOf(values.upload),
    downloadKbits: kbitsOf(values.download),
    userName: values.userName,
    ...(values.password === "" && passwordKept ? {} : { password: values.password }),
    email: values.email.trim(),
    name: values.name,
    ...pins,
  });
  if (parsed.success) return { kind: "valid", settings: parsed.data };
  const paths = parsed.error.issues.map((issue) => issue.path.join("."));
  const fields = paths.flatMap((path) => FIELD_OF_PATH[path] ?? []);
  return {
    kind: "invalid",
    fields: [...new Set(fields)],
    pinsMissing: paths.some((path) => path.startsWith("patternRoot")),
  };
}

/** `Number` would take "0x50", "1e3" and an empty field for ports. */
function portOf(text: string): number {
  return /^[0-9]{1,5}$/.test(text.trim()) ? Number(text.trim()) : Number.NaN;
}

function bandwidthText(kbits: number | null): string {
  return kbits === null ? UNLIMITED : String(kbits);
}

function kbitsOf(text: string): number | null {
  if (text === UNLIMITED) return null;
  return /^[0-9]{1,8}$/.test(text.trim()) ? Number(text.trim()) : Number.NaN;
}

/** Which fields differ from what is saved. */
export function changedFields(values: SettingsValues, saved: SettingsValues): FieldName[] {
  return (Object.keys(saved) as FieldName[]).filter((name) => values[name] !== saved[name]);
}
