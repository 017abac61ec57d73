import type { BatchTransport, LogServerAddress } from "./batch-transport.ts";
import type { Dial } from "./dial/dial.ts";
import type { LowerKeys } from "./lower-keys.ts";
import type { StoredIdentity } from "./register-lower.ts";
import { SshBatchTransport } from "./ssh-batch-transport.ts";
import { createSslTransport } from "./ssl-batch-transport.ts";

export function createBatchTransport(
  to: LogServerAddress,
  who: { keys: LowerKeys; identity: StoredIdentity; dial: Dial },
): BatchTransport {
  return to.protocol === "ssl" ? createSslTransport(to, who) : new SshBatchTransport(to, who);
}
