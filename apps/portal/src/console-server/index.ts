export { type ConsoleOptions, createConsoleServer } from "./app.ts";
