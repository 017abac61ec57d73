export { type CollectOrder, createPackageCollector, type PackageUpload } from "./collect-package.ts";
