import type { StoredIdentity } from "@tms/link/lower";
import { AppError, type Clock } from "@tms/records";
import type { PortalLinkStore, StoredRegistration, StoredSettings } from "./portal-link-store.ts";
import { digestOfTested, needsRegistration, type PortalSettings } from "./portal-settings.ts";
import type { TestTokens } from "./test-tokens.ts";

export interface SaveRequest {
  settings: PortalSettings;
  /** Absent = keep the stored one. */
  password: string | undefined;
  testToken: string | undefined;
  confirmUntested: boolean;
}

export interface SaveDeps {
  store: PortalLinkStore;
  tokens: TestTokens;
  secrets: { seal(text: string): string; open(sealed: string): string };
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
 * S2 Registering comes before saving: what the portal refused is not kept.
 *
 * @throws {AppError} `settings.untested`, `request.malformed` without any password, and what registering throws.
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
    const [stored, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
    const password = passwordOf(request, stored, deps);
    const digest = digestOfTested(settings, password);
    const untested = isChanged(digest, stored, deps) && !deps.tokens.covers(request.testToken, digest);
    if (untested && !request.confirmUntested) throw new AppError("settings.untested");

    const register = settings.sending && needsRegistration(settings, registrationFacts(registration, deps));
    if (register) {
      const identity = await deps.register({ settings, password });
      const registeredAt = deps.clock.now();
      await deps.store.register({ identity, customerName: null, userName: settings.userName, registeredAt });
    }
    const passwordSealed = request.password === undefined ? null : deps.secrets.seal(request.password);
    await deps.store.save({ settings, passwordSealed }, deps.clock.now());
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
function isChanged(digest: string, stored: StoredSettings | null, deps: Pick<SaveDeps, "secrets">): boolean {
  if (stored === null || stored.passwordSealed === null) return true;
  return digestOfTested(stored.settings, deps.secrets.open(stored.passwordSealed)) !== digest;
}

function registrationFacts(registration: StoredRegistration | null, deps: Pick<SaveDeps, "isRefused">) {
  if (registration === null) return null;
  const { identity, userName } = registration;
  return { userName, patternRoot: identity.patternRoot, refused: deps.isRefused() };
}
