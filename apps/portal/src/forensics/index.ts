export { type CustodyEntry, custodyHash, firstBrokenLink } from "./custody.ts";
export { packageHandlers, packageViews, registerDownloadRoute } from "./forensics-routes.ts";
export { createForensicsStore, type ForensicsStore } from "./forensics-store.ts";
export { createTakePackage } from "./take-package.ts";
