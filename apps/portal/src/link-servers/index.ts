export { createLogServers, createStatusServer } from "./app.ts";
