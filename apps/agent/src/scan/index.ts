export { FileScanner, type ScanHit, type ScanReport } from "./file-scanner.ts";
export { type ReadFile, readWholeFile } from "./read-file.ts";
export { createScanLoop, type ScanLoop, type Unscanned } from "./scan-loop.ts";
export { type FoundFile, type Walk, walkFiles } from "./walk-files.ts";
