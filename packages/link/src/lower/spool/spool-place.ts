import type { Disk } from "../../disk/disk.ts";
import type { DurableDirectories } from "../../disk/durable-directories.ts";

/** Where one stream lies. */
export interface SpoolPlace {
  disk: Disk;
  directories: DurableDirectories;
  directory: string;
}
