export { type BlobStore, createBlobStore } from "./blob-store.ts";
