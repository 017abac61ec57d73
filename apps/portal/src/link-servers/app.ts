import { join } from "node:path";
import { BATCH_LIMITS } from "@tms/link";
import {
  announcedTrust,
  createBatchIntake,
  createSshLogServer,
  type IdentitySource,
  registerLogServer,
  registerStatusServer,
} from "@tms/link/upper";
import { AppError } from "@tms/records";
import { createHttpServer } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { caseHandlers } from "#app/cases/index.ts";
import { type Core, PROVIDER } from "#app/core/index.ts";
import { packageHandlers } from "#app/forensics/index.ts";
import { heartbeatHandlers } from "#app/heartbeats/index.ts";
import type { PortalMeter } from "#app/metrics/index.ts";
import { repositoryHandlers } from "#app/patterns/index.ts";
import { registrationHandlers } from "#app/registration/index.ts";

const BATCH = { batchBytes: BATCH_LIMITS.batchBytes, batchRecords: BATCH_LIMITS.records };

export interface Tls {
  keyPem: string;
  certPem: string;
}

/** The status server: registration, heartbeats, cases, forensic packages, patterns. */
export function createStatusServer(core: Core, tls: Tls, dataDir: string): FastifyInstance {
  const app = createHttpServer({ name: "status-server", log: core.log, tls: { ...tls, askClientCertificate: true } });
  registerStatusServer(app, {
    identity: limitedIdentity(core),
    credentials: { check: core.customers.checkCredentials },
    role: "status-server",
    ...registrationHandlers({
      registerProduct: core.registration.register,
      renewProduct: core.registration.renew,
      unregister: core.registration.unregister,
      patternRootOf: async (customer) => {
        const known = await core.customers.store.find(PROVIDER, customer);
        if (known === null) throw new AppError("customer.unknown", { customer });
        return known.patternRoot;
      },
      caPem: () => core.authority.caPem,
      sshHostKeys: () => core.sshHostKey.fingerprints(),
      limits: { ...BATCH, packageBytes: core.limits.packageBytes },
      audit: core.audit,
      clock: core.clock,
    }),
    heartbeats: heartbeatHandlers({
      recordHeartbeat: core.heartbeats.record,
      waitingDirectives: core.heartbeats.store.waitingDirectives,
      positions: core.intake.positions,
      waiters: core.heartbeats.waiters,
      rulesOf: core.customers.rulesOf,
      limitsOf: async (peer) => ({ ...BATCH, ...(await core.keepLimits.told(peer)) }),
      clock: core.clock,
    }),
    trust: () => announcedTrust(core.authority, core.sshHostKey),
    cases: caseHandlers({ putCase: core.cases.put, store: core.cases.store }),
    packages: packageHandlers({
      directory: join(dataDir, "blobs", "uploads"),
      take: core.forensics.take,
      admit: () => core.disk.admit("forensics"),
      admitPackage: core.keepLimits.admitPackage,
      tookPackage: core.keepLimits.tookPackage,
    }),
    patterns: repositoryHandlers({ repositories: core.patterns.repositories, readBlob: core.blobs.read }),
  });
  return app;
}

/** Who speaks, and how often it may. */
function limitedIdentity({ registration, keepLimits }: Core): IdentitySource {
  return { ...registration.identity, admitRequest: keepLimits.admitRequest };
}

/** Both log servers over one intake: whatever the transport, the same bytes are decided the same way. */
export function createLogServers(core: Core, tls: Tls, meter: PortalMeter) {
  const intake = meter.intake(
    createBatchIntake({
      directory: core.blobs.directory,
      store: meter.store(core.intake),
      admission: {
        async admit(stream, peer) {
          await core.disk.admit(stream);
          await core.keepLimits.admitBytes(peer);
        },
      },
      clock: core.clock,
    }),
  );
  const identity = limitedIdentity(core);
  const credentials = { check: core.customers.checkCredentials };
  const ssl = createHttpServer({ name: "log-server", log: core.log, tls: { ...tls, askClientCertificate: true } });
  registerLogServer(ssl, { identity, credentials, intake });
  const ssh = createSshLogServer({ hostKeyPem: () => core.sshHostKey.privatePem, identity, credentials, intake });
  return { ssl, ssh };
}
