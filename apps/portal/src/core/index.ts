export { type Core, type CoreDeps, createCore, PROVIDER, QUEUES } from "./core.ts";
