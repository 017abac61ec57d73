import { posix } from "node:path";
import ssh2, { type Attributes, type SFTPWrapper } from "ssh2";
import { SftpUploads } from "./sftp-uploads.ts";
import type { SshSession } from "./ssh-session.ts";

// The SFTP face of a log server: write-only /in/, and /out/position.json with the last answer of this product.
// I1  A name from a client never becomes a path: it must match one pattern and is kept as a key in memory.
// I2  rename within /in/ is the commit; its status comes after the commit. OK = accepted or duplicate.
// I3  Reading, listing and removing what was sent is refused; so is everything not named here.

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;
const UPLOAD = /^\/in\/([0-9A-Za-z_-][0-9A-Za-z._-]{0,199})$/;
const POSITION = "/out/position.json";
const DIRECTORIES = ["/", "/in", "/out"];
const DIRECTORY_MODE = 0o40_700;
const FILE_MODE = 0o100_600;
const MAX_HANDLES = 16;

type Handle =
  | { kind: "upload"; name: string }
  | { kind: "directory"; path: string; listed: boolean }
  | { kind: "position"; bytes: Buffer };

export function serveSftp(sftp: SFTPWrapper, session: SshSession): void {
  const face = createFace(sftp, session);
  serveFiles(face);
  serveFolders(face);
  serveAttributes(face);
  sftp.on("end", () => {
    sayExitStatus(sftp);
    // Without it OpenSSH's sftp hangs for ever at its exit.
    sftp.end();
  });
  sftp.on("close", () => void face.uploads.discard());
  sftp.on("error", () => void face.uploads.discard());
}

/** What the handlers of one channel share. */
interface Face {
  sftp: SFTPWrapper;
  uploads: SftpUploads;
  handles: Map<number, Handle>;
  handleOf(raw: Buffer): Handle | undefined;
  opened(reqId: number, handle: Handle): void;
  denied(reqId: number): void;
  /** ssh2 drops the connection without a word if a handler throws. */
  guarded(reqId: number, work: () => Promise<void> | void): void;
}

function createFace(sftp: SFTPWrapper, session: SshSession): Face {
  const handles = new Map<number, Handle>();
  let nextHandle = 1;
  return {
    sftp,
    uploads: new SftpUploads(session),
    handles,
    handleOf: (raw) => (raw.length === 4 ? handles.get(raw.readUInt32BE(0)) : undefined),
    opened: (reqId, handle) => {
      if (handles.size >= MAX_HANDLES) return sftp.status(reqId, STATUS_CODE.FAILURE, "too many open handles");
      const id = nextHandle++;
      handles.set(id, handle);
      const raw = Buffer.alloc(4);
      raw.writeUInt32BE(id, 0);
      sftp.handle(reqId, raw);
    },
    denied: (reqId) => sftp.status(reqId, STATUS_CODE.PERMISSION_DENIED),
    guarded: (reqId, work) => {
      Promise.resolve()
        .then(work)
        .catch((error: unknown) => {
          session.deps.log?.warn({ err: error }, "sftp request failed");
          sftp.status(reqId, STATUS_CODE.FAILURE);
        });
    },
  };
}

function serveFiles(face: Face): void {
  const { sftp, uploads, handles, handleOf, opened, denied, guarded } = face;
  sftp.on("OPEN", (reqId, path, flags) =>
    guarded(reqId, async () => {
      const at = clean(path);
      const name = UPLOAD.exec(at)?.[1];
      if (at === POSITION && (flags & OPEN_MODE.WRITE) === 0) {
        return opened(reqId, { kind: "position", bytes: uploads.lastAnswer() });
      }
      if (name === undefined || (flags & OPEN_MODE.WRITE) === 0 || (flags & OPEN_MODE.READ) !== 0) return denied(reqId);
      await uploads.open(name, { truncate: (flags & OPEN_MODE.TRUNC) !== 0 });
      return opened(reqId, { kind: "upload", name });
    }),
  );
  sftp.on("WRITE", (reqId, raw, offset, data) =>
    guarded(reqId, async () => {
      const handle = handleOf(raw);
      if (handle?.kind !== "upload") return denied(reqId);
      await uploads.write(handle.name, { offset, data });
      sftp.status(reqId, STATUS_CODE.OK);
    }),
  );
  sftp.on("READ", (reqId, raw, offset, length) =>
    guarded(reqId, () => {
      const handle = handleOf(raw);
      if (handle?.kind !== "position") return denied(reqId);
      const part = handle.bytes.subarray(offset, offset + length);
      if (part.length === 0) sftp.status(reqId, STATUS_CODE.EOF);
      else sftp.data(reqId, part);
    }),
  );
  sftp.on("CLOSE", (reqId, raw) =>
    guarded(reqId, async () => {
      const handle = handleOf(raw);
      if (handle === undefined) return denied(reqId);
      handles.delete(raw.readUInt32BE(0));
      if (handle.kind === "upload") await uploads.close(handle.name);
      sftp.status(reqId, STATUS_CODE.OK);
    }),
  );
  sftp.on("RENAME", (reqId, from, to) =>
    guarded(reqId, async () => {
      const [name, final] = [UPLOAD.exec(clean(from))?.[1], UPLOAD.exec(clean(to))?.[1]];
      if (name === undefined || final === undefined) return denied(reqId);
      const answer = await uploads.commit(name, final);
      const ok = answer.outcome === "accepted" || answer.outcome === "duplicate";
      sftp.status(reqId, ok ? STATUS_CODE.OK : STATUS_CODE.FAILURE, ok ? answer.outcome : answer.code);
    }),
  );
}

function serveFolders(face: Face): void {
  const { sftp, uploads, handleOf, opened, denied, guarded } = face;
  sftp.on("OPENDIR", (reqId, path) =>
    guarded(reqId, () => {
      const at = clean(path);
      if (!DIRECTORIES.includes(at)) return sftp.status(reqId, STATUS_CODE.NO_SUCH_FILE);
      opened(reqId, { kind: "directory", path: at, listed: false });
    }),
  );
  sftp.on("READDIR", (reqId, raw) =>
    guarded(reqId, () => {
      const handle = handleOf(raw);
      if (handle?.kind !== "directory") return denied(reqId);
      const names = handle.listed ? [] : entriesOf(handle.path);
      handle.listed = true;
      if (names.length === 0) return sftp.status(reqId, STATUS_CODE.EOF);
      sftp.name(
        reqId,
        names.map((name) => entry(name, uploads.lastAnswer().length)),
      );
    }),
  );
  sftp.on("REALPATH", (reqId, path) =>
    guarded(reqId, () => sftp.name(reqId, [{ filename: clean(path), longname: "", attrs: attrs(DIRECTORY_MODE, 0) }])),
  );
  // Clients set times and modes after a put; here they mean nothing.
  sftp.on("FSETSTAT", (reqId) => sftp.status(reqId, STATUS_CODE.OK));
  sftp.on("SETSTAT", (reqId) => sftp.status(reqId, STATUS_CODE.OK));
  for (const event of ["REMOVE", "RMDIR", "MKDIR", "READLINK", "SYMLINK"] as const) {
    sftp.on(event as "REMOVE", (reqId: number) => denied(reqId));
  }
}

function serveAttributes(face: Face): void {
  const { sftp, uploads, handleOf, denied, guarded } = face;
  const attributes = async (reqId: number, path: string) => {
    const at = clean(path);
    const name = UPLOAD.exec(at)?.[1];
    const size = name === undefined ? null : uploads.sizeOf(name);
    if (DIRECTORIES.includes(at)) return sftp.attrs(reqId, attrs(DIRECTORY_MODE, 0));
    if (at === POSITION) return sftp.attrs(reqId, attrs(FILE_MODE, uploads.lastAnswer().length));
    if (size !== null) return sftp.attrs(reqId, attrs(FILE_MODE, size));
    return sftp.status(reqId, STATUS_CODE.NO_SUCH_FILE);
  };
  sftp.on("STAT", (reqId, path) => guarded(reqId, () => attributes(reqId, path)));
  sftp.on("LSTAT", (reqId, path) => guarded(reqId, () => attributes(reqId, path)));
  sftp.on("FSTAT", (reqId, raw) =>
    guarded(reqId, () => {
      const handle = handleOf(raw);
      if (handle?.kind === "upload") return attributes(reqId, `/in/${handle.name}`);
      if (handle?.kind === "position") return attributes(reqId, POSITION);
      return denied(reqId);
    }),
  );
}

/** `scp` returns 1 unless an exit status comes before the close; ssh2 has no public call for it, hence the test. */
function sayExitStatus(sftp: SFTPWrapper): void {
  const inside = sftp as unknown as {
    _protocol?: { exitStatus?(id: number, status: number): void };
    outgoing?: { id?: number };
  };
  if (inside.outgoing?.id !== undefined) inside._protocol?.exitStatus?.(inside.outgoing.id, 0);
}

function clean(path: string): string {
  return posix.normalize(posix.join("/", path)).replace(/(.)\/$/, "$1");
}

function entriesOf(directory: string): string[] {
  if (directory === "/") return ["in", "out"];
  return directory === "/out" ? ["position.json"] : [];
}

function entry(name: string, positionBytes: number) {
  const isFile = name.endsWith(".json");
  const longname = isFile ? `-rw------- 1 tms tms ${positionBytes} ${name}` : `drwx------ 1 tms tms 0 ${name}`;
  return { filename: name, longname, attrs: attrs(isFile ? FILE_MODE : DIRECTORY_MODE, isFile ? positionBytes : 0) };
}

function attrs(mode: number, size: number): Attributes {
  return { mode, size, uid: 0, gid: 0, atime: 0, mtime: 0 };
}
