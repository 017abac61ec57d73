import { type StoredIdentity, trustOf } from "@tms/link/lower";
import { AppError, type Clock } from "@tms/records";
import type { PortalLinkStore, StoredRegistration, StoredSettings } from "./portal-link-store.ts";
import { digestOfTested, needsRegistration, type PortalSettings } from "./portal-settings.ts";
import type { DialledProxy } from "./proxy-settings.ts";
import type { TestTokens } from "./test-tokens.ts";

export interface SaveRequest {
  settings: PortalSettings;
  /** Absent = keep the stored one. */
  password: string | undefined;
  testToken: string | undefined;
  confirmUntested: boolean;
  /** On enabling: send what passed by meanwhile. */
  sendMeanwhile: boolean;
}

export interface SaveDeps {
  store: PortalLinkStore;
  tokens: TestTokens;
  secrets: { seal(text: string): string; open(sealed: string): string };
  proxy: () => Promise<DialledProxy | null>;
  register: (values: { settings: PortalSettings; password: string }) => Promise<StoredIdentity>;
  isRefused: () => boolean;
  /** Brings the line in step with what is saved. */
  apply: () => Promise<void>;
  clock: Clock;
}

export interface Saved {
  untested: boolean;
  registered: boolean;
}

/**
 * Saves the settings page; with sending on it registers, unless there is a registration that still holds.
 *
 * S1 Values that differ from the saved ones need a test of just these values, or a person's word that they are saved
 *    untested.
 * S2 A certificate that expired while sending was off is bought anew, by a password that is typed for it.
 * S3 Registering comes before saving: what the portal refused is not kept.
 *
 * @throws {AppError} `settings.untested`, `settings.password_again`, `request.malformed` without any password, and what registering throws.
 */
export function createSaveSettings(deps: SaveDeps) {
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: two presses of Save must not register twice. */
  return function saveOneByOne(request: SaveRequest): Promise<Saved> {
    const next = last.then(() => saveSettings(request));
    // The caller gets the failure; the next one only needs to know that it has ended.
    last = next.catch(() => undefined);
    return next;
  };

  async function saveSettings(request: SaveRequest): Promise<Saved> {
    const { settings } = request;
    const [stored, registration, proxy] = await Promise.all([
      deps.store.settings(),
      deps.store.registration(),
      deps.proxy(),
    ]);
    const facts = registrationFacts(registration, deps);
    if (settings.sending && facts?.expired && request.password === undefined) {
      throw new AppError("settings.password_again", { fields: [{ path: "settings.password", message: "is needed" }] });
    }
    const password = passwordOf(request, stored, deps);
    const digest = digestOfTested(settings, { password, proxy });
    const untested = isChanged(digest, { stored, proxy }, deps) && !deps.tokens.covers(request.testToken, digest);
    if (untested && !request.confirmUntested) throw new AppError("settings.untested");

    const register = settings.sending && needsRegistration(settings, facts);
    if (register) {
      const identity = await deps.register({ settings, password });
      const registeredAt = deps.clock.now();
      await deps.store.register({ identity, customerName: null, userName: settings.userName, registeredAt });
    }
    const passwordSealed = request.password === undefined ? null : deps.secrets.seal(request.password);
    const { sendMeanwhile } = request;
    await deps.store.save({ settings, passwordSealed, sendMeanwhile }, deps.clock.now());
    await deps.apply();
    return { untested, registered: register };
  }
}

function passwordOf(request: SaveRequest, stored: StoredSettings | null, deps: Pick<SaveDeps, "secrets">): string {
  if (request.password !== undefined) return request.password;
  if (stored?.passwordSealed !== null && stored?.passwordSealed !== undefined) {
    return deps.secrets.open(stored.passwordSealed);
  }
  throw new AppError("request.malformed", { fields: [{ path: "settings.password", message: "is needed once" }] });
}

/** The stored password counts as part of the stored values; the digest tells a change without showing it. */
function isChanged(
  digest: string,
  saved: { stored: StoredSettings | null; proxy: DialledProxy | null },
  deps: Pick<SaveDeps, "secrets">,
): boolean {
  const { stored, proxy } = saved;
  if (stored === null || stored.passwordSealed === null) return true;
  return digestOfTested(stored.settings, { password: deps.secrets.open(stored.passwordSealed), proxy }) !== digest;
}

function registrationFacts(registration: StoredRegistration | null, deps: Pick<SaveDeps, "isRefused" | "clock">) {
  if (registration === null) return null;
  const { identity, userName } = registration;
  const expired = new Date(identity.certificateNotAfter) <= deps.clock.now();
  const { caPins } = trustOf(identity);
  return { userName, patternRoot: identity.patternRoot, caPins, refused: deps.isRefused(), expired };
}
