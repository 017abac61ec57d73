import { AppError } from "@tms/records";
import ssh2 from "ssh2";

/** 20 of 3,000 keys came out malformed (ssh2 1.17, in a trial); eight in a row will not happen twice in a lifetime. */
const MAX_TRIES = 8;

/**
 * Makes an Ed25519 key in OpenSSH's form.
 *
 * ssh2 writes about one key in 150 in a form that neither it nor OpenSSH reads back, so each is read back first.
 *
 * @param generate Passed by tests only.
 */
export function makeSshKey(generate = () => ssh2.utils.generateKeyPairSync("ed25519").private): string {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const made = generate();
    if (!(ssh2.utils.parseKey(made) instanceof Error)) return made;
  }
  throw new AppError("server.internal", { reason: "no SSH key could be made" });
}
