import { readFile } from "node:fs/promises";
import type { Installation } from "@tms/contracts";
import { type CertificatePair, daysLeft, demandServable, endingStage, readCertificatePair } from "@tms/server-kit";
import { z } from "zod";
import { exists } from "../shell/files.ts";
import { type Check, type DoctorDeps, good, warning, wrong, wrongBy } from "./check.ts";

type Certificate = Installation["certificates"][number];

/** Of a lower party's identity file, what an end can be read from. */
const identitySchema = z.object({ certificateNotAfter: z.iso.datetime() });

/** Own CA, the operator's pair for the console, and the certificate that an upper party gave. */
export async function checkCertificates(installation: Installation, deps: DoctorDeps): Promise<Check[]> {
  const checks: Check[] = [];
  for (const certificate of installation.certificates) checks.push(await checkPair(certificate, deps.now()));
  if (installation.identityFile !== null) checks.push(await checkIdentity(installation.identityFile, deps.now()));
  return checks;
}

async function checkPair(certificate: Certificate, now: Date): Promise<Check> {
  const id = `certificate-${certificate.id}`;
  const there = [await exists(certificate.certFile), await exists(certificate.keyFile)];
  if (certificate.from === "own" && !there.includes(true)) {
    return good(id, `${certificate.certFile} is made at the first start.`);
  }
  try {
    const pair = await readCertificatePair(certificate);
    demandServable(pair, { now, name: certificate.mustName });
    return judgeEnd(id, pair, now);
  } catch (error) {
    return wrongBy(id, error);
  }
}

/** A month before its end it is a warning, in the last week it is wrong: somebody has to act. */
function judgeEnd(id: string, pair: Pick<CertificatePair, "notAfter">, now: Date): Check {
  const found = `ends ${pair.notAfter.toISOString()}, ${daysLeft(pair.notAfter, now)} days left`;
  switch (endingStage(pair.notAfter, now)) {
    case null:
      return good(id, found);
    case 30:
      return warning(id, "certificate.ends_soon", found);
    case "ended":
      return wrong(id, "certificate.expired", found);
    default:
      return wrong(id, "certificate.ends_soon", found);
  }
}

async function checkIdentity(file: string, now: Date): Promise<Check> {
  const id = "certificate-identity";
  if (!(await exists(file))) return good(id, "not registered yet");
  const parsed = identitySchema.safeParse(JSON.parse(await readFile(file, "utf8")));
  if (!parsed.success) return wrong(id, "certificate.unreadable", file);
  const notAfter = new Date(parsed.data.certificateNotAfter);
  return judgeEnd(id, { notAfter }, now);
}
