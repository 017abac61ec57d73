import { AppError, type Clock, type CustomerScope, type PatternState, type Sha256 } from "@tms/records";
import { type CheckedRoleFile, checkRoleFile, describeRoleFile } from "@tms/signing";
import { addsOnly, type CustomPattern, stateAfterSignatures, waitsForSignature } from "./custom-pattern.ts";
import { publishOnline } from "./publish-online.ts";
import type { RepositoryTransaction } from "./repository.ts";

// Signatures arrive as a whole role file, made and signed on the experts' own machines.
// S1  The portal holds no expert's key; it only checks what arrives against the customer's own top-level targets.
// S2  The file must say what is in force plus this one pattern, in the next version, and keep the signatures so far.
// S3  The signature that reaches the role's threshold publishes: role file, snapshot, timestamp in one transaction,
//     with the job that tells everybody.

export interface SigningTransaction extends RepositoryTransaction {
  pattern: CustomPattern | null;
  /** Another pattern of this role that waits with signatures. */
  hasOtherOpen: boolean;
  /** The highest version of this pattern that was ever issued; 0 for none. */
  newestIssued: number;
  keepProposal(proposal: {
    bytes: Buffer;
    version: number;
    state: PatternState;
    needed: number;
    signers: readonly { keyId: Sha256; name: string }[];
  }): Promise<void>;
  /** Marks the pattern issued, older issued versions superseded, and sends the job `pattern-issued`. */
  issue(): Promise<void>;
}

export interface SignPatternDeps {
  lockedForSigning<T>(
    scope: CustomerScope,
    pattern: { id: string; version: number },
    work: (tx: SigningTransaction) => Promise<T>,
  ): Promise<T>;
  putBlob(scope: CustomerScope, name: string, bytes: Uint8Array): Promise<string>;
  clock: Clock;
}

/**
 * Takes the role file with one more signature.
 *
 * @throws {AppError} `pattern.unknown`, `pattern.state_wrong`, `pattern.version_open`, `pattern.metadata_invalid`,
 *   `pattern.metadata_rolled_back`, `pattern.key_foreign`, `pattern.key_repeated`, `pattern.signature_invalid`,
 *   `pattern.signature_missing`.
 */
export function createSignPattern(deps: SignPatternDeps) {
  return (scope: CustomerScope, asked: { id: string; version: number }, roleFile: Buffer): Promise<PatternState> =>
    deps.lockedForSigning(scope, asked, async (tx) => {
      const pattern = signable(tx, asked);
      const checked = await judge(tx, pattern, roleFile);
      const state = stateAfterSignatures(checked.signers.length, checked.threshold);
      await tx.keepProposal({
        bytes: roleFile,
        version: checked.version,
        state: state === "issued" ? pattern.state : state,
        needed: checked.threshold,
        signers: checked.signers,
      });
      if (state !== "issued") return state;
      await publish(deps, tx, { scope, pattern, roleFile, version: checked.version });
      await tx.issue();
      return "issued";
    });
}

function signable(tx: SigningTransaction, asked: { id: string; version: number }): CustomPattern {
  const { pattern } = tx;
  if (pattern === null) throw new AppError("pattern.unknown", asked);
  // An older version never takes the place of a newer one: both have the same name in the repository.
  if (!waitsForSignature(pattern.state) || pattern.version < tx.newestIssued) {
    throw new AppError("pattern.state_wrong", { ...asked, state: pattern.state, newestIssued: tx.newestIssued });
  }
  if (tx.hasOtherOpen) throw new AppError("pattern.version_open", { role: pattern.role });
  return pattern;
}

async function judge(tx: SigningTransaction, pattern: CustomPattern, roleFile: Buffer): Promise<CheckedRoleFile> {
  const delegating = await tx.metadata(`${tx.state.targets}.targets.json`);
  const checked = checkRoleFile(roleFile, pattern.role, delegating, "one");
  const versionInForce = tx.state.roles[pattern.role] ?? 0;
  if (checked.version !== versionInForce + 1) {
    const code = checked.version <= versionInForce ? "pattern.metadata_rolled_back" : "pattern.metadata_invalid";
    throw new AppError(code, { version: checked.version, inForce: versionInForce });
  }
  const inForce =
    versionInForce === 0 ? [] : describeRoleFile(await tx.metadata(`${versionInForce}.${pattern.role}.json`)).targets;
  const target = { path: pattern.targetPath, sha256: pattern.digest, sizeBytes: pattern.bytes.length };
  if (!addsOnly(checked.targets, inForce, target)) {
    throw new AppError("pattern.metadata_invalid", { reason: "the role file says more or less than this pattern" });
  }
  refuseLostSignatures(pattern, checked);
  return checked;
}

/** Each upload adds a signature by another key and drops none. */
function refuseLostSignatures(pattern: CustomPattern, checked: CheckedRoleFile): void {
  const given = new Set(checked.signers.map((signer) => signer.keyId));
  if (pattern.signatures.some((before) => !given.has(before.keyId))) {
    throw new AppError("pattern.signature_missing", {
      id: pattern.id,
      reason: "an earlier signature is not in the file",
    });
  }
  if (given.size === pattern.signatures.length) throw new AppError("pattern.key_repeated", { id: pattern.id });
}

async function publish(
  deps: SignPatternDeps,
  tx: SigningTransaction,
  issue: { scope: CustomerScope; pattern: CustomPattern; roleFile: Buffer; version: number },
): Promise<void> {
  const { scope, pattern, roleFile, version } = issue;
  const blobKey = await deps.putBlob(scope, `patterns/${pattern.digest}`, pattern.bytes);
  await tx.putTarget({ path: pattern.targetPath, sha256: pattern.digest, sizeBytes: pattern.bytes.length, blobKey });
  await tx.putMetadata(`${version}.${pattern.role}.json`, roleFile);
  const roles = { ...tx.state.roles, [pattern.role]: version };
  await publishOnline(tx, { targets: tx.state.targets, roles }, deps.clock.now());
}
