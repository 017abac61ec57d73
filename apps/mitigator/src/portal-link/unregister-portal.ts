import { AppError } from "@tms/records";
import type { PortalLinkStore } from "./portal-link-store.ts";

/**
 * Ends the registration: tells the portal, which revokes the credentials, then forgets the identity.
 *
 * A portal that says it does not know us any more has already done its part. One that does not answer keeps the
 * registration here too: otherwise the product would stay registered there and nobody could revoke it from here.
 *
 * @throws {AppError} `portal.not_registered`, `confirmation.name_differs`, `link.unreachable`, …
 */
export function createUnregisterPortal(deps: {
  store: PortalLinkStore;
  tellPortal: () => Promise<void>;
  apply: () => Promise<void>;
}) {
  return async function unregisterPortal(typedName: string): Promise<void> {
    const [settings, registration] = await Promise.all([deps.store.settings(), deps.store.registration()]);
    if (registration === null || settings === null) throw new AppError("portal.not_registered");
    if (typedName.trim() !== settings.settings.name) throw new AppError("confirmation.name_differs");
    try {
      await deps.tellPortal();
    } catch (error) {
      if (!(error instanceof AppError) || !ENDED_ALREADY.includes(error.code)) throw error;
    }
    await deps.store.unregister();
    await deps.apply();
  };
}

const ENDED_ALREADY: readonly string[] = ["link.identity_unknown", "link.identity_revoked", "link.identity_expired"];
