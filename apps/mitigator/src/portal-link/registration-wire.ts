import { hostname } from "node:os";
import type { RegisterLowerOptions } from "@tms/link/lower";
import type { PortalSettings } from "./portal-settings.ts";

/** What a mitigator says of itself when it registers. */
export function registrationRequest(
  settings: PortalSettings,
  own: { password: string; instanceId: string; version: string },
): RegisterLowerOptions["request"] {
  return {
    credentials: { kind: "password", userName: settings.userName, password: own.password },
    kind: "mitigator",
    version: own.version,
    host: hostname(),
    instanceId: own.instanceId,
    email: settings.email,
    name: settings.name,
  };
}
