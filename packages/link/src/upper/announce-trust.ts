import type { TrustAnnouncement, TrustReport } from "@tms/contracts/link";
import type { Authority } from "../authority/authority.ts";
import type { SshHostKey } from "../authority/ssh-host-key.ts";

/** By what this upper party may be known now; looked up for each answer, because it changes while the server runs. */
export interface AnnouncedTrust {
  announcement: TrustAnnouncement;
  /** What a lower party that has taken it reports. */
  confirmed: TrustReport;
}

/** @param hostKey null where there is no SSH listener. */
export function announcedTrust(authority: Authority, hostKey: SshHostKey | null): AnnouncedTrust {
  const sshHostKeys = hostKey === null ? [] : hostKey.fingerprints();
  return {
    announcement: {
      authorities: authority.inForce().map(({ certificatePem, crossPem }) => ({
        certificate: certificatePem,
        ...(crossPem === null ? {} : { crossSigned: crossPem }),
      })),
      sshHostKeys,
    },
    confirmed: { caPins: authority.pins(), sshHostKeys },
  };
}

/** What an answer tells of it: nothing to those who have confirmed, nor to those who say nothing while nothing rolls over. */
export function trustToTell(reported: TrustReport | undefined, trust: AnnouncedTrust | null): TrustAnnouncement | null {
  if (trust === null) return null;
  const { announcement, confirmed } = trust;
  if (reported === undefined) {
    const isRolling = confirmed.caPins.length > 1 || confirmed.sshHostKeys.length > 1;
    return isRolling ? announcement : null;
  }
  const isSame = hold(reported.caPins, confirmed.caPins) && hold(reported.sshHostKeys, confirmed.sshHostKeys);
  return isSame ? null : announcement;
}

function hold(reported: readonly string[], announced: readonly string[]): boolean {
  return reported.length === announced.length && announced.every((one) => reported.includes(one));
}
