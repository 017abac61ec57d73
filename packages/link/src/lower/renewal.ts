import type { RenewAnswer, RenewRequest } from "@tms/contracts/link";
import { AppError, type Timers } from "@tms/records";
import type { Disk } from "../disk/disk.ts";
import { makeCertificateRequest } from "./certificate-request.ts";
import type { KeptIdentity } from "./kept-identity.ts";
import { asLinkError, backoffMs } from "./link-outcome.ts";
import { adoptKeys, type LowerKeys, makeRenewableKeys, publicSshText } from "./lower-keys.ts";
import { checkCertificate, type StoredIdentity } from "./register-lower.ts";
import { dropRenewalKeys, openRenewalKeys, settleRenewal } from "./renewal-keys.ts";
import { trustOf } from "./trust.ts";

// A lower party renews its certificate, each time with new keys (see renewal-keys.ts for what a crash leaves).
// The upper party keeps the old key valid until it sees the new one, so the new one is used only once it is in force here;
// an answer that is lost costs nothing, because the same new keys are asked for again.

export interface Renewal {
  /** Renews if two thirds of the certificate's life are over by the upper party's clock; never throws. */
  consider(serverTime: string, beforeUse: () => void): void;
  /**
   * Renews now. Two calls at once are one renewal.
   *
   * @param beforeUse Called when the new keys are in force and nothing has been sent with them yet.
   */
  renew(beforeUse: () => void): Promise<void>;
}

export interface RenewalDeps {
  keys: LowerKeys;
  identity: KeptIdentity;
  /** Over the line as it is, with the old key. */
  ask(body: RenewRequest): Promise<RenewAnswer>;
  /** The line changes over: what is sent from here on is sent with the new keys. */
  changeOver(identity: StoredIdentity): void;
  onFailure(error: AppError): void;
  timers: Timers;
  random: () => number;
  disk?: Disk;
}

/** A renewal that fails is tried again, at most once in this time; a month is left for it. */
const FIRST_PAUSE_MS = 5_000;
const FACTOR_MS = 60;

export function createRenewal(deps: RenewalDeps): Renewal {
  let running: Promise<void> | null = null;
  let failures = 0;
  let notBeforeMs = 0;

  async function renewOnce(beforeUse: () => void): Promise<void> {
    const { keys, disk } = deps;
    const fresh = await openRenewalKeys(keys.directory, makeRenewableKeys, disk);
    const answer = await deps
      .ask({
        v: "link/1",
        certificateRequest: await makeCertificateRequest(fresh.tlsPrivatePem),
        sshPublicKey: publicSshText(fresh.sshPrivateKey),
      })
      .catch(async (error: unknown) => {
        // Keys that the upper party will not have are of no use: the next try makes others.
        const isUseless = error instanceof AppError && error.code === "link.csr_invalid";
        if (isUseless) await dropRenewalKeys(keys.directory, disk);
        throw error;
      });
    const identity = await deps.identity.change((before) => renewedIdentity(before, answer, fresh.tlsPrivatePem));
    adoptKeys(keys, fresh);
    beforeUse();
    deps.changeOver(identity);
    await settleRenewal(keys.directory, disk);
  }

  function renew(beforeUse: () => void): Promise<void> {
    running ??= renewOnce(beforeUse).finally(() => {
      running = null;
    });
    return running;
  }

  return {
    renew,
    consider(serverTime, beforeUse) {
      if (!isRenewalDue(deps.identity.current, serverTime) || running !== null) return;
      if (deps.timers.monotonicMs() < notBeforeMs) return;
      renew(beforeUse).then(
        () => {
          failures = 0;
        },
        (error: unknown) => {
          failures += 1;
          notBeforeMs = deps.timers.monotonicMs() + FIRST_PAUSE_MS + FACTOR_MS * backoffMs(failures, deps.random);
          deps.onFailure(asLinkError(error));
        },
      );
    },
  };
}

/** Two thirds of the certificate's life are over; by the upper party's clock, ours decides nothing. */
export function isRenewalDue(
  identity: Pick<StoredIdentity, "certificateIssuedAt" | "registeredAt" | "certificateNotAfter">,
  serverTime: string,
): boolean {
  const issued = new Date(identity.certificateIssuedAt ?? identity.registeredAt).getTime();
  const end = new Date(identity.certificateNotAfter).getTime();
  return new Date(serverTime).getTime() >= issued + ((end - issued) * 2) / 3;
}

/** @throws {AppError} `link.csr_invalid`, `link.pin_mismatch` if the answer is not for this key, name and CA. */
function renewedIdentity(before: StoredIdentity, answer: RenewAnswer, tlsPrivatePem: string): StoredIdentity {
  const isSame = answer.product === before.product && answer.customer === before.customer;
  if (!isSame) throw new AppError("link.csr_invalid", { reason: "the answer names another product" });
  const certificate = checkCertificate(answer, { tlsPrivatePem, caPins: trustOf(before).caPins });
  return {
    ...before,
    certificatePem: answer.certificate,
    certificateIssuedAt: answer.serverTime,
    certificateNotAfter: certificate.notAfter,
    limits: answer.limits,
  };
}
