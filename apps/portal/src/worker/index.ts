export { announceIssued, startWorker } from "./app.ts";
