// What a pattern may name on an endpoint: one exact absolute path, or a folder; never a set described by wildcards.

/** Longest path that Linux takes. */
const MAX_PATH = 4096;

/** Nothing below these is ever moved or killed by name: the machine would not survive a mistake there. */
const PROTECTED_TREES = ["/bin", "/boot", "/dev", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"];

/** These files decide who may log on or whether the machine starts; no step edits or moves them. */
const PROTECTED_FILES = [
  "/etc/fstab",
  "/etc/group",
  "/etc/gshadow",
  "/etc/passwd",
  "/etc/shadow",
  "/etc/ssh/sshd_config",
  "/etc/sudoers",
];

/** Whether text is one exact, normal, absolute path: no wildcard, no `.` or `..`, no double or trailing slash. */
export function isExactPath(text: string): boolean {
  if (text.length < 2 || text.length > MAX_PATH || !text.startsWith("/")) return false;
  // Wildcards are legal in file names; refusing them keeps a path from ever meaning more than one file.
  if (/[\p{Cc}\p{Cs}*?[\]{}\\]/u.test(text)) return false;
  const parts = text.slice(1).split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== ".." && part.length <= 255);
}

/** Whether a path may be quarantined, edited or killed by name at all, whatever an endpoint's own confinement says. */
export function isProtectedPath(path: string): boolean {
  return PROTECTED_FILES.includes(path) || PROTECTED_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`));
}

/** Whether `path` is `folder` or lies below it, by whole components. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
