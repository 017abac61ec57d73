import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@tms/records";
import { expect, onTestFinished, test } from "vitest";
import { directoryError, makePrivateDirectory, writePrivateFile } from "./private-directory.ts";

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "tms-private-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

test("closes a directory to others even if it stood open", async () => {
  const directory = await folder();
  await chmod(directory, 0o755);

  await makePrivateDirectory(directory);

  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test("tells a full disk from a directory that is not ours", () => {
  const codeOf = (code: string) => {
    const told = directoryError(Object.assign(new Error(code), { code }), "/data");
    return told instanceof AppError ? told.code : "unchanged";
  };

  expect(["ENOSPC", "EDQUOT", "EACCES", "EROFS", "ENOTDIR", "EIO"].map(codeOf)).toEqual([
    "start.directory_full",
    "start.directory_full",
    "start.directory_unwritable",
    "start.directory_unwritable",
    "start.directory_unwritable",
    "unchanged",
  ]);
});

test("writes a file whole, for its owner alone, over what stood there", async () => {
  const file = join(await folder(), "password");

  await writePrivateFile(file, "first");
  await writePrivateFile(file, "second");

  expect(await readFile(file, "utf8")).toBe("second");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});
