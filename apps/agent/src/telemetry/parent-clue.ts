import type { ParentClue, ProcessKey } from "@tms/root-cause";
import type { ProcessStat } from "./proc-reader.ts";

/** Programs that start first and take over the children of whoever ends; compared with the base name of the image. */
const REAPERS =
  /^(?:systemd|init|launchd|docker-init|tini|tini-static|dumb-init|catatonit|s6-svscan|runit|runsvdir|containerd-shim.*|conmon|openrc-init)$/;

interface KnownProcess {
  key: ProcessKey;
  stat: ProcessStat;
  imageName: string;
}

/**
 * Who started a process, as far as its parent's pid can tell: the kernel gives an orphan's children to pid 1 or to a
 * process that asked for them, and then the number names somebody who started nothing.
 */
export function parentClueOf(child: ProcessStat, parent: KnownProcess | null): ParentClue {
  if (child.isKernelThread || child.pid === 1) return { kind: "none" };
  if (child.parentPid === 0) return unseen("Its parent is outside of what this agent can see.");
  if (child.parentPid === 1) return unseen("Its parent had ended before it was seen; process 1 took it over.");
  if (parent === null) return unseen("Its parent had ended before it was seen.");
  if (BigInt(parent.stat.startTicks) > BigInt(child.startTicks)) {
    return unseen(
      "Its parent had ended before it was seen, and the parent's process id belongs to a younger process now.",
    );
  }
  const leadsOwnSession = child.session === child.pid;
  if (!leadsOwnSession && parent.stat.session !== child.session) {
    // A child is born into its parent's session and can only leave it by leading one of its own.
    return unseen(
      `Its parent had ended before it was seen; process ${parent.stat.pid} of another session took it over.`,
    );
  }
  if (REAPERS.test(parent.imageName)) {
    return unseen(`Its parent had ended before it was seen; ${parent.imageName} took it over.`);
  }
  return { kind: "process", key: parent.key };
}

function unseen(reason: string): ParentClue {
  return { kind: "not-observed", reason };
}
