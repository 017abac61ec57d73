import { readFile } from "node:fs/promises";
import type { Installation } from "@tms/contracts";
import { spkiOfCertificate } from "@tms/link";
import { trustOf } from "@tms/link/lower";
import { AppError } from "@tms/records";
import { Agent, fetch } from "undici";
import { z } from "zod";
import { exists } from "../shell/files.ts";
import { type Check, type DoctorDeps, good, wrong, wrongBy } from "./check.ts";
import { chainAt } from "./peer-chain.ts";

/** Of an agent's pins: where its mitigator is, and how it is known. */
const pinsSchema = z.object({
  caPin: z.string(),
  addresses: z.array(z.object({ host: z.string(), port: z.number() })).min(1),
});

/** Of an identity, by what its upper party is known since: the CA may have rolled over. */
const identitySchema = z.object({ caPem: z.string() });

const ANSWER_WITHIN_MS = 10_000;
/** The header has whole seconds; what is judged is a clock that is minutes off. */
const MAX_CLOCK_OFFSET_MS = 60_000;

/** An agent reaches its mitigator, and both have the same time. A mitigator's way up is judged by Test Connection. */
export async function checkUpper({ pinsFile, identityFile }: Installation, deps: DoctorDeps): Promise<Check[]> {
  if (pinsFile === null) return [];
  const id = "address-mitigator";
  if (!(await exists(pinsFile))) return [good(id, "not enrolled yet")];
  const { caPin, addresses } = pinsSchema.parse(JSON.parse(await readFile(pinsFile, "utf8")));
  const [address] = addresses;
  if (address === undefined) return [];
  const shown = `${address.host} port ${address.port}`;
  try {
    const signal = AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
    const chain = await chainAt(address, signal);
    const known = [caPin, ...(await pinsOfIdentity(identityFile))];
    if (!chain.some((one) => known.includes(spkiOfCertificate(one)))) return [wrong(id, "link.pin_mismatch", shown)];
    return [good(id, `${shown} answers.`), await checkItsClock(address, { signal, now: deps.now })];
  } catch (error) {
    return [wrongBy(id, error)];
  }
}

async function pinsOfIdentity(file: string | null): Promise<string[]> {
  if (file === null || !(await exists(file))) return [];
  const identity = identitySchema.safeParse(JSON.parse(await readFile(file, "utf8")));
  return identity.success ? trustOf({ ...identity.data, sshHostKeys: [] }).caPins : [];
}

async function checkItsClock(
  address: { host: string; port: number },
  { signal, now }: { signal: AbortSignal; now: () => Date },
): Promise<Check> {
  const id = "clock-mitigator";
  // Whose certificate it is was judged before; here only its time is read, which nothing is decided by.
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const host = address.host.includes(":") ? `[${address.host}]` : address.host;
    const answer = await fetch(`https://${host}:${address.port}/`, { dispatcher, signal });
    await answer.body?.cancel();
    const offsetMs = new Date(answer.headers.get("date") ?? Number.NaN).getTime() - now().getTime();
    if (Number.isNaN(offsetMs)) return good(id, "The mitigator tells no time.");
    const found = `The mitigator's clock is ${Math.round(offsetMs / 1000)} s from this machine's.`;
    return Math.abs(offsetMs) > MAX_CLOCK_OFFSET_MS ? wrong(id, "clock.wrong", found) : good(id, found);
  } catch (error) {
    return wrongBy(id, new AppError("link.unreachable", { ...address }, { cause: error }));
  } finally {
    await dispatcher.destroy();
  }
}
