import { type ProxySettings, type ProxyView, proxySettingsSchema } from "@tms/contracts/mitigator";

// The proxy form's values and the settings of the contract; pure, so that the page itself only draws.

export interface ProxyValues {
  kind: ProxySettings["kind"];
  host: string;
  port: string;
  userName: string;
  password: string;
}

export type ProxyField = keyof ProxyValues;

export function proxyValuesOf({ settings }: Pick<ProxyView, "settings">): ProxyValues {
  const empty = { kind: settings.kind, host: "", port: "", userName: "", password: "" };
  if (settings.kind === "none") return empty;
  const { host, port, userName = "" } = settings;
  return { ...empty, host, port: String(port), userName };
}

export type ProxyOutcome = { kind: "valid"; settings: ProxySettings } | { kind: "invalid"; fields: ProxyField[] };

/** Reads the form; an empty password means none, or the stored one as long as nothing else changed. */
export function readProxyValues(values: ProxyValues): ProxyOutcome {
  const { kind, userName, password } = values;
  const port = /^[0-9]{1,5}$/.test(values.port.trim()) ? Number(values.port.trim()) : Number.NaN;
  const parsed = proxySettingsSchema.safeParse(
    kind === "none"
      ? { kind }
      : {
          kind,
          host: values.host.trim(),
          port,
          ...(userName === "" ? {} : { userName }),
          ...(password === "" || kind === "socks4" ? {} : { password }),
        },
  );
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => String(issue.path[0]) as ProxyField);
    return { kind: "invalid", fields: [...new Set(fields)] };
  }
  // A password alone identifies nobody.
  if (userName === "" && password !== "") return { kind: "invalid", fields: ["userName"] };
  return { kind: "valid", settings: parsed.data };
}

export function changedProxyFields(values: ProxyValues, saved: ProxyValues): ProxyField[] {
  return (Object.keys(saved) as ProxyField[]).filter((name) => values[name] !== saved[name]);
}
